// Filters with their taps in the opposite order and their two channel axes exchanged.

import * as s from "../../simd/ops.ts";
import type { Kernel } from "../kernel.ts";
import { FLOAT } from "../lanes.ts";

/** [taps, rows, columns] to [taps, columns, rows], the last tap first. Arguments: source, target. */
export function turnFiltersKernel(taps: number, rows: number, columns: number): Kernel {
  const size = rows * columns;
  return {
    family: "pack",
    key: `turn_filters:${taps}x${rows}x${columns}`,
    tiles: taps,
    scratchBytes: 0,
    flops: 0,
    bytes: 2 * FLOAT * taps * size,
    emit(k) {
      const last = k.let(s.isub(s.i32(taps - 1), k.tile));
      const from = k.let(s.iadd(k.buffer(0), s.imul(last, s.i32(size * FLOAT))));
      const to = k.let(s.iadd(k.buffer(1), s.imul(k.tile, s.i32(size * FLOAT))));
      k.loop(rows, (row) => {
        const source = k.let(s.iadd(from, s.imul(row, s.i32(columns * FLOAT))));
        const target = k.let(s.iadd(to, s.imul(row, s.i32(FLOAT))));
        k.loop(columns, (column) => {
          const value = s.loadF32(s.iadd(source, s.imul(column, s.i32(FLOAT))));
          k.storeF32(s.iadd(target, s.imul(column, s.i32(rows * FLOAT))), value);
        });
      });
    },
  };
}
