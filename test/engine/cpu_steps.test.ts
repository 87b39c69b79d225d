// Which calls share a step, and where threads must meet.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  groupSteps,
  type PlacedCall,
  type Range,
  separateSteps,
} from "../../src/engine/backends/cpu/steps.ts";

fc.configureGlobal({ seed: 12 });

const read = (start: number, end: number): Range => ({ start, end, written: false, group: undefined });
const write = (start: number, end: number, group?: number): Range => ({ start, end, written: true, group });
const call = (tiles: number, ...ranges: Range[]): PlacedCall => ({
  kernel: { tiles, flops: 0, bytes: 100 },
  ranges,
});
const slow = (...ranges: Range[]): PlacedCall => ({ kernel: { tiles: 1, flops: 1e6, bytes: 100 }, ranges });
/** Calls of each step; a bar where threads meet after it. */
const show = (calls: readonly PlacedCall[]) =>
  groupSteps(calls).map(({ calls: members, barrier }) => `${members.join(" ")}${barrier ? " |" : ""}`);

describe("steps", () => {
  test("calls that follow from each other and have one tile each are one step", () => {
    const chain = [call(1, write(0, 4)), call(1, read(0, 4), write(4, 8)), call(1, read(4, 8), write(0, 4))];
    expect(show(chain)).toEqual(["0 1 2 |"]);
  });

  test("threads meet before a call of several tiles that reads what was written", () => {
    expect(show([call(1, write(0, 4)), call(2, read(0, 4), write(4, 8))])).toEqual(["0 |", "1 |"]);
    expect(show([call(2, write(0, 4)), call(1, read(0, 4), write(4, 8))])).toEqual(["0 |", "1 |"]);
  });

  test("threads meet before memory is written again, but not to read the same", () => {
    const [reader, other] = [call(4, read(0, 4), write(8, 9)), call(4, read(0, 4), write(9, 10))];
    expect(show([reader, other])).toEqual(["0", "1 |"]);
    expect(show([reader, call(4, write(3, 5))])).toEqual(["0 |", "1 |"]);
    expect(show([call(4, write(0, 4)), call(4, write(3, 5))])).toEqual(["0 |", "1 |"]);
  });

  test("a call goes to the step that it follows from, past steps that it does not touch", () => {
    const calls = [call(1, write(0, 4)), call(8, write(4, 8)), call(1, read(0, 4), write(8, 12))];
    expect(show(calls)).toEqual(["0 2", "1 |"]);
  });

  test("short steps are joined, long ones are not", () => {
    const join = call(1, read(0, 4), read(4, 8), write(8, 12));
    expect(show([call(1, write(0, 4)), call(1, write(4, 8)), join])).toEqual(["0 1 2 |"]);
    expect(show([slow(write(0, 4)), slow(write(4, 8)), join])).toEqual(["0", "1 |", "2 |"]);
  });

  test("parts of one buffer are written at the same time", () => {
    expect(show([call(4, write(0, 8, 1)), call(4, write(0, 8, 1))])).toEqual(["0", "1 |"]);
    expect(show([call(4, write(0, 8, 1)), call(4, write(0, 8, 2))])).toEqual(["0 |", "1 |"]);
    expect(show([call(4, write(0, 8, 1)), call(4, read(0, 8), write(9, 10, 1))])).toEqual(["0 |", "1 |"]);
  });

  test("calls on their own meet after each", () => {
    const steps = separateSteps([call(3, write(0, 4)), call(1, write(4, 8))]);
    expect(steps).toEqual([
      { calls: [0], tiles: 3, barrier: true },
      { calls: [1], tiles: 1, barrier: true },
    ]);
  });

  test("calls that touch the same memory keep their order, whatever they are", () => {
    const range = fc
      .tuple(fc.nat(20), fc.integer({ min: 1, max: 4 }), fc.boolean())
      .map(
        ([start, size, written]): Range => (written ? write(start, start + size) : read(start, start + size)),
      );
    const placed = fc
      .tuple(
        fc.constantFrom(1, 1, 1, 4),
        fc.constantFrom(10, 1e6),
        fc.array(range, { minLength: 1, maxLength: 3 }),
      )
      .map(([tiles, flops, ranges]): PlacedCall => ({ kernel: { tiles, flops, bytes: 0 }, ranges }));
    fc.assert(
      fc.property(fc.array(placed, { maxLength: 24 }), (calls) => {
        const steps = groupSteps(calls);
        expect(steps.flatMap((step) => step.calls).sort((a, b) => a - b)).toEqual([...calls.keys()]);
        const at = calls.map((_, i) => steps.findIndex((step) => step.calls.includes(i)));
        const phase = steps.map((_, i) => steps.slice(0, i).filter(({ barrier }) => barrier).length);
        for (const step of steps) {
          if (step.calls.length === 1) expect(step.tiles).toBe(calls[step.calls[0]].kernel.tiles);
          else for (const i of step.calls) expect(calls[i].kernel.tiles).toBe(1);
        }
        for (const [j, later] of calls.entries())
          for (const [i, earlier] of calls.slice(0, j).entries()) {
            const touches = earlier.ranges.some((a) =>
              later.ranges.some((b) => (a.written || b.written) && a.start < b.end && b.start < a.end),
            );
            if (!touches) continue;
            if (at[i] === at[j]) {
              const members = steps[at[i]].calls;
              expect(members.indexOf(i)).toBeLessThan(members.indexOf(j));
            } else expect(phase[at[i]]).toBeLessThan(phase[at[j]]);
          }
      }),
      { numRuns: 300 },
    );
  });
});
