// How the host calls a function of a module, by the convention of Arm's 64-bit systems (AAPCS64): six arguments in
// registers. x18 belongs to the system on some of them and is never touched.

import type { Label } from "../label.ts";
import type { Assembler } from "./assembler.ts";
import { LINK, SP } from "./registers.ts";

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

const ARGUMENTS = numbers(0, 5);
/** The caller's: its frame pointer is x29. */
const INTEGERS = [...numbers(19, 29), LINK];
const FLOATS = numbers(8, 15);
/** Bytes: arguments, then what is kept. */
const KEPT = 64;
const AREA = KEPT + 8 * (INTEGERS.length + FLOATS.length);

/** The result is in x0 or vector register 0, as the convention wants. */
export function entry(a: Assembler, target: Label): void {
  const each = (way: "load" | "store"): void => {
    INTEGERS.forEach((register, i) => {
      a.memory(`${way}64`, register, { base: SP, disp: KEPT + 8 * i });
    });
    FLOATS.forEach((register, i) => {
      a.memory(`${way}Double`, register, { base: SP, disp: KEPT + 8 * (INTEGERS.length + i) });
    });
  };
  a.addConstant(SP, SP, -AREA);
  each("store");
  ARGUMENTS.forEach((register, i) => {
    a.memory("store64", register, { base: SP, disp: 8 * i });
  });
  a.call(target);
  each("load");
  a.addConstant(SP, SP, AREA);
  a.return();
}
