// What machine code asks of the system: to sleep until a word of memory changes, and the time.

import type { Assembler } from "./assembler.ts";
import type { Convention } from "./conventions.ts";

/** Machine code of a system's calls. Every register may be lost; the result is in rax (the time in vector register 0). */
export interface System {
  /** How C functions are called there. */
  readonly convention: Convention;
  /**
   * Sleeps while the 32 bits at `address` are `expected`, at most so many nanoseconds (negative: for ever). The result
   * is 0 when it was woken, 1 when they were something else, 2 when the time was over.
   */
  readonly wait: (a: Assembler, address: number, expected: number, nanoseconds: number) => void;
  /** Wakes at most `count` sleepers; 0xffffffff or -1: all. */
  readonly wake: (a: Assembler, address: number, count: number) => void;
  /** Milliseconds since a fixed time, as an f64. */
  readonly now: (a: Assembler) => void;
}
