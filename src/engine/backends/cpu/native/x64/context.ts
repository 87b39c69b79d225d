// What the selection of instructions for one function shares.

import type { Expr, LaneExpr, Var } from "../../simd/expr.ts";
import type { Places, Register } from "../code.ts";
import { type Context as CommonContext, isVector } from "../context.ts";
import type { Assembler, Width } from "./assembler.ts";
import type { Memory } from "./registers.ts";
import type { X64System } from "./system.ts";

/** The vectors in a register, and the vectors that the kernel speaks of. */
export interface Form {
  readonly width: Width;
  readonly group: Width;
}

export interface Context extends CommonContext<Assembler> {
  readonly system: X64System;
  /** Computes a vector or a float into a register. */
  readonly vectorInto: (e: Expr, form: Form, to: Register) => Register;
  /** An operation on lanes of one vector, whose result may be an integer. */
  readonly lane: (e: LaneExpr, to: Register) => Register;
  /** EVEX instructions and 32 vector registers. */
  readonly evex: boolean;
  /** How many vectors the register of a v128 variable holds, where it is more than one. */
  readonly widths: ReadonlyMap<Var, Width>;
}

/** A place in memory whose registers are virtual. */
export interface Address {
  readonly base: Register;
  readonly index?: Register | undefined;
  readonly scale?: 1 | 2 | 4 | 8 | undefined;
  readonly disp: number;
}

export const registersOf = ({ base, index }: Address): Register[] =>
  index === undefined ? [base] : [base, index];

/** With the machine's registers. */
export const placed = ({ base, index, scale, disp }: Address, at: Places): Memory => ({
  kind: "address",
  base: at(base),
  index: index === undefined ? undefined : at(index),
  scale,
  disp,
});

/** A register for a variable that begins to live. */
export function introduce({ code, variables, widths }: Context, variable: Var): Register {
  const register = isVector(variable.type) ? code.vector(16 * (widths.get(variable) ?? 1)) : code.int();
  variables.set(variable, register);
  return register;
}
