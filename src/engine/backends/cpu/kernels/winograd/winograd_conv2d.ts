// A 3 x 3 convolution of stride 1 by Winograd's F(4 x 4, 3 x 3): patches of 6 x 6 pixels are transformed, multiplied
// with transformed filters as 36 matrix products over channels, and transformed into tiles of 4 x 4 results.
// It needs a quarter of the direct algorithm's multiplications; a block of tiles stays in the cache from patch to
// result.

import { inputTransform, PATCH_SIDE, PLACES } from "../../../winograd/transforms.ts";
import type { Expr } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import { type Kernel, type Lowered, tailBuffers, tailSlots } from "../kernel.ts";
import { cacheLines, FLOAT } from "../lanes.ts";
import { blockProduct, K_BLOCK, MR, NR, unrollOf } from "../matmul/micro.ts";
import { blockCounts, unitCounts } from "../tiling.ts";
import type { WinogradFilters } from "./winograd_filters.ts";
import {
  filterPlaceSize,
  filtersSize,
  TURNED_BYTES,
  transformPanel,
  winogradFiltersKernel,
} from "./winograd_filters.ts";
import {
  clearWork,
  placeMatrices,
  tileCount,
  tileGrid,
  tilePlace,
  transformPatch,
  transformResult,
  WORK_BYTES,
} from "./winograd_tiles.ts";

/** target[i, y, x] = sum over 3 x 3 taps (a, b): source[i, y + firstY + a, x + firstX + b] . filter[a, b] */
export interface WinogradConv {
  readonly family: string;
  readonly source: { readonly n: number; readonly h: number; readonly w: number; readonly channels: number };
  readonly target: { readonly h: number; readonly w: number; readonly channels: number };
  readonly firstY: number;
  readonly firstX: number;
  /** Filters are [3, 3, target, source channels] and must be turned, rather than [3, 3, source, target channels]. */
  readonly transposed: boolean;
  readonly bias: boolean;
  readonly residual: boolean;
  /** The residual is one vector per image. */
  readonly perImage: boolean;
}

/** How the work is cut; results do not depend on it. */
export interface WinogradPlan {
  /** Tiles and target channels in a block. */
  readonly tileBlock: number;
  readonly channelBlock: number;
  /**
   * How many k steps of filters each block transforms in its scratch: a divisor of the channels and a multiple of 4.
   * Without it an earlier step transforms all filters, which is worth its memory traffic where many blocks use them.
   */
  readonly innerDepth?: number;
}

/** Most k steps in one product. */
const LONGEST_K = 1.25 * K_BLOCK;

/** The number of equal parts of k, each a multiple of 4 and short enough; undefined where there is no such cut. */
export function partsOfK(channels: number): number | undefined {
  const least = Math.ceil(channels / LONGEST_K);
  return [least, least + 1, least + 2].find((parts) => channels % (4 * parts) === 0);
}

/** Inputs: source, filters, then the tail's. Output: target. */
export function lowerWinogradConv(conv: WinogradConv, plan: WinogradPlan): Lowered {
  const filters: WinogradFilters = {
    k: conv.source.channels,
    n: conv.target.channels,
    transposed: conv.transposed,
  };
  const tail = tailSlots(conv);
  const kernel = winogradKernel(conv, plan, filters);
  if (plan.innerDepth !== undefined)
    return { temps: [], steps: [{ kernel, args: [{ input: 0 }, { input: 1 }, ...tail, { output: 0 }] }] };
  return {
    temps: [filtersSize(filters)],
    steps: [
      { kernel: winogradFiltersKernel(filters), args: [{ input: 1 }, { temp: 0 }] },
      { kernel, args: [{ input: 0 }, { temp: 0 }, ...tail, { output: 0 }] },
    ],
  };
}

/** Arguments: source, filters (transformed, unless the plan has an inner depth), the tail's, target. */
function winogradKernel(conv: WinogradConv, plan: WinogradPlan, filters: WinogradFilters): Kernel {
  const { source, target } = conv;
  const { tileBlock, channelBlock, innerDepth } = plan;
  const depth = source.channels;
  const grid = tileGrid(source.n, target.h, target.w);
  const tiles = tileCount(grid);
  const tileBlocks = Math.ceil(tiles / tileBlock);
  const channelBlocks = target.channels / channelBlock;
  const patches = placeMatrices(tileBlock, innerDepth ?? depth);
  const products = placeMatrices(tileBlock, channelBlock);
  const panels = Math.ceil(channelBlock / NR);
  const filterPlaceBytes = ((innerDepth ?? 0) * panels * NR + 16) * FLOAT;
  const size = {
    patches: PLACES * patches.placeBytes,
    products: PLACES * products.placeBytes,
    filters: innerDepth === undefined ? 0 : PLACES * filterPlaceBytes + TURNED_BYTES,
  };
  const pixels = source.n * target.h * target.w;
  const filterSize = 9 * depth * target.channels;
  return {
    family: conv.family,
    key: `winograd:${JSON.stringify([conv, plan])}`,
    tiles: tileBlocks * channelBlocks,
    scratchBytes: size.patches + size.products + size.filters + cacheLines(WORK_BYTES),
    flops: 2 * pixels * filterSize,
    fewerFlops: true,
    bytes:
      FLOAT *
      (source.n * source.h * source.w * depth +
        filterSize +
        (conv.residual && !conv.perImage ? 2 : 1) * pixels * target.channels),
    emit(k) {
      const channelIndex = k.let(s.iremU(k.tile, s.i32(channelBlocks)));
      const tileIndex = k.let(s.idivU(k.tile, s.i32(channelBlocks)));
      const rows = blockCounts(k, tiles, tileBlock, MR, tileIndex);
      const firstTile = k.let(s.imul(tileIndex, s.i32(tileBlock)));
      const channelBytes = k.let(s.imul(channelIndex, s.i32(channelBlock * FLOAT)));
      const patchesAt = k.scratch;
      const productsAt = k.let(s.iadd(k.scratch, s.i32(size.patches)));
      const filtersAt = k.let(s.iadd(productsAt, s.i32(size.products)));
      const work = k.let(s.iadd(filtersAt, s.i32(size.filters)));
      clearWork(k, work);
      /** Transforms the patches of `channels` channels, starting at `first`. */
      const transformPatches = (first: Expr, channels: number): void =>
        k.loop(rows.total, (tile) => {
          const place = tilePlace(k, grid, s.iadd(firstTile, tile));
          transformPatch(k, {
            source: s.iadd(k.buffer(0), s.imul(first, s.i32(FLOAT))),
            image: source,
            channels,
            side: PATCH_SIDE,
            transform: inputTransform,
            place: {
              image: place.image,
              y: k.let(s.iadd(place.y, s.i32(conv.firstY))),
              x: k.let(s.iadd(place.x, s.i32(conv.firstX))),
            },
            to: s.iadd(patchesAt, s.imul(tile, s.i32(patches.rowBytes))),
            matrices: patches,
            work,
          });
        });
      /** Multiplies patches with panels of filters in all places, over `count` k steps. */
      const multiply = (
        a: Expr,
        b: Expr,
        placeBytes: number,
        panelDepth: number,
        count: number,
        fresh: Expr,
      ) =>
        k.loop(PLACES, (index) =>
          blockProduct(k, {
            a: k.let(s.iadd(a, s.imul(index, s.i32(patches.placeBytes)))),
            aRow: patches.rowBytes,
            aK: FLOAT,
            aGroup: MR * patches.rowBytes,
            b: k.let(s.iadd(b, s.imul(index, s.i32(placeBytes)))),
            bK: NR * FLOAT,
            bPanel: panelDepth * NR * FLOAT,
            count,
            unroll: unrollOf(count),
            c: k.let(s.iadd(productsAt, s.imul(index, s.i32(products.placeBytes)))),
            cRow: products.rowBytes,
            mr: MR,
            rows,
            columns: unitCounts(channelBlock, NR),
            fresh,
          }),
        );
      const firstPanel = k.let(s.imul(channelIndex, s.i32(channelBlock / NR)));
      if (innerDepth === undefined) {
        const parts = partsOfK(depth) ?? 1;
        const count = depth / parts;
        const panelBytes = depth * NR * FLOAT;
        const from = k.let(s.iadd(k.buffer(1), s.imul(firstPanel, s.i32(panelBytes))));
        transformPatches(s.i32(0), depth);
        k.loop(parts, (part) => {
          const a = s.iadd(patchesAt, s.imul(part, s.i32(count * FLOAT)));
          const b = s.iadd(from, s.imul(part, s.i32(count * NR * FLOAT)));
          multiply(a, b, filterPlaceSize(filters) * FLOAT, depth, count, s.ieq(part, s.i32(0)));
        });
      } else {
        const turned = k.let(s.iadd(filtersAt, s.i32(PLACES * filterPlaceBytes)));
        k.loop(depth / innerDepth, (part) => {
          const start = k.let(s.imul(part, s.i32(innerDepth)));
          transformPatches(start, innerDepth);
          const panel = (index: Expr, columns: number): void =>
            transformPanel(k, filters, {
              ...{
                source: k.buffer(1),
                column: k.let(s.imul(s.iadd(firstPanel, index), s.i32(NR))),
                columns,
              },
              ...{ start, count: innerDepth, placeBytes: filterPlaceBytes, turned },
              to: k.let(s.iadd(filtersAt, s.imul(index, s.i32(innerDepth * NR * FLOAT)))),
            });
          k.loop(Math.floor(channelBlock / NR), (index) => panel(index, NR));
          if (channelBlock % NR > 0) panel(s.i32(panels - 1), channelBlock % NR);
          multiply(patchesAt, filtersAt, filterPlaceBytes, innerDepth, innerDepth, s.ieq(part, s.i32(0)));
        });
      }
      const buffers = tailBuffers(k, conv);
      const ours = (buffer: Expr | undefined) => buffer && k.let(s.iadd(buffer, channelBytes));
      const targetAt = k.let(s.iadd(buffers.result, channelBytes));
      const [bias, residual] = [ours(buffers.bias), ours(buffers.residual)];
      k.loop(rows.total, (tile) =>
        transformResult(k, {
          from: s.iadd(productsAt, s.imul(tile, s.i32(products.rowBytes))),
          matrices: products,
          channels: channelBlock,
          target: targetAt,
          bias,
          residual,
          perImage: conv.perImage,
          image: target,
          place: tilePlace(k, grid, s.iadd(firstTile, tile)),
          work,
        }),
      );
    },
  };
}
