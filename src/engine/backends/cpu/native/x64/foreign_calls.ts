// Calls of C functions from machine code: a frame for what they get by its address, and a stack as they want it.

import type { Assembler } from "./assembler.ts";
import type { Convention } from "./conventions.ts";
import { RAX, RBX, RSP } from "./registers.ts";

/** Bytes of the frame, to which rbx points until `endCalls`. */
const FRAME = 64;
const STACK_ALIGNMENT = 16;

/** A word of the frame; the arguments of `beginCalls` are the first ones. */
export const slot = (i: number, base = RBX) => ({ kind: "address", base, disp: 8 * i }) as const;

/** Makes the frame. Arguments go by way of memory, because they may be in each other's registers. */
export function beginCalls(a: Assembler, { room }: Convention, args: readonly number[]): void {
  a.address(RSP, { kind: "address", base: RSP, disp: -FRAME });
  args.forEach((register, i) => {
    a.store64(slot(i, RSP), register);
  });
  a.move(RBX, RSP); // preserved by functions
  a.withConstant(4, RSP, -STACK_ALIGNMENT);
  if (room > 0) a.withConstant(5, RSP, room);
}

export function endCalls(a: Assembler): void {
  a.address(RSP, { kind: "address", base: RBX, disp: FRAME });
}

/** Calls a function by its address; the result is in rax. */
export function callFunction(a: Assembler, address: number): void {
  a.zeroUpper();
  a.moveConstant(RAX, address);
  a.callRegister(RAX);
}
