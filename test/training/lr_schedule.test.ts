// The learning rate over a run.

import { expect, test } from "vitest";
import { learningRateAt, lrSchedules } from "../../src/training/step/lr_schedule.ts";

const rates = (schedule: (typeof lrSchedules)[number], warmupSteps: number, steps: number) =>
  Array.from({ length: steps + 1 }, (_, step) =>
    learningRateAt(step, { schedule, learningRate: 10, warmupSteps, steps }),
  );
const close = (values: number[]) => values.map((value) => expect.closeTo(value, 10));

// The lists for a peak of 10, two warm-up steps and ten steps are those of transformers' own scheduler tests.
test("constant", () => {
  expect(rates("constant", 0, 10)).toEqual(new Array(11).fill(10));
});

test("constant with warm-up", () => {
  expect(rates("constant_with_warmup", 4, 9)).toEqual([0, 2.5, 5, 7.5, 10, 10, 10, 10, 10, 10]);
});

test("linear", () => {
  expect(rates("linear", 2, 10)).toEqual(close([0, 5, 10, 8.75, 7.5, 6.25, 5, 3.75, 2.5, 1.25, 0]));
});

test("cosine", () => {
  const expected = [0, 5, 10, 9.61939766, 8.53553391, 6.91341716, 5, 3.08658284, 1.46446609, 0.38060234, 0];
  for (const [i, rate] of rates("cosine", 2, 10).entries()) expect(rate).toBeCloseTo(expected[i], 7);
});

test.each(lrSchedules)("%s begins at 0 with a warm-up, at its peak without", (schedule) => {
  expect(rates(schedule, 3, 10)[0]).toBe(0);
  expect(rates(schedule, 3, 10)[3]).toBe(10);
  expect(rates(schedule, 0, 10)[0]).toBe(10);
});
