// Loads, stores and copies of runs that are not whole vectors; no byte beyond the run is touched.

import type { KernelBuilder } from "../simd/builder.ts";
import type { Expr } from "../simd/expr.ts";
import { LANES } from "../simd/expr.ts";
import * as s from "../simd/ops.ts";

export const FLOAT = 4;
/** Bytes of a vector. */
export const VECTOR = FLOAT * LANES;

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

/**
 * Calls `body(byte offset)` for each vector of a run of `bytes`, which is whole vectors: in pairs while two are left.
 */
export function forVectors(k: KernelBuilder, bytes: number, body: (at: Expr) => void): void {
  const paired = bytes - (bytes % (2 * VECTOR));
  k.loop(paired, (at) => k.pairs(() => body(at)), { step: 2 * VECTOR });
  if (paired < bytes) body(s.i32(paired));
}

/** Pairs of vectors per iteration of a copy. */
const UNROLL = 4;

/** Calls `body(byte offset, lanes)` for each pair of vectors of a run of `count` floats, then for the rest. */
function forRun(
  k: KernelBuilder,
  count: number,
  body: (at: Expr, offset: number, lanes: number) => void,
): void {
  const pairs = Math.floor(count / (2 * LANES));
  const step = pairs <= 2 * UNROLL ? pairs : UNROLL;
  const unrolled = step === 0 ? 0 : pairs - (pairs % step);
  const pair = (at: Expr, offset: number): void => k.pairs(() => body(at, offset, LANES));
  k.loop(
    unrolled * 2 * VECTOR,
    (at) => {
      for (let u = 0; u < step; u++) pair(at, u * 2 * VECTOR);
    },
    { step: Math.max(1, step) * 2 * VECTOR },
  );
  for (let p = unrolled; p < pairs; p++) pair(s.i32(0), p * 2 * VECTOR);
  for (let first = pairs * 2 * LANES; first < count; first += LANES)
    body(s.i32(0), first * FLOAT, Math.min(LANES, count - first));
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
