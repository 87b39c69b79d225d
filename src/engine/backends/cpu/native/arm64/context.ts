// What the selection of arm64 instructions for one function shares.

import type { Expr, LaneExpr, Var } from "../../simd/expr.ts";
import type { Doubling } from "../../simd/pairs.ts";
import type { Register } from "../code.ts";
import { type Context as CommonContext, isVector, registerOf } from "../context.ts";
import type { System } from "../system.ts";
import type { Assembler } from "./assembler.ts";

export interface Context extends CommonContext<Assembler> {
  readonly system: System<Assembler>;
  /** Computes an integer into a register. */
  readonly integerInto: (e: Expr, to: Register) => Register;
  /** Computes a vector or a float into a register. */
  readonly vectorInto: (e: Expr, to: Register) => Register;
  /** An operation on lanes, whose result may be an integer. */
  readonly lane: (e: LaneExpr, to: Register) => Register;
  /** Makes two vectors of those that a block of two speaks of. */
  readonly doubling: Doubling;
  /** The registers of constants that a loop keeps, by their words (see constants.ts). */
  readonly constants: Map<string, Register>;
  /** Variables of which only lane 0 is computed (see scalars.ts). */
  readonly scalars: ReadonlySet<Var>;
}

/** Bytes of a vector register. */
const VECTOR_BYTES = 16;

export const newVector = ({ code }: Context): Register => code.vector(VECTOR_BYTES);

/** A register with the value, which must not be written to: it may be a variable's, or a loop's. */
export function vector(c: Context, e: Expr): Register {
  if (e.kind === "var") return registerOf(c, e);
  const kept = e.kind === "vconst" ? c.constants.get(e.words.join()) : undefined;
  return kept ?? c.vectorInto(e, newVector(c));
}
export const integer = (c: Context, e: Expr): Register =>
  e.kind === "var" ? registerOf(c, e) : c.integerInto(e, c.code.int());

/** A register for a variable that begins to live. */
export function introduce(c: Context, variable: Var): Register {
  const register = isVector(variable.type) ? newVector(c) : c.code.int();
  c.variables.set(variable, register);
  return register;
}
