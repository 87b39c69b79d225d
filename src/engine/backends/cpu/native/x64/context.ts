// What the selection of instructions for one function shares.

import type { Expr, LaneExpr, ValueType, Var } from "../../simd/expr.ts";
import type { FunctionRef } from "../../simd/statement.ts";
import type { Code, Places, Register } from "../code.ts";
import type { Assembler, Label, Width } from "./assembler.ts";
import type { Memory } from "./registers.ts";
import type { System } from "./system.ts";

/** What the functions of a module share. */
export interface ModuleContext {
  /** Where in the code a function that is called begins. */
  readonly target: (f: FunctionRef) => Label;
  /** The table of functions. */
  readonly table: Label;
  readonly system: System;
}

/** The vectors in a register, and the vectors that the kernel speaks of. */
export interface Form {
  readonly width: Width;
  readonly group: Width;
}

export interface Context extends ModuleContext {
  /** Computes a vector or a float into a register. */
  readonly vectorInto: (e: Expr, form: Form, to: Register) => Register;
  /** An operation on lanes of one vector, whose result may be an integer. */
  readonly lane: (e: LaneExpr, to: Register) => Register;
  readonly code: Code<Assembler>;
  /** EVEX instructions and 32 vector registers. */
  readonly evex: boolean;
  readonly variables: Map<Var, Register>;
  /** How many vectors the register of a v128 variable holds, where it is more than one. */
  readonly widths: ReadonlyMap<Var, Width>;
  /** Leaves the function. */
  readonly exit: (a: Assembler) => void;
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

/** The register of a variable that has been written. */
export function registerOf({ variables }: Context, variable: Var): Register {
  const register = variables.get(variable);
  if (register === undefined) throw new Error("a variable is used outside the block it was made in");
  return register;
}

export const isVector = (type: ValueType): boolean => type === "v128" || type === "f32" || type === "f64";

/** A register for a variable that begins to live. */
export function introduce({ code, variables, widths }: Context, variable: Var): Register {
  const register = isVector(variable.type) ? code.vector(16 * (widths.get(variable) ?? 1)) : code.int();
  variables.set(variable, register);
  return register;
}
