// Convolution as a matrix product: for a block of pixels, the source pixels under the taps are gathered into rows of
// scratch (zeros outside the image) and multiplied with packed filters.

import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import { type Kernel, tailBuffers } from "../kernel.ts";
import { addRun, cacheLines, copyRun, FLOAT, roundUp, zeroRun } from "../lanes.ts";
import { blockProduct, groupRows, K_BLOCK, NR } from "../matmul/micro.ts";
import type { KShape } from "../matmul/pack.ts";
import { blockCounts, tilesFor } from "../tiling.ts";

/** target[i, y, x] = sum over taps (a, b): source[i, y * stepY + firstY + a, x * stepX + firstX + b] . filter[a, b] */
export interface TapConv {
  readonly family: string;
  readonly source: { readonly n: number; readonly h: number; readonly w: number; readonly channels: number };
  readonly positions: { readonly h: number; readonly w: number };
  readonly step: readonly [number, number];
  readonly taps: {
    readonly rows: number;
    readonly cols: number;
    readonly firstY: number;
    readonly firstX: number;
  };
  readonly channels: number;
  /** Where a position is stored in the target, in pixels. */
  readonly target: {
    readonly offset: number;
    readonly x: number;
    readonly y: number;
    readonly image: number;
  };
  readonly bias: boolean;
  /** Only where positions are adjacent in the target. */
  readonly residual: boolean;
  /** The residual is one vector per image. */
  readonly perImage: boolean;
}

/** Floats of a gathered block: about half of a 512 KiB second-level cache. */
const GATHERED = 49152;

/** Cuts k into blocks: as many whole taps as fit, or parts of one tap. */
export function tapBlocks({ taps, source }: TapConv): KShape {
  const { rows, cols } = taps;
  const { channels } = source;
  const most = 1.25 * K_BLOCK;
  const fits = (count: number): boolean => (rows * cols) % count === 0 && count * channels <= most;
  const tapBlock = Array.from({ length: rows * cols }, (_, i) => rows * cols - i).find(fits) ?? 1;
  const least = channels <= most ? 1 : Math.ceil(channels / K_BLOCK);
  const parts =
    Array.from({ length: least }, (_, i) => least + i).find((count) => channels % count === 0) ?? 1;
  const channelBlock = channels / parts;
  return { rows, cols, channels, tapBlock, channelBlock, padding: -(tapBlock * channelBlock) & 3 };
}

interface Plan {
  readonly k: KShape;
  /** Rows of k in a block, including padding. */
  readonly depth: number;
  readonly mBlock: number;
  readonly nBlock: number;
  readonly mBlocks: number;
  readonly nBlocks: number;
  /** Positions are adjacent in the target. */
  readonly adjacent: boolean;
}

function makePlan(conv: TapConv): Plan {
  const { positions, source, channels, target } = conv;
  const k = tapBlocks(conv);
  const depth = k.tapBlock * k.channelBlock + k.padding;
  const pixels = source.n * positions.h * positions.w;
  const mr = groupRows(channels);
  const flops = 2 * pixels * channels * k.rows * k.cols * k.channels;
  const parts = tilesFor(flops);
  const most = Math.max(mr, Math.floor(GATHERED / depth / mr) * mr);
  const rowBlocks = Math.max(Math.ceil(pixels / most), Math.min(parts, Math.ceil(pixels / 48)));
  const columnBlocks = Math.min(Math.ceil(parts / rowBlocks), Math.ceil(channels / 64));
  const mBlock = roundUp(Math.ceil(pixels / rowBlocks), mr);
  const nBlock = roundUp(Math.ceil(channels / columnBlocks), NR);
  return {
    k,
    depth,
    mBlock,
    nBlock,
    mBlocks: Math.ceil(pixels / mBlock),
    nBlocks: Math.ceil(channels / nBlock),
    adjacent:
      target.offset === 0 &&
      target.x === 1 &&
      target.y === positions.w &&
      target.image === positions.h * positions.w,
  };
}

/** Arguments: source, packed filters, the tail's, target. */
export function tapConvKernel(conv: TapConv): Kernel {
  const plan = makePlan(conv);
  const { source, positions, channels } = conv;
  const { k: shape, mBlock, nBlock } = plan;
  const pixels = source.n * positions.h * positions.w;
  const filterSize = shape.rows * shape.cols * shape.channels * channels;
  const gatheredBytes = cacheLines(mBlock * plan.depth * FLOAT);
  return {
    family: conv.family,
    key: `tap_conv:${JSON.stringify(conv)}`,
    tiles: plan.mBlocks * plan.nBlocks,
    scratchBytes: gatheredBytes + (plan.adjacent ? 0 : cacheLines(mBlock * nBlock * FLOAT)),
    flops: 2 * pixels * filterSize,
    bytes:
      FLOAT *
      (source.n * source.h * source.w * source.channels +
        filterSize +
        (conv.residual && !conv.perImage ? 2 : 1) * pixels * channels),
    emit(k) {
      const nIndex = k.let(s.iremU(k.tile, s.i32(plan.nBlocks)));
      const mIndex = k.let(s.idivU(k.tile, s.i32(plan.nBlocks)));
      const mr = groupRows(channels);
      const rows = blockCounts(k, pixels, mBlock, mr, mIndex);
      const columns = blockCounts(k, channels, nBlock, NR, nIndex);
      const firstPixel = k.let(s.imul(mIndex, s.i32(mBlock)));
      const columnBytes = s.imul(nIndex, s.i32(nBlock * FLOAT));
      const { bias, residual, result: target } = tailBuffers(k, conv);
      const offset = k.let(s.iadd(s.imul(firstPixel, s.i32(channels * FLOAT)), columnBytes));
      const block = plan.adjacent
        ? k.let(s.iadd(target, offset))
        : k.let(s.iadd(k.scratch, s.i32(gatheredBytes)));
      const panelBytes = plan.depth * NR * FLOAT;
      const blocks = ((shape.rows * shape.cols) / shape.tapBlock) * (shape.channels / shape.channelBlock);
      k.loop(blocks, (index) => {
        gatherBlock(k, conv, plan, { index, firstPixel, count: rows.total });
        const before = s.imul(index, s.i32(Math.ceil(channels / NR) * panelBytes));
        blockProduct(k, {
          a: k.scratch,
          aRow: plan.depth * FLOAT,
          aK: FLOAT,
          aGroup: mr * plan.depth * FLOAT,
          b: k.let(s.iadd(k.buffer(1), before, s.imul(nIndex, s.i32((nBlock / NR) * panelBytes)))),
          bK: NR * FLOAT,
          bPanel: panelBytes,
          count: plan.depth,
          unroll: 4,
          c: block,
          cRow: (plan.adjacent ? channels : nBlock) * FLOAT,
          mr,
          rows,
          columns,
          fresh: s.ieq(index, s.i32(0)),
          bias: bias && k.let(s.iadd(bias, columnBytes)),
          residual:
            residual && !conv.perImage
              ? { at: k.let(s.iadd(residual, offset)), last: s.ieq(index, s.i32(blocks - 1)) }
              : undefined,
        });
      });
      const last = channels - (plan.nBlocks - 1) * nBlock;
      /** Calls `body` with the number of columns in this block. */
      const withColumns = (body: (count: number) => void): void => {
        if (last === nBlock || plan.nBlocks === 1) body(last);
        else
          k.if(
            s.ieq(nIndex, s.i32(plan.nBlocks - 1)),
            () => body(last),
            () => body(nBlock),
          );
      };
      if (residual && conv.perImage)
        k.loop(rows.total, (row) => {
          const { image } = positionOf(k, conv, s.iadd(firstPixel, row));
          const from = k.let(s.iadd(residual, s.imul(image, s.i32(channels * FLOAT)), columnBytes));
          const to = k.let(s.iadd(block, s.imul(row, s.i32(channels * FLOAT))));
          withColumns((count) => addRun(k, to, from, count));
        });
      if (plan.adjacent) return;
      // Copies rows from the block to pixels that are not adjacent.
      k.loop(rows.total, (row) => {
        const { x, y, image } = positionOf(k, conv, s.iadd(firstPixel, row));
        const { target: t } = conv;
        const pixel = s.iadd(
          s.imul(x, s.i32(t.x)),
          s.imul(y, s.i32(t.y)),
          s.imul(image, s.i32(t.image)),
          s.i32(t.offset),
        );
        const to = k.let(s.iadd(target, s.imul(pixel, s.i32(channels * FLOAT)), columnBytes));
        const from = k.let(s.iadd(block, s.imul(row, s.i32(nBlock * FLOAT))));
        withColumns((count) => copyRun(k, to, from, count));
      });
    },
  };
}

function positionOf(
  k: KernelBuilder,
  { positions }: TapConv,
  pixel: Expr,
): { x: Expr; y: Expr; image: Expr } {
  const p = k.let(pixel);
  const row = k.let(s.idivU(p, s.i32(positions.w)));
  return {
    x: k.let(s.iremU(p, s.i32(positions.w))),
    y: k.let(s.iremU(row, s.i32(positions.h))),
    image: k.let(s.idivU(row, s.i32(positions.h))),
  };
}

/** Gathers the pixels under the taps of k block `index`, for `count` pixels, into rows of scratch. */
function gatherBlock(
  k: KernelBuilder,
  conv: TapConv,
  plan: Plan,
  at: { readonly index: Expr; readonly firstPixel: Expr; readonly count: Expr },
): void {
  const { source, step, taps } = conv;
  const { tapBlock, channelBlock } = plan.k;
  const channelBlocks = source.channels / channelBlock;
  const pixelBytes = source.channels * FLOAT;
  const runBytes = channelBlock * FLOAT;
  const firstTap = k.let(s.imul(s.idivU(at.index, s.i32(channelBlocks)), s.i32(tapBlock)));
  const firstChannel = k.let(s.imul(s.iremU(at.index, s.i32(channelBlocks)), s.i32(runBytes)));
  const filled = tapBlock * channelBlock;
  k.loop(at.count, (row) => {
    const to = k.let(s.iadd(k.scratch, s.imul(row, s.i32(plan.depth * FLOAT))));
    const { x, y, image } = positionOf(k, conv, s.iadd(at.firstPixel, row));
    const left = k.let(s.iadd(s.imul(x, s.i32(step[1])), s.i32(taps.firstX)));
    const top = k.let(s.iadd(s.imul(y, s.i32(step[0])), s.i32(taps.firstY)));
    const corner = k.let(s.iadd(s.imul(s.iadd(s.imul(image, s.i32(source.h)), top), s.i32(source.w)), left));
    const origin = k.let(s.iadd(k.buffer(0), s.imul(corner, s.i32(pixelBytes)), firstChannel));
    /** Taps (a, b) .. (a, b + count - 1), all inside the image or all outside. */
    const run = (inside: Expr, a: Expr, b: Expr, count: number, target: Expr): void => {
      const destination = k.let(target);
      k.if(
        inside,
        () => {
          const offset = s.imul(s.iadd(s.imul(a, s.i32(source.w)), b), s.i32(pixelBytes));
          copyRun(k, destination, k.let(s.iadd(origin, offset)), count * channelBlock);
        },
        () => zeroRun(k, destination, count * channelBlock),
      );
    };
    const rowInside = (a: Expr): Expr => s.iltU(s.iadd(top, a), s.i32(source.h));
    const tapInside = (a: Expr, b: Expr): Expr =>
      s.iand(rowInside(a), s.iltU(s.iadd(left, b), s.i32(source.w)));
    const single = (tap: Expr, target: Expr): void => {
      const a = k.let(s.idivU(tap, s.i32(taps.cols)));
      const b = k.let(s.iremU(tap, s.i32(taps.cols)));
      run(tapInside(a, b), a, b, 1, target);
    };
    if (taps.cols > 1 && tapBlock % taps.cols === 0 && channelBlocks === 1) {
      // Whole rows of taps: inside the image their pixels are adjacent in memory.
      const lastLeft = source.w - taps.cols;
      const middle = lastLeft < 0 ? s.i32(0) : k.let(s.iltU(left, s.i32(lastLeft + 1)));
      k.loop(tapBlock / taps.cols, (tapRow) => {
        const a = k.let(s.iadd(s.idivU(firstTap, s.i32(taps.cols)), tapRow));
        const target = k.let(s.iadd(to, s.imul(tapRow, s.i32(taps.cols * runBytes))));
        k.if(
          s.ior(middle, s.inot(rowInside(a))),
          () => run(rowInside(a), a, s.i32(0), taps.cols, target),
          () =>
            k.loop(taps.cols, (b) =>
              run(tapInside(a, b), a, b, 1, s.iadd(target, s.imul(b, s.i32(runBytes)))),
            ),
        );
      });
    } else {
      k.loop(tapBlock, (tap) => single(s.iadd(firstTap, tap), s.iadd(to, s.imul(tap, s.i32(runBytes)))));
    }
    if (plan.k.padding > 0) zeroRun(k, s.iadd(to, s.i32(filled * FLOAT)), plan.k.padding);
  });
}
