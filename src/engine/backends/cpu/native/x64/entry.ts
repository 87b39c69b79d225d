// How the host calls a function of a module, by the convention of the system's C: at most six integers.

import { MOST_FRAME } from "../function.ts";
import type { Label } from "../label.ts";
import type { Assembler } from "./assembler.ts";
import type { Convention } from "./conventions.ts";
import * as r from "./registers.ts";
import { VECTOR } from "./vector_opcodes.ts";

const ARGUMENTS = 6;
/** In the door's frame: arguments, as functions of a module expect them; the old stack pointer; preserved vectors. */
const [OLD_STACK, VECTORS] = [64, 128];
const PAGE = 4096;
/** Bytes of the stack that is touched: functions call each other three deep, a program, a kernel, a helper. */
const MODULE_STACK = 4 * MOST_FRAME;

const at = (disp: number) => ({ kind: "address", base: r.RSP, disp }) as const;

/** The result is in rax or vector register 0, as the conventions want. */
export function entry(a: Assembler, target: Label, convention: Convention): void {
  const { preserved, preservedVectors } = convention;
  for (const register of preserved) a.push(register);
  a.move(r.RAX, r.RSP);
  a.withConstant(4, r.RSP, -64);
  a.withConstant(5, r.RSP, VECTORS + 16 * preservedVectors.length);
  a.store64(at(OLD_STACK), r.RAX);
  for (let i = 0; i < ARGUMENTS; i++) a.store64(at(8 * i), argument(a, i, convention));
  preservedVectors.forEach((register, i) => {
    a.vector(VECTOR.vmovupsStore, 1, register, 0, at(VECTORS + 16 * i));
  });
  if (convention.growsByPages)
    for (let below = PAGE; below <= MODULE_STACK; below += PAGE) a.load64(r.RAX, at(-below));
  a.call(target);
  a.zeroUpper();
  preservedVectors.forEach((register, i) => {
    a.vector(VECTOR.vmovups, 1, register, 0, at(VECTORS + 16 * i));
  });
  a.load64(r.RSP, at(OLD_STACK));
  for (const register of preserved.toReversed()) a.pop(register);
  a.return();
}

/** The register of argument i. Those on the stack are loaded, by way of rax, which holds the old stack pointer. */
function argument(a: Assembler, i: number, { arguments: registers, preserved, room }: Convention): number {
  if (i < registers.length) return registers[i];
  const returnAddress = 8 * preserved.length;
  const disp = returnAddress + 8 + room + 8 * (i - registers.length);
  a.load64(r.R11, { kind: "address", base: r.RAX, disp });
  return r.R11;
}
