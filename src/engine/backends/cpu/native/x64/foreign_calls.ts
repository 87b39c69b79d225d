// Calls of C functions from machine code: a frame for what they get by its address, and a stack as they want it.

import { newLabel } from "../label.ts";
import { type Assembler, CONDITION } from "./assembler.ts";
import type { Convention } from "./conventions.ts";
import { RAX, RBX, RDX, RSP } from "./registers.ts";

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

/** Where a wait keeps its arguments. */
export const [ADDRESS, EXPECTED, NANOSECONDS] = [slot(0), slot(1), slot(2)];

/**
 * Waits by a function of the system, unless the word is another already: see `System.wait`.
 * @param ask calls the function, whose arguments are in the frame; "equal" then tells that the time was over
 */
export function waitByFunction(
  a: Assembler,
  convention: Convention,
  args: readonly [address: number, expected: number, nanoseconds: number],
  ask: () => void,
): void {
  const [differs, done] = [newLabel(), newLabel()];
  beginCalls(a, convention, args);
  a.load64(RDX, ADDRESS);
  a.loadI32(RAX, { kind: "address", base: RDX, disp: 0 });
  a.loadI32(RDX, EXPECTED);
  a.compare(RAX, RDX);
  a.jumpIf(CONDITION.notEqual, differs);
  ask();
  a.moveConstant(RAX, 2);
  a.jumpIf(CONDITION.equal, done);
  a.moveConstant(RAX, 0);
  a.jump(done);
  a.bind(differs);
  a.moveConstant(RAX, 1);
  a.bind(done);
  endCalls(a);
}
