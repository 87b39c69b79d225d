// The learning rate over a run: a linear warm-up, then one of diffusers' shapes.

import * as exact from "../../engine/math/index.ts";

/** Each can begin with a warm-up; "constant" without one is diffusers' "constant". */
export const lrSchedules = ["constant", "constant_with_warmup", "linear", "cosine"] as const;
export type LrSchedule = (typeof lrSchedules)[number];

export interface LrScheduleOptions {
  readonly schedule: LrSchedule;
  /** The rate at its peak. */
  readonly learningRate: number;
  /** Steps over which it rises from 0; the first step of a warm-up has rate 0. */
  readonly warmupSteps: number;
  /** Steps of the whole run; "linear" and "cosine" reach 0 there. */
  readonly steps: number;
}

/** The learning rate of a step; `step` is 0 for the first. */
export function learningRateAt(step: number, options: LrScheduleOptions): number {
  const { schedule, learningRate, warmupSteps, steps } = options;
  if (step < warmupSteps) return learningRate * (step / warmupSteps);
  const progress = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  switch (schedule) {
    case "constant":
    case "constant_with_warmup":
      return learningRate;
    case "linear":
      return learningRate * Math.max(0, 1 - progress);
    case "cosine":
      return learningRate * Math.max(0, 0.5 * (1 + exact.cos(Math.PI * progress)));
    default:
      return schedule satisfies never;
  }
}
