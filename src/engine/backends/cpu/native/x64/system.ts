// What machine code asks of the system. Results are in rax, or in vector register 0.

import type { System } from "../system.ts";
import type { Assembler } from "./assembler.ts";
import type { Convention } from "./conventions.ts";

export interface X64System extends System<Assembler> {
  /** How C functions are called there. */
  readonly convention: Convention;
}
