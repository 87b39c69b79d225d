// The time of a system's clock in milliseconds.

import type { Assembler } from "./assembler.ts";
import { VECTOR } from "./vector_opcodes.ts";

/** Vector register 0 = the integer of `register` times `milliseconds`, as an f64. */
export function toMilliseconds(a: Assembler, register: number, milliseconds: number): void {
  a.vector(VECTOR.vxorps, 1, 0, 0, 0);
  a.vector(VECTOR.vcvtsi2sd, 1, 0, 0, register);
  const words = [...new Int32Array(Float64Array.of(milliseconds).buffer)];
  a.vector(VECTOR.vmulsd, 1, 0, 0, { kind: "pool", words });
}
