// Addresses: sums of integers, in the forms that instructions have for them.

import type { Expr } from "../../simd/expr.ts";
import type { Places, Register } from "../code.ts";
import { number, sumOf } from "../sums.ts";
import type { Assembler } from "./assembler.ts";
import { type Context, integer } from "./context.ts";
import { isSumImmediate } from "./immediates.ts";
import { isOffset } from "./memory_opcodes.ts";
import { type Memory, X16, X17 } from "./registers.ts";

/** base + (index << shift) + disp, in virtual registers. */
export interface Address {
  readonly base: Register;
  readonly index?: Register | undefined;
  readonly shift: number;
  readonly disp: number;
}

export const registersOf = ({ base, index }: Address): Register[] =>
  index === undefined ? [base] : [base, index];

/** A sum and a constant as an address. */
export function addressOf(c: Context, e: Expr, offset: number): Address {
  const { terms, constant } = sumOf(e, offset);
  const [first, ...others] = terms;
  if (first === undefined) return { base: integer(c, number(constant)), shift: 0, disp: 0 };
  const last = others.pop();
  const base = others.reduce(
    (sum, term) => {
      const { register, shift } = shifted(c, term);
      const to = c.code.int();
      c.code.add([to], [sum, register], (a, at) => a.add(at(to), at(sum), at(register), shift));
      return to;
    },
    integer(c, first),
  );
  if (last === undefined) return { base, shift: 0, disp: constant };
  const { register: index, shift } = shifted(c, last);
  return { base, index, shift, disp: constant };
}

/** A term of a sum, whose shift by a constant the sum can do. */
function shifted(c: Context, e: Expr): { readonly register: Register; readonly shift: number } {
  const [x, by] = e.kind === "op" && e.op === "i32.shl" ? e.args : [];
  if (x !== undefined && by?.kind === "const") return { register: integer(c, x), shift: by.value & 31 };
  return { register: integer(c, e), shift: 0 };
}

/** The place for an instruction that moves so many bytes; what it cannot reach is computed before, in x16 and x17. */
export function placed(
  a: Assembler,
  { base, index, shift, disp }: Address,
  at: Places,
  bytes: number,
): Memory {
  if (index === undefined) return reach(a, at(base), disp, bytes);
  if (disp === 0 && (shift === 0 || 1 << shift === bytes)) return { base: at(base), index: at(index), shift };
  a.add(X16, at(base), at(index), shift);
  return reach(a, X16, disp, bytes);
}

/** The place `disp` bytes from a base, which may be the stack pointer. */
export function reach(a: Assembler, base: number, disp: number, bytes: number): Memory {
  if (isOffset(disp, bytes)) return { base, disp };
  const low = disp & 0xfff;
  const high = disp - low;
  if (isSumImmediate(high) && isOffset(low, bytes)) {
    a.addConstant(X16, base, high);
    return { base: X16, disp: low };
  }
  if (isSumImmediate(disp)) {
    a.addConstant(X16, base, disp);
    return { base: X16, disp: 0 };
  }
  a.moveConstant(X17, disp);
  return { base, index: X17, shift: 0 };
}

/** Computes the address itself. */
export function addressInto(
  a: Assembler,
  to: number,
  { base, index, shift, disp }: Address,
  at: Places,
): void {
  if (index === undefined) {
    sumInto(a, to, at(base), disp);
  } else {
    a.add(to, at(base), at(index), shift);
    sumInto(a, to, to, disp);
  }
}

/** to = from + value; of the stack pointer only with a value that fits. */
function sumInto(a: Assembler, to: number, from: number, value: number): void {
  if (value === 0) {
    a.move(to, from);
  } else if (isSumImmediate(value)) {
    a.addConstant(to, from, value);
  } else {
    a.moveConstant(X17, value);
    a.add(to, from, X17);
  }
}
