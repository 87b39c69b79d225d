// What machine code asks of Windows, by functions of the system: WaitOnAddress, WakeByAddress and the performance
// counter.

import type { WindowsFunctions } from "../../../../../platform/native.ts";
import { newLabel } from "../label.ts";
import { CONDITION } from "./assembler.ts";
import { toMilliseconds } from "./clock.ts";
import { WINDOWS } from "./conventions.ts";
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
import { R8, R9, RAX, RCX, RDX } from "./registers.ts";
import type { X64System } from "./system.ts";

const FOR_EVER = 0xffffffff;
/** A shift that makes about milliseconds of nanoseconds. */
const MILLISECONDS_BITS = 20;
const WORD_BYTES = 4;

export const windows = (functions: WindowsFunctions): X64System => ({
  convention: WINDOWS,
  wait(a, address, expected, nanoseconds) {
    waitByFunction(a, WINDOWS, [address, expected, nanoseconds], () => {
      const forEver = newLabel();
      a.load64(RCX, ADDRESS);
      a.address(RDX, EXPECTED);
      a.moveConstant(R8, WORD_BYTES);
      a.moveConstant(R9, FOR_EVER);
      a.load64(RAX, NANOSECONDS);
      a.test(RAX, RAX);
      a.jumpIf(CONDITION.less, forEver);
      a.move(R9, RAX);
      a.shift(5, R9, MILLISECONDS_BITS);
      a.withConstant(0, R9, 1);
      a.bind(forEver);
      callFunction(a, functions.waitOnAddress);
      a.loadI32(RCX, RAX); // a BOOL, false when the time was over
      a.test(RCX, RCX);
    });
  },
  wake(a, address, count) {
    const [one, done] = [newLabel(), newLabel()];
    beginCalls(a, WINDOWS, [address, count]);
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
    endCalls(a);
  },
  now(a) {
    beginCalls(a, WINDOWS, []);
    a.address(RCX, slot(0));
    callFunction(a, functions.queryPerformanceCounter);
    a.load64(RAX, slot(0));
    endCalls(a);
    toMilliseconds(a, RAX, 1000 / functions.countsPerSecond);
  },
});
