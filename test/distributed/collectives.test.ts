// Sums, broadcasts and barriers among ranks that are all in this process.

import { describe, expect, test } from "vitest";
import { broadcastSlices, meet, receiveFrom, sendTo } from "../../src/distributed/mpi/collectives.ts";
import { sumSlices } from "../../src/distributed/mpi/tree_sum.ts";
import { TorchGenerator } from "../../src/index.ts";
import { runRanks } from "../support/rank_messages.ts";
import { rankValues, sumOfTree } from "../support/tree_sum.ts";

const WIDTH = 4;
const SLICE = 100;

const randomOf = (seed: number) => {
  const generator = new TorchGenerator(seed);
  return () => generator.uniform();
};

/** Each rank's sum, as bits. */
function sums(size: number, count: number, seed: number): Uint32Array[] {
  const values = Array.from({ length: size }, (_, rank) => rankValues(rank, count));
  // The values, then memory for slices.
  const memories = values.map((own) => {
    const memory = new ArrayBuffer(count * 4 + WIDTH * SLICE * 4);
    new Float32Array(memory).set(own);
    return memory;
  });
  const scratch = Array.from({ length: WIDTH }, (_, i) => count * 4 + i * SLICE * 4);
  const left = runRanks(memories, (messages) => sumSlices(messages, 0, count, { slice: SLICE, scratch }), {
    width: WIDTH,
    random: randomOf(seed),
  });
  expect(left).toBe(0);
  return memories.map((memory) => new Uint32Array(memory, 0, count));
}

describe.each([1, 2, 3, 4, 5, 6, 7, 8, 13])("a sum over %i ranks", (size) => {
  test.each([0, 1, 7, 1000, 25 * SLICE + 3])("of %i values has the tree's bits", (count) => {
    const values = Array.from({ length: size }, (_, rank) => rankValues(rank, count));
    const expected = new Uint32Array(sumOfTree(values).buffer);
    for (const sum of sums(size, count, count + size))
      expect(sum.every((bits, i) => bits === expected[i])).toBe(true);
  });
});

test("in another order the sum has other bits", () => {
  const values = [0, 1, 2, 3].map((rank) => rankValues(rank, 1000));
  const inARow = values.reduce((sum, next) => sum.map((value, i) => Math.fround(value + next[i])));
  expect(sumOfTree(values)).not.toEqual(inARow);
});

describe.each([1, 2, 3, 4, 6, 7])("among %i ranks", (size) => {
  test.each(Array.from({ length: size }, (_, root) => root))("rank %i sends its bytes to all", (root) => {
    const bytes = 9 * SLICE + 3;
    const memories = Array.from({ length: size }, (_, rank) => {
      const memory = new ArrayBuffer(bytes);
      new Uint8Array(memory).fill(rank).set([rank + 1], bytes - 1);
      return memory;
    });
    const random = randomOf(root);
    runRanks(memories, (messages) => broadcastSlices(messages, 0, bytes, root, SLICE), {
      width: WIDTH,
      random,
    });
    for (const memory of memories) {
      const received = new Uint8Array(memory);
      expect(received.at(-1)).toBe(root + 1);
      expect(received.subarray(0, -1).every((value) => value === root)).toBe(true);
    }
  });

  test("none leaves a barrier before all have come", () => {
    let here = 0;
    const memories = Array.from({ length: size }, () => new ArrayBuffer(8));
    runRanks(
      memories,
      (messages) => [
        (function* () {
          here++;
          yield* meet(messages, 0);
          expect(here).toBe(size);
        })(),
      ],
      { width: 1, random: randomOf(size) },
    );
  });
});

test("long messages travel in slices", () => {
  const bytes = 3 * 2 ** 20 + 1;
  const memories = [5, 0].map((value) => {
    const memory = new ArrayBuffer(bytes);
    new Uint8Array(memory).fill(value);
    return memory;
  });
  const left = runRanks(
    memories,
    (messages) => [messages.rank === 0 ? sendTo(messages, 0, bytes, 1) : receiveFrom(messages, 0, bytes, 0)],
    { width: 1, random: randomOf(1) },
  );
  expect(left).toBe(0);
  expect(new Uint8Array(memories[1]).every((value) => value === 5)).toBe(true);
});
