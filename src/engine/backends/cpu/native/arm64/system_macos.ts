// What machine code asks of macOS, by its functions: __ulock_wait, __ulock_wake and the clock.

import type { MacFunctions } from "../../../../../platform/native.ts";
import { newLabel } from "../label.ts";
import { MICROSECONDS_BITS, TIMED_OUT, UPTIME_CLOCK, WAIT, WAKE_ALL, WAKE_ONE } from "../mac_calls.ts";
import type { System } from "../system.ts";
import { type Assembler, CONDITION } from "./assembler.ts";
import { toMilliseconds } from "./clock.ts";
import { LINK, SP, X0, X1, X2, X3, X16 } from "./registers.ts";

/** Bytes of the stack for arguments and the link. */
const FRAME = 32;
const LINK_AT = 24;
const slot = (i: number) => ({ base: SP, disp: 8 * i }) as const;

export const macos = (functions: MacFunctions): System<Assembler> => ({
  wait(a, address, expected, nanoseconds) {
    const [forEver, differs, done] = [newLabel(), newLabel(), newLabel()];
    begin(a, [address, expected, nanoseconds]);
    a.memory("load64", X1, slot(0));
    a.memory("loadI32", X16, { base: X1, disp: 0 });
    a.memory("loadI32", X2, slot(1));
    a.compare(X16, X2);
    a.jumpIf(CONDITION.notEqual, differs);
    a.moveConstant(X3, 0); // for ever
    a.memory("load64", X16, slot(2));
    a.compareConstant(X16, 0);
    a.jumpIf(CONDITION.less, forEver);
    a.shiftRightBy(X3, X16, MICROSECONDS_BITS);
    a.addConstant(X3, X3, 1);
    a.bind(forEver);
    a.moveConstant(X0, WAIT);
    callFunction(a, functions.ulockWait);
    a.extend32(X16, X0);
    a.moveConstant(X0, 2);
    a.compareConstant(X16, TIMED_OUT);
    a.jumpIf(CONDITION.equal, done);
    a.moveConstant(X0, 0);
    a.jump(done);
    a.bind(differs);
    a.moveConstant(X0, 1);
    a.bind(done);
    end(a);
  },
  wake(a, address, count) {
    const one = newLabel();
    begin(a, [address, count]);
    a.memory("loadI32", X16, slot(1));
    a.moveConstant(X0, WAKE_ONE);
    a.compareConstant(X16, 1);
    a.jumpIf(CONDITION.equal, one);
    // There is nothing between one and all; those woken in vain look at the word again.
    a.moveConstant(X0, WAKE_ALL);
    a.bind(one);
    a.memory("load64", X1, slot(0));
    a.moveConstant(X2, 0);
    callFunction(a, functions.ulockWake);
    a.moveConstant(X0, 0); // how many were woken is not told
    end(a);
  },
  now(a) {
    begin(a, []);
    a.moveConstant(X0, UPTIME_CLOCK);
    callFunction(a, functions.clockNanoseconds);
    end(a);
    toMilliseconds(a, X0, 1e-6);
  },
});

/** By way of memory: the arguments may be in each other's registers. */
function begin(a: Assembler, args: readonly number[]): void {
  a.addConstant(SP, SP, -FRAME);
  a.memory("store64", LINK, { base: SP, disp: LINK_AT });
  args.forEach((register, i) => {
    a.memory("store64", register, slot(i));
  });
}

function end(a: Assembler): void {
  a.memory("load64", LINK, { base: SP, disp: LINK_AT });
  a.addConstant(SP, SP, FRAME);
}

function callFunction(a: Assembler, address: number): void {
  a.moveConstant(X16, address);
  a.callRegister(X16);
}
