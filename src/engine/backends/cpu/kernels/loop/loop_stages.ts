// The widths in which a loop walks its vector axis: several vectors at once, one, and single lanes at the end.

import type { VectorCount } from "../../simd/builder.ts";
import { LANES } from "../../simd/expr.ts";
import type { Position } from "./loop_body.ts";

/** Vectors per iteration of the innermost loop. */
const UNROLL = 4;

export interface Stage {
  /** Elements per iteration, and the positions that cover them. */
  readonly width: number;
  readonly positions: readonly Position[];
  /** Each position covers so many adjacent vectors. */
  readonly vectors: VectorCount;
}

/** One vector every `step` elements, starting at `first`. */
export const vectorPositions = (first: number, count: number, step: number): Position[] =>
  Array.from({ length: count }, (_, v): Position => ({ index: first + v * step, lanes: LANES }));

function vectorStage(count: number, vectors: VectorCount): Stage {
  const lanes = vectors * LANES;
  return { width: count * lanes, positions: vectorPositions(0, count, lanes), vectors };
}

export const SINGLE_LANE: Stage = { width: 1, positions: [{ index: 0, lanes: 1 }], vectors: 1 };

/** For stored results, in registers of as many vectors as `counts` says; a long body is not unrolled. */
export const storeStages = (isLong: boolean, counts: readonly VectorCount[]): Stage[] => [
  ...(isLong ? [] : [vectorStage(UNROLL / 2, counts[0])]),
  ...counts.map((vectors) => vectorStage(1, vectors)),
  SINGLE_LANE,
];

/** For sums along the axis: the first stage has one accumulator per position. */
export const reductionStages = (): [Stage, ...Stage[]] => [
  vectorStage(UNROLL, 1),
  vectorStage(1, 1),
  SINGLE_LANE,
];
