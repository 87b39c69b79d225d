// Operands of vector instructions: registers, memory and constants.
//
// An expression has a width, the number of 128-bit vectors that its register holds, and a group, the number that its
// place in the kernel speaks of (see `KernelBuilder.vectors`). Where the register is wider than the group, every vector
// in it is the same.

import type { Expr } from "../../simd/expr.ts";
import type { Register } from "../code.ts";
import { registerOf } from "../context.ts";
import type { Width } from "./assembler.ts";
import { type Context, type Form, placed, registersOf } from "./context.ts";
import { addressOf } from "./integers.ts";
import type { Operand } from "./registers.ts";

export const NARROW: Form = { width: 1, group: 1 };

export const newVector = (c: Context, width: Width): Register => c.code.vector(16 * width);

/** A register with the value, which must not be written to: it may be a variable's. */
export function vector(c: Context, e: Expr, form: Form): Register {
  if (e.kind === "var") {
    const register = registerOf(c, e);
    if ((c.widths.get(e) ?? 1) < form.width && e.type === "v128")
      throw new Error("a variable is narrower than its use");
    return register;
  }
  return c.vectorInto(e, form, newVector(c, form.width));
}

/** A constant in memory. */
export const pool = (words: readonly number[]): Operand => ({ kind: "pool", words });
export const repeat = (words: readonly number[], width: Width): number[] =>
  Array.from({ length: width }, () => words).flat();

/** The last operand of an instruction: a register, a place in memory or a constant. */
export interface Last {
  readonly reads: readonly Register[];
  readonly broadcast: boolean;
  readonly at: (at: (register: Register) => number) => Operand;
}

/** Whether an operand can be read from memory by the instruction that uses it. */
export function isMemory(c: Context, e: Expr, { width, group }: Form): boolean {
  if (e.kind === "vconst") return e.words.some((word) => word !== 0);
  if (e.kind !== "load") return false;
  return (e.op === "v128.load" && width === group) || (e.op === "v128.load32_splat" && c.evex);
}

/** The operand as it stands where `isMemory`, otherwise in a register. */
export function last(c: Context, e: Expr, form: Form): Last {
  if (isMemory(c, e, form)) {
    if (e.kind === "load") {
      const from = addressOf(c, e.address, e.offset);
      const broadcast = e.op === "v128.load32_splat";
      return { reads: registersOf(from), broadcast, at: (at) => placed(from, at) };
    }
    if (e.kind === "vconst") {
      const broadcast = c.evex && e.words.every((word) => word === e.words[0]);
      const words = broadcast ? [e.words[0]] : repeat(e.words, form.width);
      return { reads: [], broadcast, at: () => pool(words) };
    }
  }
  const register = vector(c, e, form);
  return { reads: [register], broadcast: false, at: (at) => at(register) };
}

export const inRegister = (register: Register): Last => ({
  reads: [register],
  broadcast: false,
  at: (at) => at(register),
});
