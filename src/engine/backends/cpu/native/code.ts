// Machine code before its registers are known: a list of instructions over virtual registers, with what the allocator
// needs to know of loops and calls.

export type Bank = "int" | "vector";

/** A virtual register: one value, or one variable that is written several times. */
export interface Register {
  readonly bank: Bank;
  /** Bytes that it needs in memory, if it must live there. */
  readonly bytes: number;
  /** Its life: positions 2 i (read by instruction i) and 2 i + 1 (written by it). */
  start: number;
  end: number;
  /** How often it is used, by an estimate. */
  weight: number;
  /** The loop in which it was first written. */
  loop: Loop | undefined;
  /** Registers whose place it should take if that is free. */
  readonly hints: Register[];
  /** The number of its machine register, or -1. */
  place: number;
  /** The byte of the frame that it lives at where it has no register. */
  slot: number;
}

export interface Loop {
  readonly outer: Loop | undefined;
  readonly depth: number;
  /** Registers from outside that are used inside, so that they must live until its end. */
  readonly live: Set<Register>;
}

/** The machine registers of an instruction's virtual registers. */
export type Places = (register: Register) => number;

export interface Instruction<Machine> {
  readonly writes: readonly Register[];
  readonly reads: readonly Register[];
  /**
   * Writes the instruction. A register that is written may have the place of one that is read, so the last thing that
   * is written must be the result, or every case must be minded.
   */
  readonly emit: (machine: Machine, at: Places) => void;
}

/** How much more often than its surroundings the inside of a loop is taken to run; as a power of two. */
const LOOP_WEIGHT_BITS = 3;
const DEEPEST = 6;

export class Code<Machine> {
  readonly instructions: Instruction<Machine>[] = [];
  readonly registers: Register[] = [];
  /** Positions at which every machine register is lost. */
  readonly calls: number[] = [];
  #loop: Loop | undefined;

  /** A new integer register of 64 bits. */
  int(): Register {
    return this.#register("int", 8);
  }
  /** A new vector register that holds so many bytes. */
  vector(bytes: number): Register {
    return this.#register("vector", bytes);
  }
  #register(bank: Bank, bytes: number): Register {
    const register: Register = {
      bank,
      bytes,
      ...{ start: -1, end: -1, weight: 0, loop: undefined, hints: [], place: -1, slot: -1 },
    };
    this.registers.push(register);
    return register;
  }

  /** Appends an instruction. */
  add(
    writes: readonly Register[],
    reads: readonly Register[],
    emit: (machine: Machine, at: Places) => void,
    hints: readonly Register[] = [],
  ): void {
    const index = this.instructions.push({ writes, reads, emit }) - 1;
    for (const register of reads) this.#touch(register, 2 * index);
    for (const register of writes) {
      if (register.start === -1) {
        register.start = 2 * index + 1;
        register.loop = this.#loop;
        register.hints.push(...hints);
      }
      this.#touch(register, 2 * index + 1);
    }
  }
  /** Appends a call: an instruction after which no machine register holds what it held. */
  addCall(
    writes: readonly Register[],
    reads: readonly Register[],
    emit: (machine: Machine, at: Places) => void,
  ): void {
    this.calls.push(2 * this.instructions.length);
    this.add(writes, reads, emit);
  }

  #touch(register: Register, position: number): void {
    if (register.start === -1) throw new Error("a register is read before it is written");
    register.end = Math.max(register.end, position);
    register.weight += 1 << (LOOP_WEIGHT_BITS * Math.min(DEEPEST, this.#loop?.depth ?? 0));
    for (let loop = this.#loop; loop !== undefined && loop !== register.loop; loop = loop.outer) {
      if (loop.outer === register.loop) loop.live.add(register);
    }
  }

  /** Everything that `record` appends is repeated. */
  loop(record: () => void): void {
    const loop: Loop = { outer: this.#loop, depth: (this.#loop?.depth ?? 0) + 1, live: new Set() };
    this.#loop = loop;
    record();
    this.#loop = loop.outer;
    const end = 2 * this.instructions.length;
    for (const register of loop.live) register.end = Math.max(register.end, end);
  }
}
