// What machine code asks of Linux, by its system calls.

import { newLabel } from "../label.ts";
import { CONDITION } from "./assembler.ts";
import { toMilliseconds } from "./clock.ts";
import { SYSTEM_V } from "./conventions.ts";
import { R10, RAX, RCX, RDI, RDX, RSI, RSP } from "./registers.ts";
import type { X64System } from "./system.ts";

const FUTEX = 202;
const CLOCK_GETTIME = 228;
const [FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE] = [128, 129];
const CLOCK_MONOTONIC = 1;
const [EAGAIN, ETIMEDOUT] = [11, 110];

/** Bytes below the stack pointer that nothing else uses while a call prepares its arguments. */
const ROOM = 128;
const at = (disp: number) => ({ kind: "address", base: RSP, disp }) as const;

export const linux: X64System = {
  convention: SYSTEM_V,
  wait(a, address, expected, nanoseconds) {
    const forEver = newLabel();
    const done = newLabel();
    // By way of memory: the arguments may be in each other's registers.
    a.address(RSP, at(-ROOM));
    a.store64(at(0), address);
    a.store64(at(8), expected);
    a.store64(at(24), nanoseconds);
    a.moveConstant(RAX, 0);
    a.store64(at(16), RAX); // seconds: all waits that end are short
    a.load64(RDI, at(0));
    a.load64(RDX, at(8));
    a.load64(RCX, at(24));
    a.moveConstant(R10, 0);
    a.test(RCX, RCX);
    a.jumpIf(CONDITION.less, forEver);
    a.address(R10, at(16));
    a.bind(forEver);
    a.moveConstant(RSI, FUTEX_WAIT_PRIVATE);
    a.moveConstant(RAX, FUTEX);
    a.systemCall();
    a.address(RSP, at(ROOM));
    // 0 woken (or interrupted), 1 not equal, 2 timed out
    a.move(RCX, RAX);
    a.moveConstant(RAX, 1);
    a.withConstant(7, RCX, -EAGAIN);
    a.jumpIf(CONDITION.equal, done);
    a.moveConstant(RAX, 2);
    a.withConstant(7, RCX, -ETIMEDOUT);
    a.jumpIf(CONDITION.equal, done);
    a.moveConstant(RAX, 0);
    a.bind(done);
  },
  wake(a, address, count) {
    const some = newLabel();
    a.address(RSP, at(-ROOM));
    a.store64(at(0), address);
    a.store64(at(8), count);
    a.load64(RDI, at(0));
    a.load64(RDX, at(8));
    a.test(RDX, RDX);
    a.jumpIf(CONDITION.greaterEqual, some);
    a.moveConstant(RDX, 0x7fffffff);
    a.bind(some);
    a.moveConstant(RSI, FUTEX_WAKE_PRIVATE);
    a.moveConstant(RAX, FUTEX);
    a.systemCall();
    a.address(RSP, at(ROOM));
  },
  now(a) {
    a.address(RSP, at(-ROOM));
    a.moveConstant(RDI, CLOCK_MONOTONIC);
    a.move(RSI, RSP);
    a.moveConstant(RAX, CLOCK_GETTIME);
    a.systemCall();
    a.load64(RAX, at(0));
    a.load64(RCX, at(8));
    a.address(RSP, at(ROOM));
    a.multiplyConstant(RAX, RAX, 1_000_000_000);
    a.add(RAX, RCX);
    toMilliseconds(a, RAX, 1e-6);
  },
};
