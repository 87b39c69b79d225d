// The gradient of a convolution with respect to its filters: dw[tap, ci, co] = sum over pixels of x (under the tap)
// dy.
//
// A matrix product whose k runs over pixels. Both factors are packed one block of pixels at a time: dy once for
// several taps, x once per tap (or for all taps together where there are few channels). Pixels are cut into chunks,
// each with its own sums, which a second step adds up in a fixed order.

import type { Slot } from "../../../../program/kernel_set.ts";
import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import { LANES } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import type { Kernel, Lowered } from "../kernel.ts";
import { cacheLines, FLOAT, loadLanes, roundUp, storeLanes } from "../lanes.ts";
import { blockProduct, MR, NR } from "../matmul/micro.ts";
import { packPanel } from "../matmul/pack.ts";
import { sumKernel } from "../sum_parts.ts";
import type { BlockCounts } from "../tiling.ts";
import { blockCounts, tilesFor } from "../tiling.ts";
import { lowerWinogradGradFilter } from "../winograd/winograd_grad_filter.ts";
import { planWinogradGrad } from "./conv_cost.ts";
import type { Conv2dSpec } from "./conv2d_spec.ts";
import { checkConv2d, isDense3x3 } from "./conv2d_spec.ts";
import { turnFiltersKernel } from "./turn_filters.ts";

/** Pixels in a block: with 6 rows and 8 columns, the inner loop's operands fit the first-level cache. */
const PIXEL_BLOCK = 256;
/** Channels in a block: both packed factors fit the second-level cache. */
const CHANNEL_BLOCK = 128;
/** Up to this many rows, all taps are gathered together. */
const JOINT_ROWS = 192;
/** Most floats in the sums of all chunks. */
const PARTIAL_FLOATS = 1 << 22;

/** Inputs: x, dy. Output: dw. */
export function lowerConv2dGradFilter(spec: Conv2dSpec): Lowered {
  checkConv2d(spec);
  const winograd = isDense3x3(spec) ? planWinogradGrad(spec) : undefined;
  if (winograd) return lowerWinogradGradFilter(spec, winograd);
  if (isBetterSwapped(spec)) return lowerSwapped(spec);
  const plan = makePlan(spec);
  const kernel = gradKernel(spec, plan);
  const inputs = [{ input: 0 }, { input: 1 }];
  if (plan.chunks === 1) return { temps: [], steps: [{ kernel, args: [...inputs, { output: 0 }] }] };
  const size = spec.kh * spec.kw * spec.ci * spec.co;
  return {
    temps: [plan.chunks * size],
    steps: [
      { kernel, args: [...inputs, { temp: 0 }] },
      { kernel: sumKernel(plan.chunks, size), args: [{ temp: 0 }, { output: 0 }] },
    ],
  };
}

/** Few columns waste most of a register tile; exchanging dy and the image avoids that. */
const isBetterSwapped = ({ kh, kw, ci, co, stride, padding }: Conv2dSpec): boolean =>
  co < NR &&
  ci >= NR &&
  stride.every((step) => step === 1) &&
  padding.every((side, i) => side < (i < 2 ? kh : kw));

/** With the image and dy exchanged, the taps come out reversed and the filters' channel axes exchanged. */
function lowerSwapped(spec: Conv2dSpec): Lowered {
  const { h, w, ci, kh, kw, oh, ow, co, padding } = spec;
  const { temps, steps } = lowerConv2dGradFilter({
    ...spec,
    h: oh,
    w: ow,
    ci: co,
    oh: h,
    ow: w,
    co: ci,
    padding: [kh - 1 - padding[0], kh - 1 - padding[1], kw - 1 - padding[2], kw - 1 - padding[3]],
  });
  const turned: Slot = { temp: temps.length };
  const exchange = (slot: Slot): Slot =>
    "output" in slot ? turned : "input" in slot ? { input: 1 - slot.input } : slot;
  return {
    temps: [...temps, kh * kw * ci * co],
    steps: [
      ...steps.map(({ kernel, args }) => ({ kernel, args: args.map(exchange) })),
      { kernel: turnFiltersKernel(kh * kw, co, ci), args: [turned, { output: 0 }] },
    ],
  };
}

interface Plan {
  /** True when all taps are gathered together, in one tile; otherwise one tap at a time. */
  readonly joint: boolean;
  readonly tapsPerTile: number;
  /** `rows` (channels of x; times taps, if joint) and `columns` (channels of dy) of a block. */
  readonly rows: number;
  readonly rowBlock: number;
  readonly columnBlock: number;
  readonly chunks: number;
  readonly chunkPixels: number;
  readonly pixelBlock: number;
}

function makePlan({ n, ci, kh, kw, oh, ow, co }: Conv2dSpec): Plan {
  const taps = kh * kw;
  const pixels = n * oh * ow;
  const joint = taps > 1 && taps * ci <= JOINT_ROWS;
  const rows = joint ? taps * ci : ci;
  const wanted = tilesFor(2 * pixels * taps * ci * co);
  const cut = (length: number, most: number, unit: number): number =>
    roundUp(Math.ceil(length / Math.ceil(length / most)), unit);
  const columnBlock = cut(co, CHANNEL_BLOCK, NR);
  const most = Math.max(
    1,
    Math.min(Math.ceil(pixels / PIXEL_BLOCK), Math.floor(PARTIAL_FLOATS / (taps * ci * co))),
  );
  let tapsPerTile = joint ? taps : kw;
  let rowBlock = cut(rows, joint ? JOINT_ROWS : CHANNEL_BLOCK, MR);
  const tiles = (): number =>
    (taps / tapsPerTile) * (joint ? 1 : Math.ceil(rows / rowBlock)) * Math.ceil(co / columnBlock);
  // Few pixels: use smaller tiles rather than more chunks.
  if (tiles() * most < wanted && !joint) tapsPerTile = 1;
  if (tiles() * most < wanted && !joint) rowBlock = cut(rows, 48, MR);
  const chunks = Math.max(1, Math.min(most, Math.floor(wanted / tiles())));
  const chunkPixels = roundUp(Math.ceil(pixels / chunks), LANES);
  const pixelBlock = cut(chunkPixels, PIXEL_BLOCK, LANES);
  return {
    joint,
    tapsPerTile,
    rows,
    rowBlock,
    columnBlock,
    chunks: Math.ceil(pixels / chunkPixels),
    chunkPixels,
    pixelBlock,
  };
}

/** Arguments: x, dy, and the sums of the chunks. */
function gradKernel(spec: Conv2dSpec, plan: Plan): Kernel {
  const { n, h, w, ci, kh, kw, oh, ow, co } = spec;
  const { rows, rowBlock, columnBlock, pixelBlock } = plan;
  const pixels = n * oh * ow;
  const size = kh * kw * ci * co;
  const rowBlocks = Math.ceil(rows / rowBlock);
  const columnBlocks = Math.ceil(co / columnBlock);
  const tapTiles = (kh * kw) / plan.tapsPerTile;
  const leftBytes = cacheLines(rowBlock * pixelBlock * FLOAT);
  const { bias: _, ...shape } = spec;
  return {
    family: "conv2d_grad_filter",
    key: `conv2d_grad_filter:${JSON.stringify([shape, plan])}`,
    tiles: plan.chunks * tapTiles * rowBlocks * columnBlocks,
    scratchBytes: leftBytes + cacheLines(columnBlock * pixelBlock * FLOAT),
    flops: 2 * pixels * size,
    bytes: FLOAT * (n * h * w * ci + pixels * co + plan.chunks * size),
    emit(k) {
      const split = (e: Expr, count: number): [Expr, Expr] => [
        k.let(s.iremU(e, s.i32(count))),
        k.let(s.idivU(e, s.i32(count))),
      ];
      const [columnIndex, a] = split(k.tile, columnBlocks);
      const [rowIndex, b] = split(a, rowBlocks);
      const [tapIndex, chunk] = split(b, tapTiles);
      const rowCounts = blockCounts(k, rows, rowBlock, MR, rowIndex);
      const columnCounts = blockCounts(k, co, columnBlock, NR, columnIndex);
      const firstColumn = k.let(s.imul(columnIndex, s.i32(columnBlock)));
      const firstRow = k.let(s.imul(rowIndex, s.i32(rowBlock)));
      const firstTap = k.let(s.imul(tapIndex, s.i32(plan.tapsPerTile)));
      const start = k.let(s.imul(chunk, s.i32(plan.chunkPixels)));
      const end = k.let(s.imin(s.iadd(start, s.i32(plan.chunkPixels)), s.i32(pixels)));
      const place: Place = {
        left: k.scratch,
        right: k.let(s.iadd(k.scratch, s.i32(leftBytes))),
        rowCounts,
        columnCounts,
        firstRow,
        firstColumn,
      };
      const sums = k.let(
        s.iadd(
          k.buffer(2),
          s.imul(chunk, s.i32(size * FLOAT)),
          s.imul(s.iadd(s.imul(firstRow, s.i32(co)), firstColumn), s.i32(FLOAT)),
        ),
      );
      k.for(start, end, pixelBlock, (first) => {
        const count = k.let(s.imin(s.i32(pixelBlock), s.isub(end, first)));
        packRight(k, spec, plan, place, first, count);
        k.loop(plan.joint ? 1 : plan.tapsPerTile, (i) => {
          const tap = k.let(s.iadd(firstTap, i));
          gatherLeft(k, spec, plan, place, tap, first, count);
          blockProduct(k, {
            a: place.left,
            aRow: FLOAT,
            aK: MR * FLOAT,
            aGroup: pixelBlock * MR * FLOAT,
            b: place.right,
            bK: NR * FLOAT,
            bPanel: pixelBlock * NR * FLOAT,
            count: k.let(s.iand(s.iadd(count, s.i32(LANES - 1)), s.i32(-LANES))),
            unroll: LANES,
            c: k.let(s.iadd(sums, s.imul(tap, s.i32(ci * co * FLOAT)))),
            cRow: co * FLOAT,
            mr: MR,
            rows: rowCounts,
            columns: columnCounts,
            fresh: s.ieq(first, start),
          });
        });
      });
    },
  };
}

interface Place {
  readonly left: Expr;
  readonly right: Expr;
  readonly rowCounts: BlockCounts;
  readonly columnCounts: BlockCounts;
  readonly firstRow: Expr;
  readonly firstColumn: Expr;
}

/** Pixels beyond the last one, up to a multiple of 4, are zeros. */
function forPadding(k: KernelBuilder, count: Expr, body: (pixel: Expr) => void): void {
  k.for(count, s.iand(s.iadd(count, s.i32(LANES - 1)), s.i32(-LANES)), 1, body);
}

/** dy as [panel][pixel][NR]. */
function packRight(
  k: KernelBuilder,
  { co }: Conv2dSpec,
  plan: Plan,
  place: Place,
  first: Expr,
  count: Expr,
): void {
  const source = k.let(
    s.iadd(k.buffer(1), s.imul(s.iadd(s.imul(first, s.i32(co)), place.firstColumn), s.i32(FLOAT))),
  );
  const pack = (panel: Expr, lanes: number): void => {
    const to = k.let(s.iadd(place.right, s.imul(panel, s.i32(plan.pixelBlock * NR * FLOAT))));
    const from = s.iadd(source, s.imul(panel, s.i32(NR * FLOAT)));
    packPanel(k, { to, from, width: NR, lanes, kStride: co, laneStride: 1, count });
    forPadding(k, count, (pixel) => {
      const row = k.let(s.iadd(to, s.imul(pixel, s.i32(NR * FLOAT))));
      for (let lane = 0; lane < NR; lane += LANES) k.storeV(row, s.vconst(0), lane * FLOAT);
    });
  };
  k.loop(place.columnCounts.full, (panel) => pack(panel, NR));
  if (place.columnCounts.tail > 0)
    k.if(place.columnCounts.hasTail, () => pack(place.columnCounts.full, place.columnCounts.tail));
}

/** A run of rows that crosses no boundary of a group or vector. */
interface Piece {
  readonly row: number;
  readonly lanes: number;
}
function pieces(first: number, count: number): Piece[] {
  const list: Piece[] = [];
  for (let row = first; row < first + count; ) {
    const lanes = Math.min(LANES, first + count - row, MR - (row % MR));
    list.push({ row, lanes });
    row += lanes;
  }
  return list;
}

/** x under one tap (or under all) as [group][pixel][MR]. */
function gatherLeft(
  k: KernelBuilder,
  spec: Conv2dSpec,
  plan: Plan,
  place: Place,
  tap: Expr,
  first: Expr,
  count: Expr,
): void {
  const { h, w, ci, kh, kw, oh, ow, stride, padding } = spec;
  const groupBytes = plan.pixelBlock * MR * FLOAT;
  const pieceOffset = ({ row }: Piece): number => Math.floor(row / MR) * groupBytes + (row % MR) * FLOAT;
  /** Writes `count` rows from `firstRow` on: copied from memory, or zeros. */
  const write = (to: Expr, from: Expr | undefined, firstRow: number, rows: number): void => {
    for (const piece of pieces(firstRow, rows)) {
      const value =
        from === undefined ? s.vconst(0) : loadLanes(from, piece.lanes, (piece.row - firstRow) * FLOAT);
      storeLanes(k, to, value, piece.lanes, pieceOffset(piece));
    }
  };
  /** All rows of the block from one place. */
  const writeBlock = (to: Expr, from: Expr | undefined): void => {
    const { full, tail, hasTail } = place.rowCounts;
    const group = (index: Expr, rows: number): void => {
      const target = k.let(s.iadd(to, s.imul(index, s.i32(groupBytes))));
      write(target, from && k.let(s.iadd(from, s.imul(index, s.i32(MR * FLOAT)))), 0, rows);
    };
    k.loop(full, (index) => group(index, MR));
    if (tail > 0) k.if(hasTail, () => group(full, tail));
  };
  k.loop(count, (pixel) => {
    const p = k.let(s.iadd(first, pixel));
    const line = k.let(s.idivU(p, s.i32(ow)));
    const left = k.let(s.iadd(s.imul(s.iremU(p, s.i32(ow)), s.i32(stride[1])), s.i32(-padding[2])));
    const top = k.let(s.iadd(s.imul(s.iremU(line, s.i32(oh)), s.i32(stride[0])), s.i32(-padding[0])));
    const image = s.idivU(line, s.i32(oh));
    const to = k.let(s.iadd(place.left, s.imul(pixel, s.i32(MR * FLOAT))));
    const inside = (y: Expr, x: Expr): Expr => s.iand(s.iltU(y, s.i32(h)), s.iltU(x, s.i32(w)));
    const address = (y: Expr, x: Expr): Expr => {
      const corner = s.iadd(s.imul(s.iadd(s.imul(image, s.i32(h)), y), s.i32(w)), x);
      return k.let(
        s.iadd(k.buffer(0), s.imul(s.iadd(s.imul(corner, s.i32(ci)), place.firstRow), s.i32(FLOAT))),
      );
    };
    if (plan.joint) {
      for (let t = 0; t < kh * kw; t++) {
        const y = k.let(s.iadd(top, s.i32(Math.floor(t / kw))));
        const x = k.let(s.iadd(left, s.i32(t % kw)));
        k.if(
          inside(y, x),
          () => write(to, address(y, x), t * ci, ci),
          () => write(to, undefined, t * ci, ci),
        );
      }
    } else {
      const y = k.let(s.iadd(top, s.idivU(tap, s.i32(kw))));
      const x = k.let(s.iadd(left, s.iremU(tap, s.i32(kw))));
      k.if(
        inside(y, x),
        () => writeBlock(to, address(y, x)),
        () => writeBlock(to, undefined),
      );
    }
  });
  forPadding(k, count, (pixel) =>
    writeBlock(k.let(s.iadd(place.left, s.imul(pixel, s.i32(MR * FLOAT)))), undefined),
  );
}
