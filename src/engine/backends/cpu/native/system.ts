// What machine code asks of the system.

/** Machine code of a system's calls. Every register may be lost; results are where functions leave theirs. */
export interface System<Assembler> {
  /**
   * Sleeps while the 32 bits at `address` are `expected`, at most so many nanoseconds (negative: for ever). 0 woken, 1
   * not equal, 2 timed out.
   */
  readonly wait: (a: Assembler, address: number, expected: number, nanoseconds: number) => void;
  /** Wakes at most `count` sleepers (0xffffffff or -1: all); gives how many. */
  readonly wake: (a: Assembler, address: number, count: number) => void;
  /** Milliseconds since a fixed time, as an f64. */
  readonly now: (a: Assembler) => void;
}
