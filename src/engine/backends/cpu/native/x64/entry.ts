// How the host calls a function of a module, by the System V convention: six arguments in registers.

import type { Label } from "../label.ts";
import type { Assembler } from "./assembler.ts";
import * as r from "./registers.ts";

const PRESERVED = [r.RBX, r.RBP, r.R12, r.R13, r.R14, r.R15];
const ARGUMENTS = [r.RDI, r.RSI, r.RDX, r.RCX, r.R8, r.R9];
const AREA = 128;
const OLD_STACK = { kind: "address", base: r.RSP, disp: 64 } as const;

/** The result is in rax or vector register 0, as the convention wants. */
export function entry(a: Assembler, target: Label): void {
  for (const register of PRESERVED) a.push(register);
  a.move(r.RAX, r.RSP);
  a.withConstant(4, r.RSP, -64);
  a.withConstant(5, r.RSP, AREA);
  a.store64(OLD_STACK, r.RAX);
  ARGUMENTS.forEach((register, i) => {
    a.store64({ kind: "address", base: r.RSP, disp: 8 * i }, register);
  });
  a.call(target);
  a.zeroUpper();
  a.load64(r.RSP, OLD_STACK);
  for (const register of PRESERVED.toReversed()) a.pop(register);
  a.return();
}
