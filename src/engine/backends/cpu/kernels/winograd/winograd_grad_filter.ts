// The gradient of a 3 x 3 convolution of stride 1 with respect to its filters, by Winograd's F(4 x 4, 3 x 3)
// transposed: patches of the image and tiles of dy are transformed and multiplied as 36 matrix products over tiles,
// and the sums over all tiles are transformed into 3 x 3 taps. Tiles are cut into chunks, each with its own sums.

import {
  FILTER_SIDE,
  filterGradientTransform,
  inputTransform,
  outputGradientTransform,
  PATCH_SIDE,
  PLACES,
  RESULT_SIDE,
} from "../../../winograd/transforms.ts";
import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import type { Conv2dSpec } from "../conv2d/conv2d_spec.ts";
import type { Kernel, Lowered } from "../kernel.ts";
import { cacheLines, FLOAT, forVectors, WIDEST } from "../lanes.ts";
import { blockProduct, MR, NR } from "../matmul/micro.ts";
import { unitCounts } from "../tiling.ts";
import { vectors } from "./winograd_arithmetic.ts";
import type { TileGrid } from "./winograd_tiles.ts";
import {
  clearWork,
  placeMatrices,
  tileCount,
  tileGrid,
  tilePlace,
  transformPatch,
  WORK_BYTES,
} from "./winograd_tiles.ts";

/** How the work is cut; the channel blocks divide the channels and are multiples of 4. */
export interface WinogradGradPlan {
  /** Tiles transformed together, a multiple of 4; then blocks of tiles in a chunk. */
  readonly tileBlock: number;
  readonly chunkBlocks: number;
  readonly rowBlock: number;
  readonly columnBlock: number;
}

/** Bytes of work space for the transform to taps. */
const TAPS_BYTES = FILTER_SIDE * PATCH_SIDE * WIDEST;
/** k steps per iteration of the inner loop. */
const UNROLL = 4;

export const gradGrid = ({ n, oh, ow }: Conv2dSpec): TileGrid => tileGrid(n, oh, ow);
export const gradChunks = (spec: Conv2dSpec, plan: WinogradGradPlan): number =>
  Math.ceil(tileCount(gradGrid(spec)) / (plan.tileBlock * plan.chunkBlocks));

/** Floats of one place's sums in a block; not a power of two, which would put all places on the same cache lines. */
const placeSize = ({ rowBlock, columnBlock }: WinogradGradPlan): number => rowBlock * columnBlock + 16;
/** Floats of the sums of all chunks; with a single chunk they stay in the tile's scratch. */
export function gradSumsSize(spec: Conv2dSpec, plan: WinogradGradPlan): number {
  const chunks = gradChunks(spec, plan);
  const blocks = (spec.ci / plan.rowBlock) * (spec.co / plan.columnBlock);
  return chunks === 1 ? 0 : chunks * blocks * PLACES * placeSize(plan);
}

/** Inputs: x, dy. Output: dw. */
export function lowerWinogradGradFilter(spec: Conv2dSpec, plan: WinogradGradPlan): Lowered {
  const chunks = gradChunks(spec, plan);
  const kernel = productsKernel(spec, plan);
  if (chunks === 1)
    return { temps: [], steps: [{ kernel, args: [{ input: 0 }, { input: 1 }, { output: 0 }] }] };
  return {
    temps: [gradSumsSize(spec, plan)],
    steps: [
      { kernel, args: [{ input: 0 }, { input: 1 }, { temp: 0 }] },
      { kernel: tapsKernel(spec, plan, chunks), args: [{ temp: 0 }, { output: 0 }] },
    ],
  };
}

/**
 * Sums over tiles as [chunk][block of rows][block of columns][place][row][column], or dw where there is only one
 * chunk.
 * Arguments: x, dy, result.
 */
function productsKernel(spec: Conv2dSpec, plan: WinogradGradPlan): Kernel {
  const { n, h, w, ci, oh, ow, co, padding } = spec;
  const { tileBlock, rowBlock, columnBlock } = plan;
  const grid = gradGrid(spec);
  const tiles = tileCount(grid);
  const chunkTiles = tileBlock * plan.chunkBlocks;
  const chunks = gradChunks(spec, plan);
  const rowBlocks = ci / rowBlock;
  const columnBlocks = co / columnBlock;
  const left = placeMatrices(tileBlock, rowBlock);
  const right = placeMatrices(tileBlock, columnBlock);
  const leftBytes = PLACES * left.placeBytes;
  const rightBytes = PLACES * right.placeBytes;
  const placeBytes = placeSize(plan) * FLOAT;
  const blockBytes = PLACES * placeBytes;
  const isWhole = chunks === 1;
  const workBytes = cacheLines(Math.max(WORK_BYTES, TAPS_BYTES));
  const { bias: _, ...shape } = spec;
  return {
    family: "conv2d_grad_filter",
    key: `winograd_grad_filter:${JSON.stringify([shape, plan])}`,
    tiles: chunks * rowBlocks * columnBlocks,
    scratchBytes: leftBytes + rightBytes + workBytes + (isWhole ? blockBytes : 0),
    flops: 2 * n * oh * ow * 9 * ci * co,
    fewerFlops: true,
    bytes:
      FLOAT *
      (n * h * w * ci + n * oh * ow * co + (isWhole ? FILTER_SIDE * FILTER_SIDE : chunks * PLACES) * ci * co),
    emit(k) {
      const columnIndex = k.let(s.iremU(k.tile, s.i32(columnBlocks)));
      const above = k.let(s.idivU(k.tile, s.i32(columnBlocks)));
      const rowIndex = k.let(s.iremU(above, s.i32(rowBlocks)));
      const start = k.let(s.imul(s.idivU(above, s.i32(rowBlocks)), s.i32(chunkTiles)));
      const end = k.let(s.imin(s.iadd(start, s.i32(chunkTiles)), s.i32(tiles)));
      const rightAt = k.let(s.iadd(k.scratch, s.i32(leftBytes)));
      const work = k.let(s.iadd(k.scratch, s.i32(leftBytes + rightBytes)));
      const sums = isWhole
        ? k.let(s.iadd(work, s.i32(workBytes)))
        : k.let(s.iadd(k.buffer(2), s.imul(k.tile, s.i32(blockBytes))));
      const x = k.let(s.iadd(k.buffer(0), s.imul(rowIndex, s.i32(rowBlock * FLOAT))));
      const dy = k.let(s.iadd(k.buffer(1), s.imul(columnIndex, s.i32(columnBlock * FLOAT))));
      clearWork(k, work);
      k.for(start, end, tileBlock, (first) => {
        const given = k.let(s.imin(s.i32(tileBlock), s.isub(end, first)));
        const count = k.let(s.iand(s.iadd(given, s.i32(UNROLL - 1)), s.i32(-UNROLL)));
        k.loop(count, (tile) => {
          const at = k.let(s.iadd(first, tile));
          const place = tilePlace(k, grid, at);
          // Tiles beyond the last one lie below all images, so they are zero.
          const y =
            tiles % UNROLL === 0 ? place.y : s.select(s.ilt(at, end), place.y, s.i32(h + oh + padding[0]));
          const common = { matrices: left, work };
          transformPatch(k, {
            ...common,
            source: x,
            image: { h, w, channels: ci },
            channels: rowBlock,
            side: PATCH_SIDE,
            transform: inputTransform,
            place: {
              image: place.image,
              y: k.let(s.iadd(y, s.i32(-padding[0]))),
              x: k.let(s.iadd(place.x, s.i32(-padding[2]))),
            },
            to: s.iadd(k.scratch, s.imul(tile, s.i32(left.rowBytes))),
          });
          transformPatch(k, {
            ...common,
            matrices: right,
            source: dy,
            image: { h: oh, w: ow, channels: co },
            channels: columnBlock,
            side: RESULT_SIDE,
            transform: outputGradientTransform,
            place: { ...place, y: k.let(y) },
            to: s.iadd(rightAt, s.imul(tile, s.i32(right.rowBytes))),
          });
        });
        k.loop(PLACES, (index) =>
          blockProduct(k, {
            a: k.let(s.iadd(k.scratch, s.imul(index, s.i32(left.placeBytes)))),
            aRow: FLOAT,
            aK: left.rowBytes,
            aGroup: MR * FLOAT,
            b: k.let(s.iadd(rightAt, s.imul(index, s.i32(right.placeBytes)))),
            bK: right.rowBytes,
            bPanel: NR * FLOAT,
            count,
            unroll: UNROLL,
            c: k.let(s.iadd(sums, s.imul(index, s.i32(placeBytes)))),
            cRow: columnBlock * FLOAT,
            mr: MR,
            rows: unitCounts(rowBlock, MR),
            columns: unitCounts(columnBlock, NR),
            fresh: s.ieq(first, start),
          }),
        );
      });
      if (!isWhole) return;
      const firstRow = s.imul(rowIndex, s.i32(rowBlock * co * FLOAT));
      const to = k.let(s.iadd(k.buffer(2), firstRow, s.imul(columnIndex, s.i32(columnBlock * FLOAT))));
      k.loop(rowBlock, (row) =>
        sumsToTaps(k, {
          sums: k.let(s.iadd(sums, s.imul(row, s.i32(columnBlock * FLOAT)))),
          columns: columnBlock,
          placeBytes,
          chunks: 1,
          chunkBytes: 0,
          to: k.let(s.iadd(to, s.imul(row, s.i32(co * FLOAT)))),
          tapBytes: ci * co * FLOAT,
          work,
        }),
      );
    },
  };
}

/** Adds up the sums of chunks in order and transforms them: G^T s G. Arguments: sums, dw. */
function tapsKernel({ ci, co }: Conv2dSpec, plan: WinogradGradPlan, chunks: number): Kernel {
  const { rowBlock, columnBlock } = plan;
  const rowsPerTile = Math.max(1, Math.ceil(4096 / (co * chunks)));
  const placeBytes = placeSize(plan) * FLOAT;
  const blockBytes = PLACES * placeBytes;
  const columnBlocks = co / columnBlock;
  return {
    family: "winograd_taps",
    key: `winograd_taps:${JSON.stringify([ci, co, rowBlock, columnBlock, chunks])}`,
    tiles: Math.ceil(ci / rowsPerTile),
    scratchBytes: TAPS_BYTES,
    flops: 0,
    bytes: FLOAT * (chunks * PLACES + FILTER_SIDE * FILTER_SIDE) * ci * co,
    emit(k) {
      const firstRow = k.let(s.imul(k.tile, s.i32(rowsPerTile)));
      const lastRow = k.let(s.imin(s.iadd(firstRow, s.i32(rowsPerTile)), s.i32(ci)));
      k.for(firstRow, lastRow, 1, (row) => {
        const block = s.imul(s.idivU(row, s.i32(rowBlock)), s.i32(columnBlocks * blockBytes));
        const inBlock = s.imul(s.iremU(row, s.i32(rowBlock)), s.i32(columnBlock * FLOAT));
        const rowAt = k.let(s.iadd(k.buffer(0), block, inBlock));
        const target = k.let(s.iadd(k.buffer(1), s.imul(row, s.i32(co * FLOAT))));
        k.loop(columnBlocks, (columnIndex) =>
          sumsToTaps(k, {
            sums: k.let(s.iadd(rowAt, s.imul(columnIndex, s.i32(blockBytes)))),
            columns: columnBlock,
            placeBytes,
            chunks,
            chunkBytes: (ci / rowBlock) * columnBlocks * blockBytes,
            to: k.let(s.iadd(target, s.imul(columnIndex, s.i32(columnBlock * FLOAT)))),
            tapBytes: ci * co * FLOAT,
            work: k.scratch,
          }),
        );
      });
    },
  };
}

interface TapsRow {
  /** Byte address of a row's first sum in the first place; byte strides between places and between chunks. */
  readonly sums: Expr;
  readonly columns: number;
  readonly placeBytes: number;
  readonly chunks: number;
  readonly chunkBytes: number;
  /** Byte address of the row in the first tap, and the byte stride between taps. */
  readonly to: Expr;
  readonly tapBytes: number;
  /** Byte address of TAPS_BYTES of work space. */
  readonly work: Expr;
}

/** One row of channels: adds up the chunks in order, then transforms along columns and rows of places. */
function sumsToTaps(
  k: KernelBuilder,
  { sums, columns, placeBytes, chunks, chunkBytes, ...to }: TapsRow,
): void {
  const places = Array.from({ length: PATCH_SIDE }, (_, i) => i);
  forVectors(k, columns * FLOAT, (at) => {
    k.loop(PATCH_SIDE, (j) => {
      const source = k.let(s.iadd(sums, at, s.imul(j, s.i32(placeBytes))));
      const load = (i: number): Expr => s.loadV(source, i * PATCH_SIDE * placeBytes);
      const totals = places.map((i) => k.let(load(i)));
      k.loop(chunks - 1, () => {
        k.set(source, s.iadd(source, s.i32(chunkBytes)));
        totals.forEach((total, i) => {
          k.set(total, s.vadd(total, load(i)));
        });
      });
      const between = k.let(s.iadd(to.work, s.imul(j, s.i32(WIDEST))));
      filterGradientTransform(vectors(k), totals).forEach((value, a) => {
        k.storeV(between, value, a * PATCH_SIDE * WIDEST);
      });
    });
    storeTaps(k, to.work, k.let(s.iadd(to.to, at)), to.tapBytes);
  });
}

/** The second pass, along rows, from the work space to the nine taps. */
function storeTaps(k: KernelBuilder, work: Expr, to: Expr, tapBytes: number): void {
  for (let a = 0; a < FILTER_SIDE; a++) {
    const row = Array.from({ length: PATCH_SIDE }, (_, j) =>
      k.let(s.loadV(work, (a * PATCH_SIDE + j) * WIDEST)),
    );
    filterGradientTransform(vectors(k), row).forEach((value, b) => {
      k.storeV(to, value, (a * FILTER_SIDE + b) * tapBytes);
    });
  }
}
