// The widths in which a loop walks its vector axis: several vectors at once, one, and single lanes at the end.

import { LANES } from "../../simd/expr.ts";
import type { Position } from "./loop_body.ts";

/** Vectors per iteration of the innermost loop. */
const UNROLL = 4;

export interface Stage {
  /** Elements per iteration, and the positions that cover them. */
  readonly width: number;
  readonly positions: readonly Position[];
  /** Each position covers two adjacent vectors. */
  readonly paired: boolean;
}

/** One vector every `step` elements, starting at `first`. */
export const vectorPositions = (first: number, count: number, step: number): Position[] =>
  Array.from({ length: count }, (_, v): Position => ({ index: first + v * step, lanes: LANES }));

function vectorStage(count: number, paired: boolean): Stage {
  const lanes = paired ? 2 * LANES : LANES;
  return { width: count * lanes, positions: vectorPositions(0, count, lanes), paired };
}

export const SINGLE_LANE: Stage = { width: 1, positions: [{ index: 0, lanes: 1 }], paired: false };

/** For stored results; a long body is not unrolled. */
export const storeStages = (isLong: boolean): Stage[] => [
  ...(isLong ? [] : [vectorStage(UNROLL / 2, true)]),
  vectorStage(1, true),
  vectorStage(1, false),
  SINGLE_LANE,
];

/** For sums along the axis: the first stage has one accumulator per position. */
export const reductionStages = (): [Stage, ...Stage[]] => [
  vectorStage(UNROLL, false),
  vectorStage(1, false),
  SINGLE_LANE,
];
