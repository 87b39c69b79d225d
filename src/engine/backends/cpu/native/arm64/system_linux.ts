// What machine code asks of Linux: to sleep until a word of memory changes, and the time. Results are in x0, or in vector
// register 0.

import { newLabel } from "../label.ts";
import type { System } from "../system.ts";
import { type Assembler, CONDITION } from "./assembler.ts";
import { toMilliseconds } from "./clock.ts";
import { SP, X0, X1, X2, X3, X8, X16, X17 } from "./registers.ts";

const FUTEX = 98;
const CLOCK_GETTIME = 113;
const [FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE] = [128, 129];
const CLOCK_MONOTONIC = 1;
const [EAGAIN, ETIMEDOUT] = [11, 110];

/** Bytes of the stack for arguments, and for what the system writes. */
const ROOM = 32;
const at = (disp: number) => ({ base: SP, disp }) as const;

function call(a: Assembler, number: number): void {
  a.moveConstant(X8, number);
  a.systemCall();
}

export const linux: System<Assembler> = {
  wait(a, address, expected, nanoseconds) {
    const [forEver, done] = [newLabel(), newLabel()];
    // By way of memory: the arguments may be in each other's registers.
    a.addConstant(SP, SP, -ROOM);
    a.memory("store64", address, at(0));
    a.memory("store64", expected, at(8));
    a.memory("store64", nanoseconds, at(24));
    a.moveConstant(X16, 0);
    a.memory("store64", X16, at(16)); // seconds: all waits that end are short
    a.memory("load64", X0, at(0));
    a.memory("load64", X2, at(8));
    a.memory("load64", X16, at(24));
    a.moveConstant(X3, 0);
    a.compareConstant(X16, 0);
    a.jumpIf(CONDITION.less, forEver);
    a.addConstant(X3, SP, 16);
    a.bind(forEver);
    a.moveConstant(X1, FUTEX_WAIT_PRIVATE);
    call(a, FUTEX);
    a.addConstant(SP, SP, ROOM);
    // 0 woken (or interrupted), 1 not equal, 2 timed out
    a.move(X16, X0);
    a.moveConstant(X0, 1);
    a.compareConstant(X16, -EAGAIN);
    a.jumpIf(CONDITION.equal, done);
    a.moveConstant(X0, 2);
    a.compareConstant(X16, -ETIMEDOUT);
    a.jumpIf(CONDITION.equal, done);
    a.moveConstant(X0, 0);
    a.bind(done);
  },
  wake(a, address, count) {
    const some = newLabel();
    a.addConstant(SP, SP, -ROOM);
    a.memory("store64", address, at(0));
    a.memory("store64", count, at(8));
    a.memory("load64", X0, at(0));
    a.memory("load64", X2, at(8));
    a.compareConstant(X2, 0);
    a.jumpIf(CONDITION.greaterEqual, some);
    a.moveConstant(X2, 0x7fffffff);
    a.bind(some);
    a.moveConstant(X1, FUTEX_WAKE_PRIVATE);
    call(a, FUTEX);
    a.addConstant(SP, SP, ROOM);
  },
  now(a) {
    a.addConstant(SP, SP, -ROOM);
    a.moveConstant(X0, CLOCK_MONOTONIC);
    a.addConstant(X1, SP, 0);
    call(a, CLOCK_GETTIME);
    a.memory("load64", X16, at(0));
    a.memory("load64", X0, at(8));
    a.addConstant(SP, SP, ROOM);
    a.moveConstant(X17, 1_000_000_000);
    a.integer("multiply", X16, X16, X17);
    a.add(X0, X0, X16);
    toMilliseconds(a, X0, 1e-6);
  },
};
