// Messages by MPI's calls that do not wait. The library keeps a handle for each message at an address, until it is done.

import type { ForeignCalls } from "../../platform/native.ts";
import type { Mpi } from "./functions.ts";
import type { Messages, Pending } from "./messages.ts";

/** Messages under way at a time, at first. */
const SLOTS = 64;

export class MpiMessages implements Messages {
  readonly rank: number;
  readonly size: number;
  readonly #mpi: Mpi;
  readonly #foreign: ForeignCalls;
  /** Free places of handles. */
  readonly #slots: number[] = [];
  /** Keeps the places where they are. */
  readonly #memory: BigInt64Array[] = [];

  constructor(mpi: Mpi, foreign: ForeignCalls) {
    this.#mpi = mpi;
    this.#foreign = foreign;
    this.rank = mpi.rank();
    this.size = mpi.size();
  }

  send(address: number, bytes: number, to: number, tag: number): Pending {
    return this.#start((slot) => this.#mpi.send(address, bytes, to, tag, slot));
  }

  receive(address: number, bytes: number, from: number, tag: number): Pending {
    return this.#start((slot) => this.#mpi.receive(address, bytes, from, tag, slot));
  }

  add(from: number, to: number, count: number): void {
    this.#mpi.add(from, to, count);
  }

  #start(begin: (slot: number) => void): Pending {
    const slot = this.#slots.pop() ?? this.#moreSlots();
    begin(slot);
    return {
      isDone: () => {
        if (!this.#mpi.test(slot)) return false;
        this.#slots.push(slot);
        return true;
      },
    };
  }

  #moreSlots(): number {
    const memory = new BigInt64Array(SLOTS);
    this.#memory.push(memory);
    const first = this.#foreign.addressOf(memory);
    for (let i = 1; i < SLOTS; i++) this.#slots.push(first + 8 * i);
    return first;
  }
}
