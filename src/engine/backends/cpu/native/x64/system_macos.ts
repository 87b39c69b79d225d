// What machine code asks of macOS, by its functions: __ulock_wait, __ulock_wake and the clock.

import type { MacFunctions } from "../../../../../platform/native.ts";
import { newLabel } from "../label.ts";
import { MICROSECONDS_BITS, TIMED_OUT, UPTIME_CLOCK, WAIT, WAKE_ALL, WAKE_ONE } from "../mac_calls.ts";
import { CONDITION } from "./assembler.ts";
import { toMilliseconds } from "./clock.ts";
import { SYSTEM_V } from "./conventions.ts";
import {
  ADDRESS,
  beginCalls,
  callFunction,
  EXPECTED,
  endCalls,
  NANOSECONDS,
  slot,
  waitByFunction,
} from "./foreign_calls.ts";
import { RAX, RCX, RDI, RDX, RSI } from "./registers.ts";
import type { X64System } from "./system.ts";

export const macos = (functions: MacFunctions): X64System => ({
  convention: SYSTEM_V,
  wait(a, address, expected, nanoseconds) {
    waitByFunction(a, SYSTEM_V, [address, expected, nanoseconds], () => {
      const forEver = newLabel();
      a.load64(RSI, ADDRESS);
      a.loadI32(RDX, EXPECTED);
      a.moveConstant(RCX, 0); // for ever
      a.load64(RAX, NANOSECONDS);
      a.test(RAX, RAX);
      a.jumpIf(CONDITION.less, forEver);
      a.move(RCX, RAX);
      a.shift(5, RCX, MICROSECONDS_BITS);
      a.withConstant(0, RCX, 1);
      a.bind(forEver);
      a.moveConstant(RDI, WAIT);
      callFunction(a, functions.ulockWait);
      a.loadI32(RCX, RAX); // an int
      a.withConstant(7, RCX, TIMED_OUT);
    });
  },
  wake(a, address, count) {
    const one = newLabel();
    beginCalls(a, SYSTEM_V, [address, count]);
    a.loadI32(RDX, slot(1));
    a.moveConstant(RDI, WAKE_ONE);
    a.withConstant(7, RDX, 1);
    a.jumpIf(CONDITION.equal, one);
    // There is nothing between one and all; those woken in vain look at the word again.
    a.moveConstant(RDI, WAKE_ALL);
    a.bind(one);
    a.load64(RSI, slot(0));
    a.moveConstant(RDX, 0);
    callFunction(a, functions.ulockWake);
    a.moveConstant(RAX, 0); // how many were woken is not told
    endCalls(a);
  },
  now(a) {
    beginCalls(a, SYSTEM_V, []);
    a.moveConstant(RDI, UPTIME_CLOCK);
    callFunction(a, functions.clockNanoseconds);
    endCalls(a);
    toMilliseconds(a, RAX, 1e-6);
  },
});
