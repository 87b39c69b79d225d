// Calls of one kernel are brought together only where no order between them, or to others, is lost.

import fc from "fast-check";
import { expect, test } from "vitest";
import { groupOfCalls, joinCalls } from "../../src/engine/program/join_calls.ts";
import { planArena } from "../../src/engine/program/plan_arena.ts";
import type { LoweredProgram } from "../../src/engine/program/program.ts";

const BUFFERS = 6;
const buffer = fc.nat(BUFFERS - 1);
/** Calls of kernels "a", "b" and "alone", which read some buffers and write one. */
const program = fc
  .record({
    calls: fc.array(
      fc.record({
        kernel: fc.constantFrom("a", "b", "alone"),
        reads: fc.array(buffer, { maxLength: 2 }),
        written: buffer,
      }),
      { maxLength: 30 },
    ),
    prelude: fc.nat(5),
    parts: fc.boolean(),
  })
  .map(
    ({ calls, prelude, parts }): LoweredProgram<string> => ({
      buffers: Array.from({ length: BUFFERS }, (_, i) => ({
        bytes: 100 * (i + 1),
        place: { kind: "arena" },
        inParts: parts && i === 0,
      })),
      calls: calls.map(({ kernel, reads, written }, i) => ({
        kernel,
        args: [...reads, written].map((one) => ({ buffer: one, offset: 0 })),
        writes: [reads.length],
        label: String(i),
      })),
      preludeCalls: Math.min(prelude, calls.length),
      outputs: [],
    }),
  );

const joined = (lowered: LoweredProgram<string>) =>
  joinCalls(lowered, (kernel) => (kernel === "alone" ? undefined : kernel));

test("every call is there once, and the order of those that touch one buffer is kept between groups", () =>
  fc.assert(
    fc.property(program, (lowered) => {
      const after = joined(lowered);
      const numbers = after.calls.map(({ label }) => Number(label));
      expect(numbers.toSorted((a, b) => a - b)).toEqual(lowered.calls.map((_, i) => i));
      const groups = groupOfCalls(after);
      const groupOf = new Map(numbers.map((number, i) => [number, groups[i]]));
      for (const [j, later] of lowered.calls.entries()) {
        for (const [i, earlier] of lowered.calls.slice(0, j).entries()) {
          const touches = later.args.some(({ buffer: one }, a) =>
            earlier.args.some(
              ({ buffer: other }, b) =>
                one === other &&
                (later.writes.includes(a) || earlier.writes.includes(b)) &&
                // Different parts of one buffer may be written in any order.
                !(lowered.buffers[one].inParts && later.writes.includes(a) && earlier.writes.includes(b)),
            ),
          );
          if (touches) expect(groupOf.get(i)).toBeLessThan(groupOf.get(j) ?? -1);
        }
      }
    }),
  ));

test("groups are of one kernel, and the prelude stays before the rest", () =>
  fc.assert(
    fc.property(program, (lowered) => {
      const after = joined(lowered);
      const groups = groupOfCalls(after);
      for (const [i, { kernel, label }] of after.calls.entries()) {
        if (i > 0 && groups[i] === groups[i - 1]) expect(kernel).toBe(after.calls[i - 1].kernel);
        expect(groups[i] < after.preludeGroups).toBe(Number(label) < lowered.preludeCalls);
      }
    }),
  ));

test("calls that run at the same time share no memory", () => {
  const place = { kind: "arena" } as const;
  const call = (from: number, to: number, label: string) => ({
    kernel: "a",
    args: [from, to].map((one) => ({ buffer: one, offset: 0 })),
    writes: [1],
    label,
  });
  // 0 -> 1 and 2 -> 3 run together; alone, buffer 3 could take the place of 0.
  const lowered = {
    buffers: Array.from({ length: 4 }, () => ({ bytes: 64, place })),
    calls: [call(0, 1, "first"), call(2, 3, "second")],
    preludeCalls: 0,
    outputs: [],
  };
  const after = joined(lowered);
  expect(after.groups).toEqual([2]);
  const { offsets } = planArena(after, undefined, groupOfCalls(after));
  expect(new Set(offsets).size).toBe(4);
});
