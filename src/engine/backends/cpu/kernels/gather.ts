// Rows of a table by index, and the sum of rows back into a table. Indices outside the table take the nearest row.

import type { Expr } from "../simd/expr.ts";
import * as s from "../simd/ops.ts";
import type { Kernel, Lowered } from "./kernel.ts";
import { addRun, copyRun, FLOAT, zeroRun } from "./lanes.ts";

export interface GatherSpec {
  /** The table is [rows, width]; there are `count` indices. */
  readonly rows: number;
  readonly width: number;
  readonly count: number;
}

/** Floats moved by a tile. */
const TILE = 16384;

/** out[i, :] = table[index[i], :]. Inputs: table, index (i32). Output: [count, width]. */
export function lowerGather(spec: GatherSpec): Lowered {
  const { rows, width, count } = check("gather", spec);
  const perTile = Math.max(1, Math.floor(TILE / width));
  const kernel: Kernel = {
    family: "gather",
    key: `gather:${rows}x${width}:${count}`,
    tiles: Math.ceil(count / perTile),
    scratchBytes: 0,
    flops: 0,
    bytes: FLOAT * count * (2 * width + 1),
    emit(k) {
      const first = k.let(s.imul(k.tile, s.i32(perTile)));
      const end = k.let(s.imin(s.iadd(first, s.i32(perTile)), s.i32(count)));
      k.for(first, end, 1, (i) => {
        const index = k.let(s.loadI32(s.iadd(k.buffer(1), s.imul(i, s.i32(FLOAT)))));
        const row = k.let(clamp(index, rows));
        const rowBytes = s.i32(width * FLOAT);
        const from = k.let(s.iadd(k.buffer(0), s.imul(row, rowBytes)));
        copyRun(k, k.let(s.iadd(k.buffer(2), s.imul(i, rowBytes))), from, width);
      });
    },
  };
  return { temps: [], steps: [{ kernel, args: [{ input: 0 }, { input: 1 }, { output: 0 }] }] };
}

/** table[v, :] = sum of source[i, :] over index[i] = v, in order of i. Inputs: source, index (i32). Output: the table. */
export function lowerScatterAdd(spec: GatherSpec): Lowered {
  const { rows, width, count } = check("scatterAdd", spec);
  const perTile = Math.max(1, Math.min(Math.ceil(rows / 16), Math.floor(TILE / width)));
  const kernel: Kernel = {
    family: "scatter_add",
    key: `scatter_add:${rows}x${width}:${count}`,
    tiles: Math.ceil(rows / perTile),
    scratchBytes: 0,
    flops: count * width,
    bytes: FLOAT * (count * (2 * width + 1) + rows * width),
    emit(k) {
      const first = k.let(s.imul(k.tile, s.i32(perTile)));
      const end = k.let(s.imin(s.iadd(first, s.i32(perTile)), s.i32(rows)));
      const rowBytes = s.i32(width * FLOAT);
      const tableRow = (row: Expr): Expr => k.let(s.iadd(k.buffer(2), s.imul(row, rowBytes)));
      k.for(first, end, 1, (row) => zeroRun(k, tableRow(row), width));
      k.loop(count, (i) => {
        const index = k.let(s.loadI32(s.iadd(k.buffer(1), s.imul(i, s.i32(FLOAT)))));
        const row = k.let(clamp(index, rows));
        // Rows first .. end - 1 belong to this tile.
        k.if(s.iltU(s.isub(row, first), s.isub(end, first)), () => {
          const from = k.let(s.iadd(k.buffer(0), s.imul(i, rowBytes)));
          addRun(k, tableRow(row), from, width);
        });
      });
    },
  };
  return { temps: [], steps: [{ kernel, args: [{ input: 0 }, { input: 1 }, { output: 0 }] }] };
}

function check(what: string, spec: GatherSpec): GatherSpec {
  for (const [name, size] of Object.entries(spec))
    if (!Number.isInteger(size) || size < 1)
      throw new RangeError(`${what}: got ${name} of ${size}, expected a positive integer`);
  return spec;
}

const clamp = (index: Expr, rows: number): Expr => s.imax(s.i32(0), s.imin(index, s.i32(rows - 1)));
