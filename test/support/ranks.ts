// Ranks within one process: communicators whose calls meet in memory. They keep to the interface, so code that works
// over them works over processes.

import type { Communicator } from "../../src/distributed/communicator.ts";

/** A call that all ranks make: it ends when each has brought its bytes. */
class Meeting {
  readonly all: Promise<readonly Uint8Array[]>;
  readonly #brought: Uint8Array[] = [];
  #missing: number;
  #end: (all: readonly Uint8Array[]) => void = () => undefined;

  constructor(size: number) {
    this.#missing = size;
    this.all = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  bring(rank: number, bytes: Uint8Array): void {
    this.#brought[rank] = bytes.slice();
    if (--this.#missing === 0) this.#end(this.#brought);
  }
}

/** Runs the same work on so many ranks at once. @returns the results, in order of rank */
export function onRanks<T>(size: number, work: (communicator: Communicator) => Promise<T>): Promise<T[]> {
  const meetings: Meeting[] = [];
  return Promise.all(Array.from({ length: size }, (_, rank) => work(rankOf(rank, size, meetings))));
}

function rankOf(rank: number, size: number, meetings: Meeting[]): Communicator {
  let calls = 0;
  const meet = (bytes: Uint8Array): Promise<readonly Uint8Array[]> => {
    const call = calls++;
    meetings[call] ??= new Meeting(size);
    meetings[call].bring(rank, bytes);
    return meetings[call].all;
  };
  return {
    rank,
    size,
    host: "here",
    localRank: rank,
    localSize: size,
    async broadcast(bytes, root = 0) {
      bytes.set((await meet(bytes))[root]);
    },
    async sum(values) {
      const all = await meet(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      values.set(treeSum(all.map(({ buffer }) => new Float32Array(buffer))));
    },
    async gather(bytes) {
      const all = await meet(bytes);
      return rank === 0 ? [...all] : undefined;
    },
    async barrier() {
      await meet(new Uint8Array());
    },
    async abort(cause) {
      throw new Error(`rank ${rank}: ${cause}`);
    },
    async close() {},
  };
}

/** ((0 + 1) + (2 + 3)) + ..., the longer half first. */
function treeSum(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0];
  let half = 1;
  while (2 * half < parts.length) half *= 2;
  const [a, b] = [treeSum(parts.slice(0, half)), treeSum(parts.slice(half))];
  return a.map((x, i) => x + b[i]);
}
