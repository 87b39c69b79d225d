// The time of a system's clock in milliseconds.

import type { Assembler } from "./assembler.ts";
import { V0 } from "./registers.ts";

/** Vector register 0 = the integer of `register` times `milliseconds`, as an f64. Uses vector register 1. */
export function toMilliseconds(a: Assembler, register: number, milliseconds: number): void {
  a.convertInteger(V0, register);
  a.constant(1, [...new Int32Array(Float64Array.of(milliseconds).buffer)]);
  a.binary("fmulDouble", V0, V0, 1);
}
