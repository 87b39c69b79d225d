// Adds up the sums of parts in a fixed order.

import type { Expr } from "../simd/expr.ts";
import { LANES } from "../simd/expr.ts";
import * as s from "../simd/ops.ts";
import type { Kernel } from "./kernel.ts";
import { FLOAT, loadLanes, roundUp, storeLanes } from "./lanes.ts";
import { blockCounts, MAX_TILES } from "./tiling.ts";

/** Adds up `parts` arrays in order. Arguments: the parts one after another, the sum. */
export function sumKernel(parts: number, size: number): Kernel {
  const perTile = roundUp(Math.max(4096, Math.ceil(size / MAX_TILES)), LANES);
  const tiles = Math.ceil(size / perTile);
  return {
    family: "sum",
    key: `sum:${parts}x${size}`,
    tiles,
    scratchBytes: 0,
    flops: parts * size,
    bytes: FLOAT * (parts + 1) * size,
    emit(k) {
      const counts = blockCounts(k, size, perTile, LANES, k.tile);
      const offset = s.imul(k.tile, s.i32(perTile * FLOAT));
      const from = k.let(s.iadd(k.buffer(0), offset));
      const to = k.let(s.iadd(k.buffer(1), offset));
      const sum = (at: Expr, lanes: number): void => {
        const source = k.let(s.iadd(from, at));
        const total = k.let(loadLanes(source, lanes));
        k.loop(parts - 1, () => {
          k.set(source, s.iadd(source, s.i32(size * FLOAT)));
          k.set(total, s.vadd(total, loadLanes(source, lanes)));
        });
        storeLanes(k, k.let(s.iadd(to, at)), total, lanes);
      };
      k.loop(counts.full, (i) => sum(s.imul(i, s.i32(LANES * FLOAT)), LANES));
      if (counts.tail > 0)
        k.if(counts.hasTail, () => sum(s.imul(counts.full, s.i32(LANES * FLOAT)), counts.tail));
    },
  };
}
