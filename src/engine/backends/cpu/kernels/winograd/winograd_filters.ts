// The filters of a Winograd convolution: G g G^T, packed into panels for the products. Either an earlier step
// transforms them all, or each tile of the convolution transforms those it needs in its scratch.

import { FILTER_SIDE, filterTransform, PATCH_SIDE, PLACES } from "../../../winograd/transforms.ts";
import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import { LANES } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import type { Kernel } from "../kernel.ts";
import { FLOAT, forVectors, VECTOR } from "../lanes.ts";
import { NR } from "../matmul/micro.ts";
import { transpose } from "../matmul/pack.ts";
import { vectors } from "./winograd_arithmetic.ts";

const TAPS = FILTER_SIDE * FILTER_SIDE;

/** Filters [3, 3, k, n]; if transposed, [3, 3, n, k] with taps reversed, for the gradient of the image. */
export interface WinogradFilters {
  readonly k: number;
  readonly n: number;
  readonly transposed: boolean;
}

/** Floats from place to place; not a power of two, which would put all places on the same cache lines. */
export const filterPlaceSize = ({ k, n }: WinogradFilters): number => Math.ceil(n / NR) * k * NR + 16;
export const filtersSize = (filters: WinogradFilters): number => PLACES * filterPlaceSize(filters);

/** Transforms filters into [place][panel of n][k][NR]. k and n are multiples of 4. Arguments: filters, transformed. */
export function winogradFiltersKernel(filters: WinogradFilters): Kernel {
  const { k: depth, n, transposed } = filters;
  const panels = Math.ceil(n / NR);
  const parts = depth % 128 === 0 ? depth / 128 : 1;
  const partDepth = depth / parts;
  const perTile = Math.max(1, Math.min(panels, Math.floor(2048 / (partDepth * NR))));
  const groups = Math.ceil(panels / perTile);
  return {
    family: "winograd_filters",
    key: `winograd_filters:${JSON.stringify(filters)}`,
    tiles: groups * parts,
    scratchBytes: transposed ? TURNED_BYTES : 0,
    flops: 0,
    bytes: FLOAT * (TAPS + PLACES) * depth * n,
    emit(k) {
      const part = k.let(s.iremU(k.tile, s.i32(parts)));
      const first = k.let(s.imul(s.idivU(k.tile, s.i32(parts)), s.i32(perTile)));
      const last = k.let(s.imin(s.iadd(first, s.i32(perTile)), s.i32(panels)));
      const start = k.let(s.imul(part, s.i32(partDepth)));
      k.for(first, last, 1, (panel) => {
        const row = s.iadd(s.imul(panel, s.i32(depth)), start);
        const to = k.let(s.iadd(k.buffer(1), s.imul(row, s.i32(NR * FLOAT))));
        const column = k.let(s.imul(panel, s.i32(NR)));
        const placeBytes = filterPlaceSize(filters) * FLOAT;
        const columns = (count: number): void =>
          transformPanel(k, filters, {
            ...{ source: k.buffer(0), column, columns: count, start, count: partDepth },
            ...{ to, placeBytes, turned: k.scratch },
          });
        if (n % NR === 0) columns(NR);
        else
          k.if(
            s.ieq(panel, s.i32(panels - 1)),
            () => columns(n % NR),
            () => columns(NR),
          );
      });
    },
  };
}

export interface PanelBlock {
  /** Byte address of the filters. */
  readonly source: Expr;
  /** First column of the panel and its number of columns, a multiple of 4; the others become zero. */
  readonly column: Expr;
  readonly columns: number;
  /** First k step, and how many. */
  readonly start: Expr;
  readonly count: number;
  /** Byte address of the first step in the first place; byte stride between places. */
  readonly to: Expr;
  readonly placeBytes: number;
  /** Byte address of TURNED_BYTES of scratch for transposed filters. */
  readonly turned: Expr;
}

/** Scratch for the taps of transposed filters: as many k steps as a vector has lanes. */
export const TURNED_BYTES = TAPS * LANES * NR * FLOAT;

/** Transforms several k steps of one panel. */
export function transformPanel(k: KernelBuilder, filters: WinogradFilters, block: PanelBlock): void {
  if (filters.transposed) transposedColumns(k, filters, block);
  else plainColumns(k, filters, block);
}

/** The columns are adjacent in memory. */
function plainColumns(k: KernelBuilder, filters: WinogradFilters, block: PanelBlock): void {
  const { k: depth, n } = filters;
  const index = s.iadd(s.imul(block.start, s.i32(n)), block.column);
  const from = k.let(s.iadd(block.source, s.imul(index, s.i32(FLOAT))));
  const target = k.let(block.to);
  k.loop(block.count, () => {
    transformColumns(k, block, { from, tapBytes: depth * n * FLOAT, to: target });
    k.set(from, s.iadd(from, s.i32(n * FLOAT)));
    k.set(target, s.iadd(target, s.i32(NR * FLOAT)));
  });
}

/** The columns are rows of the source: squares of 4 x 4 are transposed and the taps reversed. */
function transposedColumns(k: KernelBuilder, filters: WinogradFilters, block: PanelBlock): void {
  const { k: depth, n } = filters;
  const index = s.iadd(s.imul(block.column, s.i32(depth)), block.start);
  const from = k.let(s.iadd(block.source, s.imul(index, s.i32(FLOAT))));
  const target = k.let(block.to);
  const rowBytes = NR * FLOAT;
  const tapBytes = LANES * rowBytes;
  k.loop(block.count / LANES, () => {
    k.loop(TAPS, (tap) => {
      const source = k.let(s.iadd(from, s.imul(tap, s.i32(n * depth * FLOAT))));
      const turned = k.let(
        s.isub(s.iadd(block.turned, s.i32((TAPS - 1) * tapBytes)), s.imul(tap, s.i32(tapBytes))),
      );
      for (let column = 0; column < block.columns; column += LANES) {
        const rows = Array.from({ length: LANES }, (_, lane) =>
          k.let(s.loadV(source, (column + lane) * depth * FLOAT)),
        );
        transpose(k, rows).forEach((value, step) => {
          k.storeV(turned, value, step * rowBytes + column * FLOAT);
        });
      }
    });
    k.loop(
      tapBytes,
      (at) => {
        const source = k.let(s.iadd(block.turned, at));
        transformColumns(k, block, { from: source, tapBytes, to: target });
        k.set(target, s.iadd(target, s.i32(rowBytes)));
      },
      { step: rowBytes },
    );
    k.set(from, s.iadd(from, s.i32(VECTOR)));
  });
}

/** Transforms one k step of a panel. */
function transformColumns(
  k: KernelBuilder,
  { columns, placeBytes }: PanelBlock,
  row: { readonly from: Expr; readonly tapBytes: number; readonly to: Expr },
): void {
  forVectors(k, columns * FLOAT, (at) => {
    const from = k.let(s.iadd(row.from, at));
    const taps = Array.from({ length: TAPS }, (_, tap) => k.let(s.loadV(from, tap * row.tapBytes)));
    transformFilter(k, taps, k.let(s.iadd(row.to, at)), placeBytes);
  });
  for (let place = 0; place < PLACES; place++)
    for (let column = columns; column < NR; column += LANES)
      k.storeV(row.to, s.vconst(0), place * placeBytes + column * FLOAT);
}

/** Transforms four filters: G g G^T. */
function transformFilter(k: KernelBuilder, taps: readonly Expr[], to: Expr, placeBytes: number): void {
  const sides = Array.from({ length: FILTER_SIDE }, (_, i) => i);
  const columns = sides.map((b) =>
    filterTransform(
      vectors(k),
      sides.map((a) => taps[a * FILTER_SIDE + b]),
    ).map((value) => k.let(value)),
  );
  for (let i = 0; i < PATCH_SIDE; i++) {
    const row = columns.map((column) => column[i]);
    filterTransform(vectors(k), row).forEach((value, j) => {
      k.storeV(to, value, (i * PATCH_SIDE + j) * placeBytes);
    });
  }
}
