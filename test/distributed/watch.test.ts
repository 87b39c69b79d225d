// Signs of life among ranks in this process, on a clock of the test.

import { describe, expect, test } from "vitest";
import type { Operation } from "../../src/distributed/mpi/protocol.ts";
import { Silence } from "../../src/distributed/mpi/silence.ts";
import { type Doing, nextDoing, Watch } from "../../src/distributed/mpi/watch.ts";
import { type Mail, RankMessages } from "../support/rank_messages.ts";

/** The watches of all ranks. */
function watches(size: number, timeout: number): Watch[] {
  const mail: Mail = new Map();
  return Array.from({ length: size }, (_, rank) => {
    const arrays: ArrayBufferView[] = [];
    const bytesAt = (address: number): Uint8Array => {
      const { buffer, byteOffset, byteLength } = arrays[address];
      return new Uint8Array(buffer, byteOffset, byteLength);
    };
    const addressOf = (array: ArrayBufferView): number => arrays.push(array) - 1;
    const messages = new RankMessages(rank, size, bytesAt, mail, () => 0);
    return new Watch(messages, addressOf, (other) => `rank ${other}`, timeout, 0);
  });
}

/** Lets ranks look at each other ten times a second. @returns what each said first, and after how many seconds */
function watch(all: readonly Watch[], seconds: number, isThere: (rank: number, second: number) => boolean) {
  const said: { readonly rank: number; readonly second: number; readonly line: string }[] = [];
  for (let now = 0; now < seconds * 1000; now += 100)
    for (const [rank, one] of all.entries()) {
      if (!isThere(rank, now / 1000) || said.some((each) => each.rank === rank)) continue;
      const line = one.look(now, undefined);
      if (line !== undefined) said.push({ rank, second: Math.round(now / 1000), line });
    }
  return said;
}

describe("signs of life", () => {
  test("of ranks that are all there", () => {
    expect(watch(watches(4, 3), 60, () => true)).toEqual([]);
  });

  test("of a rank that goes silent: rank 0 says so", () => {
    const said = watch(watches(4, 3), 9, (rank, second) => rank !== 2 || second < 5);
    expect(said).toEqual([{ rank: 0, second: 7, line: "rank 2 shows no sign of life for 3 s" }]);
  });

  test("of rank 0: the others say so one after another, so that the first can end them", () => {
    const said = watch(watches(4, 3), 15, (rank, second) => rank !== 0 || second < 5);
    const line = "rank 0 shows no sign of life for 3 s";
    expect(said).toEqual([1, 2, 3].map((rank) => ({ rank, second: 6 + rank, line })));
  });

  test("of a rank that works for some seconds without a pause", () => {
    const said = watch(watches(3, 3), 30, (rank, second) => rank !== 1 || second % 4 < 1.5);
    expect(said).toEqual([]);
  });

  test("that nobody waits for", () => {
    expect(watch(watches(3, 0), 100, (rank) => rank !== 1)).toEqual([]);
  });

  test("after all ranks stood still: none is lost", () => {
    expect(watch(watches(3, 3), 400, (_, second) => second < 5 || second > 300)).toEqual([]);
  });
});

describe("ranks that leave", () => {
  test("say goodbye, and are not missed", () => {
    const all = watches(3, 3);
    watch(all, 5, () => true);
    for (const one of all) one.leave();
    for (let now = 5000; now < 6000; now += 100)
      for (const one of all) expect(one.look(now, undefined)).toBeUndefined();
    expect(all.map(({ hasLeft }) => hasLeft)).toEqual([true, true, true]);
  });

  test("wait for those who have not", () => {
    const all = watches(2, 3);
    all[0].leave();
    for (let now = 0; now < 3000; now += 100) for (const one of all) one.look(now, undefined);
    expect(all[0].hasLeft).toBe(false);
  });
});

describe("ranks in the same call", () => {
  const having = (...operations: Operation[]): Doing | undefined =>
    operations.reduce<Doing | undefined>(nextDoing, undefined);
  const sum = (count: number): Operation => ({ kind: "sum", address: 64, count });
  const barrier: Operation = { kind: "barrier" };
  const lines = (ofRank0: Doing | undefined, ofRank1: Doing | undefined): (string | undefined)[] => {
    const [a, b] = watches(2, 3);
    for (let now = 0; now < 3000; now += 100) {
      const found = [a.look(now, ofRank0), b.look(now, ofRank1)];
      if (found.some((line) => line !== undefined)) return found;
    }
    return [];
  };

  test("do the same", () => {
    expect(lines(having(sum(10)), having(sum(10)))).toEqual([]);
    expect(lines(having(sum(10)), having(sum(10), barrier))).toEqual([]);
    const gather = (bytes: number): Operation => ({ kind: "gather", address: 0, bytes });
    expect(lines(having(gather(10)), having(gather(3)))).toEqual([]);
  });

  test("do different things: they would wait for ever", () => {
    const [said] = lines(having(sum(10)), having(barrier)).filter((line) => line !== undefined);
    expect(said).toMatch(
      /^rank . and rank . do not do the same: (barrier and sum of 10|sum of 10 and barrier)$/,
    );
  });

  test("did different things before it", () => {
    const [said] = lines(having(barrier, sum(3)), having(sum(9), sum(3))).filter(
      (line) => line !== undefined,
    );
    expect(said).toMatch(/^rank . and rank . have not done the same before their call 2$/);
  });

  test("sum different lengths", () => {
    const [said] = lines(having(sum(10)), having(sum(11))).filter((line) => line !== undefined);
    expect(said).toMatch(/^rank . and rank . do not do the same: sum of 1. and sum of 1.$/);
  });
});

test("silence counts a second at most for each look", () => {
  const silence = new Silence(0);
  expect(silence.look(400)).toBe(400);
  expect(silence.look(100_000)).toBe(1400);
  silence.end();
  expect(silence.look(100_500)).toBe(500);
});
