// The linear multistep formula of Adams and Bashforth over even steps.

import { type Term, weightedSum } from "./weighted_sum.ts";

/** Weights by number of known slopes, the newest first. */
const WEIGHTS = [
  [],
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/** The most slopes that are used. */
const ORDER = WEIGHTS.length - 1;

/** The slopes after another step, the newest first: no more than are used. */
export const withSlope = (slope: Float32Array, earlier: readonly Float32Array[]): readonly Float32Array[] => [
  slope,
  ...earlier.slice(0, ORDER - 1),
];

/** The slope of the next step, extrapolated from one to four earlier ones, the newest first. */
export function adamsBashforth(slopes: readonly Float32Array[]): Float32Array {
  return weightedSum(...slopes.map((slope, i): Term => [WEIGHTS[slopes.length][i], slope]));
}
