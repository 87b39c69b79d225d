// What machine code asks of Windows, by functions of the system: WaitOnAddress, WakeByAddress and the performance
// counter.

import type { WindowsFunctions } from "../../../../../platform/platform.ts";
import { newLabel } from "../label.ts";
import { type Assembler, CONDITION } from "./assembler.ts";
import { toMilliseconds } from "./clock.ts";
import { WINDOWS } from "./conventions.ts";
import { R8, R9, RAX, RBX, RCX, RDX, RSP } from "./registers.ts";
import type { X64System } from "./system.ts";

const FOR_EVER = 0xffffffff;
/** A shift that makes about milliseconds of nanoseconds. */
const MILLISECONDS_BITS = 20;
const WORD_BYTES = 4;

/** Bytes below the stack pointer for what functions get by its address; rbx points there during a call. */
const FRAME = 64;
const STACK_ALIGNMENT = 16;
const slot = (i: number, base = RBX) => ({ kind: "address", base, disp: 8 * i }) as const;

export const windows = (functions: WindowsFunctions): X64System => ({
  convention: WINDOWS,
  wait(a, address, expected, nanoseconds) {
    const [forEver, differs, done] = [newLabel(), newLabel(), newLabel()];
    begin(a, [address, expected, nanoseconds]);
    a.load64(RCX, slot(0));
    a.loadI32(RAX, { kind: "address", base: RCX, disp: 0 });
    a.loadI32(RDX, slot(1));
    a.compare(RAX, RDX);
    a.jumpIf(CONDITION.notEqual, differs);
    a.address(RDX, slot(1));
    a.moveConstant(R8, WORD_BYTES);
    a.moveConstant(R9, FOR_EVER);
    a.load64(RAX, slot(2));
    a.test(RAX, RAX);
    a.jumpIf(CONDITION.less, forEver);
    a.move(R9, RAX);
    a.shift(5, R9, MILLISECONDS_BITS);
    a.withConstant(0, R9, 1);
    a.bind(forEver);
    callFunction(a, functions.waitOnAddress);
    a.move(RCX, RAX);
    a.moveConstant(RAX, 0);
    a.loadI32(RCX, RCX); // a BOOL has 32 bits
    a.test(RCX, RCX);
    a.jumpIf(CONDITION.notEqual, done);
    a.moveConstant(RAX, 2);
    a.jump(done);
    a.bind(differs);
    a.moveConstant(RAX, 1);
    a.bind(done);
    end(a);
  },
  wake(a, address, count) {
    const [one, done] = [newLabel(), newLabel()];
    begin(a, [address, count]);
    a.load64(RCX, slot(0));
    a.loadI32(RDX, slot(1));
    a.withConstant(7, RDX, 1);
    a.jumpIf(CONDITION.equal, one);
    // There is nothing between one and all; those woken in vain look at the word again.
    callFunction(a, functions.wakeByAddressAll);
    a.jump(done);
    a.bind(one);
    callFunction(a, functions.wakeByAddressSingle);
    a.bind(done);
    a.moveConstant(RAX, 0); // how many were woken is not told
    end(a);
  },
  now(a) {
    begin(a, []);
    a.address(RCX, slot(0));
    callFunction(a, functions.queryPerformanceCounter);
    a.load64(RAX, slot(0));
    end(a);
    toMilliseconds(a, RAX, 1000 / functions.countsPerSecond);
  },
});

/** By way of memory: the arguments may be in each other's registers. */
function begin(a: Assembler, args: readonly number[]): void {
  a.address(RSP, { kind: "address", base: RSP, disp: -FRAME });
  args.forEach((register, i) => {
    a.store64(slot(i, RSP), register);
  });
  a.move(RBX, RSP); // preserved by functions
  a.withConstant(4, RSP, -STACK_ALIGNMENT);
  a.withConstant(5, RSP, WINDOWS.room);
}

function end(a: Assembler): void {
  a.address(RSP, { kind: "address", base: RBX, disp: FRAME });
}

function callFunction(a: Assembler, address: number): void {
  a.zeroUpper();
  a.moveConstant(RAX, address);
  a.callRegister(RAX);
}
