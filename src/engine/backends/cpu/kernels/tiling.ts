// How work is cut into tiles and blocks.

import type { KernelBuilder } from "../simd/builder.ts";
import type { Expr } from "../simd/expr.ts";
import * as s from "../simd/ops.ts";

/** Floating-point operations per tile: about 50 microseconds. */
const TILE_FLOPS = 2.5e6;
/** More tiles than this gain nothing. */
export const MAX_TILES = 64;

/** Into how many tiles work of so many floating-point operations is best cut. */
export const tilesFor = (flops: number): number =>
  Math.max(1, Math.min(MAX_TILES, Math.round(flops / TILE_FLOPS)));

/** Full units, and the elements left over where `hasTail`. */
export interface UnitCounts {
  readonly full: number | Expr;
  readonly tail: number;
  readonly hasTail: Expr;
}

/** The counts of a length that is the same everywhere. */
export const unitCounts = (length: number, unit: number): UnitCounts => ({
  full: Math.floor(length / unit),
  tail: length % unit,
  hasTail: s.i32(1),
});

/** Those of a block; a tail is left over in the last one. */
export interface BlockCounts extends UnitCounts {
  /** Elements in this block. */
  readonly total: Expr;
  readonly full: Expr;
}

/** The counts of block `index`. A length is cut into blocks, all but the last a multiple of `unit`. */
export function blockCounts(
  k: KernelBuilder,
  length: number,
  block: number,
  unit: number,
  index: Expr,
): BlockCounts {
  const blocks = Math.ceil(length / block);
  const lastLength = length - (blocks - 1) * block;
  const isLast = blocks === 1 ? s.i32(1) : k.let(s.ieq(index, s.i32(blocks - 1)));
  const pick = (inLast: number, inOthers: number): Expr =>
    inLast === inOthers || blocks === 1
      ? s.i32(inLast)
      : k.let(s.select(isLast, s.i32(inLast), s.i32(inOthers)));
  return {
    total: pick(lastLength, block),
    full: pick(Math.floor(lastLength / unit), block / unit),
    tail: lastLength % unit,
    hasTail: isLast,
  };
}
