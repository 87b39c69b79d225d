// Loads, stores and copies of runs that are not whole vectors; no byte beyond the run is touched.

import type { KernelBuilder, VectorCount } from "../simd/builder.ts";
import type { Expr } from "../simd/expr.ts";
import { LANES } from "../simd/expr.ts";
import * as s from "../simd/ops.ts";

export const FLOAT = 4;
/** Bytes of a vector. */
export const VECTOR = FLOAT * LANES;

/** Bytes of the most vectors that are computed as one. */
export const WIDEST = 4 * VECTOR;

export const roundUp = (x: number, multiple: number): number => Math.ceil(x / multiple) * multiple;
/** Rounds up to whole cache lines, so that each part of scratch starts on one. */
export const cacheLines = (bytes: number): number => roundUp(bytes, 64);

/** Loads the first `count` (1 to 4) floats at an address; the other lanes are zero. */
export function loadLanes(address: Expr, count: number, offset = 0): Expr {
  if (count >= LANES) return s.loadV(address, offset);
  if (count === 1) return s.loadLane0(address, offset);
  const pair = s.loadPair(address, offset);
  return count === 2 ? pair : s.shuffle(pair, s.loadLane0(address, offset + 2 * FLOAT), [0, 1, 4, 5]);
}

/** Stores the first `count` (1 to 4) lanes. */
export function storeLanes(k: KernelBuilder, address: Expr, v: Expr, count: number, offset = 0): void {
  if (count >= LANES) k.storeV(address, v, offset);
  else if (count === 1) k.storeLane0(address, v, offset);
  else {
    const value = v.kind === "var" ? v : k.let(v);
    k.storePair(address, value, offset);
    if (count === 3) k.storeLane0(address, s.shuffle(value, value, [2, 3, 2, 3]), offset + 2 * FLOAT);
  }
}

/** Numbers of vectors to compute as one, the most first: at least pairs, which cost nothing where registers hold less. */
export const vectorCounts = ({ width }: KernelBuilder): VectorCount[] => (width === 4 ? [4, 2, 1] : [2, 1]);

/**
 * Calls `body(byte offset)` for each vector of a run of `bytes`, which is whole vectors: for as many at once as fit.
 */
export function forVectors(k: KernelBuilder, bytes: number, body: (at: Expr) => void): void {
  let from = 0;
  for (const count of vectorCounts(k)) {
    const step = count * VECTOR;
    const to = from + Math.floor((bytes - from) / step) * step;
    k.for(from, to, step, (at) => k.vectors(count, () => body(at)));
    from = to;
  }
}

/** Groups of vectors per iteration of a copy. */
const UNROLL = 4;

/** Calls `body(byte offset, offset, lanes)` for groups of vectors of a run of `count` floats, then for the rest. */
function forRun(
  k: KernelBuilder,
  count: number,
  body: (at: Expr, offset: number, lanes: number) => void,
): void {
  const [widest, ...narrower] = vectorCounts(k);
  const bytes = widest * VECTOR;
  const groups = Math.floor((count * FLOAT) / bytes);
  const step = groups <= 2 * UNROLL ? groups : UNROLL;
  const unrolled = step === 0 ? 0 : groups - (groups % step);
  const group = (vectors: VectorCount, at: Expr, offset: number): void =>
    k.vectors(vectors, () => body(at, offset, LANES));
  k.loop(
    unrolled * bytes,
    (at) => {
      for (let u = 0; u < step; u++) group(widest, at, u * bytes);
    },
    { step: Math.max(1, step) * bytes },
  );
  for (let g = unrolled; g < groups; g++) group(widest, s.i32(0), g * bytes);
  let done = groups * bytes;
  for (const vectors of narrower)
    for (; count * FLOAT - done >= vectors * VECTOR; done += vectors * VECTOR) group(vectors, s.i32(0), done);
  if (count * FLOAT > done) body(s.i32(0), done, count - done / FLOAT);
}

/** Copies `count` floats. */
export function copyRun(k: KernelBuilder, to: Expr, from: Expr, count: number): void {
  forRun(k, count, (at, offset, lanes) => {
    storeLanes(k, s.iadd(to, at), loadLanes(s.iadd(from, at), lanes, offset), lanes, offset);
  });
}

/** Writes `count` zeros. */
export function zeroRun(k: KernelBuilder, to: Expr, count: number): void {
  forRun(k, count, (at, offset, lanes) => storeLanes(k, s.iadd(to, at), s.vconst(0), lanes, offset));
}

/** Adds `count` floats to those at `to`. */
export function addRun(k: KernelBuilder, to: Expr, from: Expr, count: number): void {
  forRun(k, count, (at, offset, lanes) => {
    const target = s.iadd(to, at);
    const sum = s.vadd(loadLanes(target, lanes, offset), loadLanes(s.iadd(from, at), lanes, offset));
    storeLanes(k, target, sum, lanes, offset);
  });
}

/** Writes `count` floats multiplied by `factor`, which has the same value in every lane. */
export function scaleRun(k: KernelBuilder, to: Expr, from: Expr, count: number, factor: Expr): void {
  forRun(k, count, (at, offset, lanes) => {
    const product = s.vmul(loadLanes(s.iadd(from, at), lanes, offset), factor);
    storeLanes(k, s.iadd(to, at), product, lanes, offset);
  });
}
