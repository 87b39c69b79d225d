// Chooses the algorithm and the block sizes of a convolution by estimating the time that each would take.
//
// The algorithm, and into how many parts the sums of a filter gradient are cut, decide the bits of a result, so they are
// chosen for a range of numbers of threads; the blocks are chosen for the threads that there are.
//
// The rates are those of one core with 256-bit fused multiply-add at 3.1 GHz (AMD Zen 3), fitted to some thousand
// timed plans; only their ratios matter.

import { PLACES } from "../../../winograd/transforms.ts";
import { FLOAT } from "../lanes.ts";
import { MR, NR } from "../matmul/micro.ts";
import type { WinogradConv, WinogradPlan } from "../winograd/winograd_conv2d.ts";
import { partsOfK } from "../winograd/winograd_conv2d.ts";
import type { WinogradGradPlan } from "../winograd/winograd_grad_filter.ts";
import { gradChunks, gradGrid, gradSumsSize } from "../winograd/winograd_grad_filter.ts";
import { placeMatrices, tileCount, tileGrid } from "../winograd/winograd_tiles.ts";
import type { Conv2dSpec } from "./conv2d_spec.ts";

/** Floating-point operations per nanosecond in register tiles. */
const PRODUCT_RATE = 80;
/** Nanoseconds per channel of a tile: patch to places, and places to results. */
const PATCH_TIME = 7;
const RESULT_TIME = 5;
/** Nanoseconds per pair of channels of a filter, from taps to places: all at once through memory, or within a block. */
const FILTER_TIME = 18;
const INNER_FILTER_TIME = 9;
/** Nanoseconds that remain where a prelude has transformed the filters: reading four times as much from memory. */
const KEPT_FILTER_TIME = 4;
/** Nanoseconds per pair of channels from places to taps: within a block, or per chunk of tiles through memory. */
const INNER_TAPS_TIME = 11;
const TAPS_TIME = 17;
/** Nanoseconds per channel of a tile of the image and of dy; filter gradients spread their places wider. */
const GRAD_PATCH_TIME = 20;
const GRAD_RESULT_TIME = 15;
/**
 * Bytes per nanosecond: STREAM_RATE for filters that stream past, overlapped with products; the others for blocks that
 * do not fit the cache.
 */
const STREAM_RATE = 100;
const SPILL_RATE = 60;
const GRAD_SPILL_RATE = 110;
/** Bytes per nanosecond of sums that are read and written again, overlapped with products. */
const SUMS_RATE = 72;
/** Most floats in the sums of a filter gradient, and most bytes of scratch per thread. */
const MOST_SUMS = 10_000_000;
const MOST_SCRATCH = 2.75 * 1024 * 1024;
/** Candidates for the k steps whose filters a block transforms together. */
const INNER_DEPTHS = [32, 64];
/** Fewest channels worth a block. */
const LEAST_CHANNELS = 32;
/** The part of a 512 KiB second-level cache that blocks may use. */
const CACHE_BYTES = 448 * 1024;

/** Nanoseconds of work that are worth one more thread. */
const THREAD_TIME = 30_000;

/** The numbers of threads that the algorithm is chosen for, and those that the parts of sums are chosen for. */
const ALL_THREADS = [1, 2, 4, 8, 16];
const USUAL_THREADS = [2, 8];

/**
 * Time on one thread, scaled up for uneven sharing: the mean over some numbers of threads, of which so many count as the
 * work is worth. `items` counts the pieces; `full` is the number of full-size pieces they amount to.
 */
function spread(time: number, items: number, full: number, threads: readonly number[]): number {
  const ratios = threads.map((count) => {
    const used = Math.min(count, Math.max(1, Math.floor(time / THREAD_TIME)));
    return Math.max(1, (Math.ceil(items / used) * used) / full);
  });
  return (time * ratios.reduce((sum, ratio) => sum + ratio, 0)) / ratios.length;
}

/** Register tiles reach full speed only on full groups of rows and full panels of columns. */
function paddedRows(rows: number): number {
  const tail = rows % MR;
  return rows - tail + (tail > 0 ? Math.min(MR, tail + 1.5) : 0);
}
const paddedColumns = (columns: number): number => columns + (columns % NR > 0 ? 1 : 0);
const productTime = (rows: number, columns: number, depth: number): number =>
  (2 * paddedRows(rows) * paddedColumns(columns) * depth) / PRODUCT_RATE;

/** Nanoseconds of the direct convolution with 3 x 3 taps. */
function directTime({ source, target }: WinogradConv): number {
  return productTime(source.n * target.h * target.w, target.channels, 9 * source.channels);
}

/** Candidate blocks of `channels`: equal multiples of `unit`, or all channels; largest first. */
const channelBlocks = (channels: number, unit: number): number[] =>
  Array.from({ length: channels / unit }, (_, i) => channels / (i + 1)).filter(
    (block) => block === channels || (block % unit === 0 && block >= LEAST_CHANNELS),
  );

/** Bytes of the transformed tiles that are read and written. */
const blockBytes = (tiles: number, channels: number, others: number): number =>
  PLACES * (placeMatrices(tiles, channels).placeBytes + placeMatrices(tiles, others).placeBytes);
const spillTime = (bytes: number, rate: number): number => (2 * Math.max(0, bytes - CACHE_BYTES)) / rate;

function winogradTime(
  conv: WinogradConv,
  plan: WinogradPlan,
  filterTime: number,
  threads: readonly number[],
): number {
  const { source, target } = conv;
  const { tileBlock, channelBlock, innerDepth } = plan;
  const tiles = tileCount(tileGrid(source.n, target.h, target.w));
  const blocks = Math.ceil(tiles / tileBlock);
  const parts = target.channels / channelBlock;
  const pairs = source.channels * target.channels;
  const full = Math.floor(tiles / tileBlock);
  const products =
    full * productTime(tileBlock, channelBlock, source.channels) +
    productTime(tiles % tileBlock, channelBlock, source.channels);
  const depth = innerDepth ?? source.channels;
  const innerBytes = innerDepth === undefined ? 0 : PLACES * innerDepth * channelBlock * FLOAT;
  const bytes = blockBytes(tileBlock, depth, channelBlock) + innerBytes;
  const filters =
    innerDepth === undefined
      ? (blocks * PLACES * pairs * FLOAT) / STREAM_RATE
      : blocks * pairs * INNER_FILTER_TIME;
  const block =
    parts * PLACES * products +
    tiles * (parts * source.channels * PATCH_TIME + target.channels * RESULT_TIME) +
    filters +
    blocks * parts * (source.channels / depth) * spillTime(bytes, SPILL_RATE);
  const time = spread(block, blocks * parts, (tiles / tileBlock) * parts, threads);
  return innerDepth === undefined ? time + pairs * filterTime : time;
}

/**
 * The batch sizes that decide the algorithm where an image's result must not depend on the batch: by the product of
 * the speed-ups.
 */
const CHOOSING_BATCHES = [1, 16];

export interface Circumstances {
  /** The algorithm must not depend on the batch. */
  readonly batchInvariant?: boolean | undefined;
  /** Filters are the same in every run. */
  readonly constantFilters?: boolean | undefined;
  /** Threads that share the work; results do not depend on it. */
  readonly threads?: number | undefined;
}

/** The best blocks of a Winograd convolution; undefined where it is not possible or the direct algorithm is faster. */
export function planWinograd(
  conv: WinogradConv,
  { batchInvariant, constantFilters, threads = 1 }: Circumstances = {},
): WinogradPlan | undefined {
  // Blocks do not change results, but the algorithm does: it must not depend on whether filters are constant.
  const batches = batchInvariant ? CHOOSING_BATCHES : [conv.source.n];
  const gains = batches.map((n) => {
    const typical = { ...conv, source: { ...conv.source, n } };
    const fastest = fastestPlan(typical, FILTER_TIME, ALL_THREADS);
    return (fastest?.time ?? Number.POSITIVE_INFINITY) / directTime(typical);
  });
  if (gains.reduce((product, gain) => product * gain, 1) >= 1) return undefined;
  return fastestPlan(conv, constantFilters ? KEPT_FILTER_TIME : FILTER_TIME, [threads])?.plan;
}

interface TimedPlan {
  readonly plan: WinogradPlan;
  /** Estimated nanoseconds. */
  readonly time: number;
}

/** The best blocks; undefined where the channels do not fit Winograd's algorithm. */
function fastestPlan(
  conv: WinogradConv,
  filterTime: number,
  threads: readonly number[],
): TimedPlan | undefined {
  const { source, target } = conv;
  if (source.channels % 4 !== 0 || target.channels % 4 !== 0) return undefined;
  if (partsOfK(source.channels) === undefined) return undefined;
  let best: TimedPlan | undefined;
  const inner = INNER_DEPTHS.filter((depth) => source.channels % depth === 0);
  for (let tileBlock = MR; tileBlock <= 8 * MR; tileBlock += MR)
    for (const channelBlock of channelBlocks(target.channels, NR))
      for (const innerDepth of [undefined, ...inner]) {
        const plan = { tileBlock, channelBlock, ...(innerDepth && { innerDepth }) };
        const time = winogradTime(conv, plan, filterTime, threads);
        if (best === undefined || time < best.time) best = { plan, time };
      }
  return best;
}

function winogradGradTime(spec: Conv2dSpec, plan: WinogradGradPlan, threads: readonly number[]): number {
  const { ci, co } = spec;
  const { tileBlock, rowBlock, columnBlock } = plan;
  const tiles = tileCount(gradGrid(spec));
  const blocks = Math.ceil(tiles / tileBlock);
  const chunks = gradChunks(spec, plan);
  const [rowBlocks, columnBlocks] = [ci / rowBlock, co / columnBlock];
  const pairs = rowBlocks * columnBlocks;
  const bytes = blockBytes(tileBlock, rowBlock, columnBlock);
  const block =
    pairs * PLACES * productTime(rowBlock, columnBlock, tiles) +
    tiles * (columnBlocks * ci * GRAD_PATCH_TIME + rowBlocks * co * GRAD_RESULT_TIME) +
    (blocks * 2 * PLACES * ci * co * FLOAT) / SUMS_RATE +
    blocks * pairs * spillTime(bytes + PLACES * rowBlock * columnBlock * FLOAT, GRAD_SPILL_RATE);
  const taps = ci * co * (chunks === 1 ? INNER_TAPS_TIME : chunks * TAPS_TIME);
  return spread(block, chunks * pairs, (blocks / plan.chunkBlocks) * pairs, threads) + taps;
}

/** The best blocks of a Winograd filter gradient, as `planWinograd`. */
export function planWinogradGrad(spec: Conv2dSpec): WinogradGradPlan | undefined {
  const { n, ci, oh, ow, co, threads = 1 } = spec;
  if (ci % 4 !== 0 || co % 4 !== 0) return undefined;
  const common = fastestGradPlan(spec, USUAL_THREADS);
  if (common === undefined || common.time >= productTime(ci, co, 9 * n * oh * ow)) return undefined;
  // How the sums over tiles are cut decides their bits.
  const chunkTiles = common.plan.tileBlock * common.plan.chunkBlocks;
  return (fastestGradPlan(spec, [threads], chunkTiles) ?? common).plan;
}

interface TimedGradPlan {
  readonly plan: WinogradGradPlan;
  readonly time: number;
}

/** @param chunkTiles the tiles of each chunk, where they are given */
function fastestGradPlan(
  spec: Conv2dSpec,
  threads: readonly number[],
  chunkTiles?: number,
): TimedGradPlan | undefined {
  const { ci, co } = spec;
  const tiles = tileCount(gradGrid(spec));
  let best: TimedGradPlan | undefined;
  for (const rowBlock of channelBlocks(ci, 4))
    for (const columnBlock of channelBlocks(co, NR))
      for (const tileBlock of [16, 32, 64, 128]) {
        if (blockBytes(tileBlock, rowBlock, columnBlock) > MOST_SCRATCH) continue;
        for (const chunkBlocks of chunkSizes(tiles, tileBlock, chunkTiles)) {
          const plan = { tileBlock, chunkBlocks, rowBlock, columnBlock };
          if (gradSumsSize(spec, plan) > MOST_SUMS) continue;
          const time = winogradGradTime(spec, plan, threads);
          if (best === undefined || time < best.time) best = { plan, time };
        }
      }
  return best;
}

/** Candidates for the blocks of a chunk: of one to sixteen chunks, or of chunks that end where they must. */
function chunkSizes(tiles: number, tileBlock: number, chunkTiles: number | undefined): number[] {
  const blocks = Math.ceil(tiles / tileBlock);
  if (chunkTiles === undefined)
    return Array.from({ length: Math.min(blocks, 16) }, (_, i) => Math.ceil(blocks / (i + 1)));
  if (chunkTiles >= tiles) return [blocks];
  return chunkTiles % tileBlock === 0 ? [chunkTiles / tileBlock] : [];
}
