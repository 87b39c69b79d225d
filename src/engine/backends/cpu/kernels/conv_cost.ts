// Which way to compute a convolution, and in which blocks: from estimates of the time that each would take.
//
// The rates are those of one core of 128-bit SIMD with fused multiply-add at 3.3 GHz (AMD Zen 3); only their ratios matter.

import { FLOAT } from "./lanes.ts";
import { MR, NR } from "./micro.ts";
import type { WinogradConv, WinogradPlan } from "./winograd_conv2d.ts";
import { partsOfK } from "./winograd_conv2d.ts";
import { placeMatrices, tileCount, tileGrid } from "./winograd_tiles.ts";
import { PLACES } from "./winograd_transforms.ts";

/** Floating-point operations a nanosecond in register tiles. */
const PRODUCT_RATE = 46;
/** Nanoseconds for each channel of a tile: patch to places, and places to results. */
const PATCH_TIME = 11;
const RESULT_TIME = 8;
/** Nanoseconds for each pair of channels of a filter. */
const FILTER_TIME = 12;
/** Bytes a nanosecond: filters that stream past, overlapped with products; blocks that do not fit the cache. */
const STREAM_RATE = 200;
const SPILL_RATE = 60;
/** What of a second-level cache of 512 KiB blocks may take. */
export const CACHE_BYTES = 448 * 1024;

/**
 * How much longer work takes than if it were spread evenly: the mean over 1, 2, 4 and 8 threads. `items` counts the
 * pieces, `work` how many full pieces they amount to.
 */
export function imbalance(items: number, work: number): number {
  const threads = [2, 4, 8];
  const even = threads.map((count) => (Math.ceil(items / count) * count) / work);
  return even.reduce((sum, ratio) => sum + ratio, 1) / (threads.length + 1);
}

/** Register tiles work at full speed on full groups of rows and full panels of columns only. */
function paddedRows(rows: number): number {
  const tail = rows % MR;
  return rows - tail + (tail > 0 ? Math.min(MR, tail + 1.5) : 0);
}
const paddedColumns = (columns: number): number => columns + (columns % NR > 0 ? 1 : 0);
export const productTime = (rows: number, columns: number, depth: number): number =>
  (2 * paddedRows(rows) * paddedColumns(columns) * depth) / PRODUCT_RATE;

/** Nanoseconds of the direct convolution with 3 x 3 taps. */
function directTime({ source, target }: WinogradConv): number {
  return productTime(source.n * target.h * target.w, target.channels, 9 * source.channels);
}

/** The equal blocks of `channels` that are multiples of `unit` (or all), largest first. */
export const channelBlocks = (channels: number, unit: number): number[] =>
  Array.from({ length: channels / unit }, (_, i) => channels / (i + 1)).filter(
    (block) => block === channels || block % unit === 0,
  );

function winogradTime(conv: WinogradConv, plan: WinogradPlan): number {
  const { source, target } = conv;
  const tiles = tileCount(tileGrid(source.n, target.h, target.w));
  const blocks = Math.ceil(tiles / plan.tileBlock);
  const parts = target.channels / plan.channelBlock;
  const filterBytes = PLACES * source.channels * target.channels * FLOAT;
  const full = Math.floor(tiles / plan.tileBlock);
  const products =
    full * productTime(plan.tileBlock, plan.channelBlock, source.channels) +
    productTime(tiles % plan.tileBlock, plan.channelBlock, source.channels);
  const blockBytes =
    PLACES *
    (placeMatrices(plan.tileBlock, source.channels).placeBytes +
      placeMatrices(plan.tileBlock, plan.channelBlock).placeBytes);
  const spilled = Math.max(0, 1 - CACHE_BYTES / blockBytes);
  const block =
    parts * PLACES * products +
    tiles * (parts * source.channels * PATCH_TIME + target.channels * RESULT_TIME) +
    (blocks * filterBytes) / STREAM_RATE +
    (spilled * 2 * blocks * parts * blockBytes) / SPILL_RATE;
  return (
    block * imbalance(blocks * parts, (tiles / plan.tileBlock) * parts) +
    source.channels * target.channels * FILTER_TIME
  );
}

/** The best blocks of a Winograd convolution; undefined where it cannot be had or the direct way is faster. */
export function planWinograd(conv: WinogradConv): WinogradPlan | undefined {
  const { source, target } = conv;
  if (source.channels % 4 !== 0 || target.channels % 4 !== 0) return undefined;
  if (partsOfK(source.channels) === undefined) return undefined;
  let best: WinogradPlan | undefined;
  let least = directTime(conv);
  for (let tileBlock = MR; tileBlock <= 8 * MR; tileBlock += MR)
    for (const channelBlock of channelBlocks(target.channels, NR)) {
      const plan = { tileBlock, channelBlock };
      const time = winogradTime(conv, plan);
      if (time >= least) continue;
      least = time;
      best = plan;
    }
  return best;
}
