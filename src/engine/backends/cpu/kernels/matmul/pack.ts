// Packing: a matrix rearranged into panels, so that the inner loops of a product read memory in order.
//
// A panel is `width` columns (or rows, for the left factor): for each k, `width` adjacent floats.

import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import { LANES } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import type { Kernel } from "../kernel.ts";
import { FLOAT, loadLanes, roundUp, storeLanes, VECTOR } from "../lanes.ts";
import { NR } from "./micro.ts";

export interface PanelCopy {
  /** `to`: byte address of the panel; then that of the source's element (k = 0, lane 0). */
  readonly to: Expr;
  readonly from: Expr;
  readonly width: number;
  /** Lanes present in the source; the others become zero. */
  readonly lanes: number;
  /** Strides of the source in elements. */
  readonly kStride: number;
  readonly laneStride: number;
  readonly count: number | Expr;
}

/** Records the packing of one panel. */
export function packPanel(k: KernelBuilder, p: PanelCopy): void {
  const vectors = Math.ceil(p.width / LANES);
  const widthOf = (v: number): number => Math.min(LANES, p.width - v * LANES);
  const lanesOf = (v: number): number => Math.max(0, Math.min(LANES, p.lanes - v * LANES));
  const to = k.let(p.to);
  const from = k.let(p.from);
  const advance = (steps: number): void => {
    k.set(to, s.iadd(to, s.i32(steps * p.width * FLOAT)));
    k.set(from, s.iadd(from, s.i32(steps * p.kStride * FLOAT)));
  };
  const one = (): void => {
    for (let v = 0; v < vectors; v++) {
      const value = lanesOf(v) === 0 ? s.vconst(0) : gatherLanes(from, v * LANES, lanesOf(v), p.laneStride);
      storeLanes(k, to, value, widthOf(v), v * VECTOR);
    }
    advance(1);
  };
  if (p.kStride !== 1 || p.laneStride === 1) {
    k.loop(p.count, one);
    return;
  }
  // k runs along memory: read four k of each lane and transpose.
  const four = (): void => {
    for (let v = 0; v < vectors; v++) {
      const rows = Array.from({ length: LANES }, (_, lane) =>
        lane < lanesOf(v) ? k.let(s.loadV(from, (v * LANES + lane) * p.laneStride * FLOAT)) : s.vconst(0),
      );
      transpose(k, rows).forEach((value, step) => {
        storeLanes(k, to, value, widthOf(v), (step * p.width + v * LANES) * FLOAT);
      });
    }
    advance(LANES);
  };
  if (typeof p.count === "number") {
    k.loop(Math.floor(p.count / LANES), four);
    k.loop(p.count % LANES, one);
  } else {
    k.loop(s.ishrU(p.count, s.i32(2)), four);
    k.loop(s.iand(p.count, s.i32(LANES - 1)), one);
  }
}

/** `count` (1 to 4) elements from lane `first` on, with a stride. */
function gatherLanes(from: Expr, first: number, count: number, stride: number): Expr {
  if (stride === 1) return loadLanes(from, count, first * FLOAT);
  const at = (lane: number): Expr => s.loadLane0(from, (first + lane) * stride * FLOAT);
  if (count === 1) return at(0);
  const low = s.shuffle(at(0), at(1), [0, 4, 1, 5]);
  if (count === 2) return low;
  const high = count === 3 ? at(2) : s.shuffle(at(2), at(3), [0, 4, 1, 5]);
  return s.shuffle(low, high, [0, 1, 4, 5]);
}

/** The transpose of a 4 x 4 square of floats. */
export function transpose(k: KernelBuilder, rows: readonly Expr[]): Expr[] {
  const [a, b, c, d] = rows;
  const [ab, cd] = [k.let(s.shuffle(a, b, [0, 4, 1, 5])), k.let(s.shuffle(c, d, [0, 4, 1, 5]))];
  const [abHigh, cdHigh] = [k.let(s.shuffle(a, b, [2, 6, 3, 7])), k.let(s.shuffle(c, d, [2, 6, 3, 7]))];
  return [
    k.let(s.shuffle(ab, cd, [0, 1, 4, 5])),
    k.let(s.shuffle(ab, cd, [2, 3, 6, 7])),
    k.let(s.shuffle(abHigh, cdHigh, [0, 1, 4, 5])),
    k.let(s.shuffle(abHigh, cdHigh, [2, 3, 6, 7])),
  ];
}

/** The k axis of a right factor: `rows x cols` taps of `channels` each, in blocks of whole taps or parts of one tap. */
export interface KShape {
  readonly rows: number;
  readonly cols: number;
  readonly channels: number;
  /** Taps in a block (a divisor of their number) and channels in a block; one of the two is whole. */
  readonly tapBlock: number;
  readonly channelBlock: number;
  /** Zero rows at the end of each block. */
  readonly padding: number;
}

/** k as one plain axis of `count`, in blocks of at most `block`. */
export const plainK = (count: number, block: number): KShape => ({
  rows: 1,
  cols: 1,
  channels: count,
  tapBlock: 1,
  channelBlock: Math.min(count, block),
  padding: 0,
});

export interface PackShape {
  /** Independent matrices and their strides in elements. */
  readonly batch: readonly BatchDim[];
  readonly k: KShape;
  /** `offset`: element offset of the first tap in the source; then strides between tap rows, taps and channels. */
  readonly offset: number;
  readonly rowStride: number;
  readonly colStride: number;
  readonly channelStride: number;
  readonly n: number;
  readonly nStride: number;
}
export interface BatchDim {
  readonly size: number;
  readonly stride: number;
}

/** Byte offset of matrix `index` (row-major over the dimensions). */
export function batchOffset(index: Expr, batch: readonly BatchDim[]): Expr {
  let inner = 1;
  let offset: Expr = s.i32(0);
  batch.toReversed().forEach(({ size, stride }, i) => {
    const above = s.idivU(index, s.i32(inner));
    const along = i === batch.length - 1 ? above : s.iremU(above, s.i32(size));
    offset = s.iadd(offset, s.imul(along, s.i32(stride * FLOAT)));
    inner *= size;
  });
  return offset;
}

/** Floats of one packed matrix. */
export function packedSize(k: KShape, n: number): number {
  const taps = k.rows * k.cols;
  const blocks = (taps / k.tapBlock) * Math.ceil(k.channels / k.channelBlock);
  return (taps * k.channels + blocks * k.padding) * roundUp(n, NR);
}

/**
 * Packs B into [batch][block of k][panel][k in block][NR] for blockProduct. Arguments: source, packed.
 */
export function packKernel(shape: PackShape): Kernel {
  const { batch, n } = shape;
  const { rows, cols, channels, tapBlock, channelBlock, padding } = shape.k;
  const taps = rows * cols;
  const panels = Math.ceil(n / NR);
  const channelBlocks = Math.ceil(channels / channelBlock);
  const matrices = batch.reduce((product, dim) => product * dim.size, 1);
  const size = packedSize(shape.k, n);
  // A tile is several panels of one matrix, about 16k elements.
  const perTile = Math.max(1, Math.min(panels, Math.floor(16384 / (taps * channels * NR))));
  const groups = Math.ceil(panels / perTile);
  return {
    family: "pack",
    key: `pack:${JSON.stringify(shape)}`,
    tiles: matrices * groups,
    scratchBytes: 0,
    flops: 0,
    bytes: 2 * FLOAT * matrices * size,
    emit(k) {
      const matrix = k.let(s.idivU(k.tile, s.i32(groups)));
      const first = k.let(s.imul(s.iremU(k.tile, s.i32(groups)), s.i32(perTile)));
      const last = k.let(s.imin(s.iadd(first, s.i32(perTile)), s.i32(panels)));
      const source = k.let(s.iadd(k.buffer(0), batchOffset(matrix, batch), s.i32(shape.offset * FLOAT)));
      const packed = k.let(s.iadd(k.buffer(1), s.imul(matrix, s.i32(size * FLOAT))));
      k.for(first, last, 1, (panel) => {
        k.loop(taps, (tap) => {
          const tapOffset = s.iadd(
            s.imul(s.idivU(tap, s.i32(cols)), s.i32(shape.rowStride * FLOAT)),
            s.imul(s.iremU(tap, s.i32(cols)), s.i32(shape.colStride * FLOAT)),
          );
          k.loop(channelBlocks, (part) => {
            const start = s.imul(part, s.i32(channelBlock));
            const count: number | Expr =
              channels % channelBlock === 0
                ? channelBlock
                : k.let(s.imin(s.i32(channelBlock), s.isub(s.i32(channels), start)));
            const held =
              tapBlock > 1 ? s.i32(tapBlock * channels) : typeof count === "number" ? s.i32(count) : count;
            const blockRows = s.iadd(held, s.i32(padding));
            const inBlock = s.imul(s.iremU(tap, s.i32(tapBlock)), s.i32(channels));
            const before = s.iadd(
              s.imul(s.idivU(tap, s.i32(tapBlock)), s.i32(tapBlock * channels + channelBlocks * padding)),
              s.imul(part, s.i32(channelBlock + padding)),
            );
            const row = s.iadd(s.imul(before, s.i32(panels)), s.imul(panel, blockRows), inBlock);
            const to = k.let(s.iadd(packed, s.imul(row, s.i32(NR * FLOAT))));
            const from = k.let(
              s.iadd(
                source,
                tapOffset,
                s.imul(start, s.i32(shape.channelStride * FLOAT)),
                s.imul(panel, s.i32(NR * shape.nStride * FLOAT)),
              ),
            );
            const copy = (lanes: number): void =>
              packPanel(k, {
                to,
                from,
                width: NR,
                lanes,
                kStride: shape.channelStride,
                laneStride: shape.nStride,
                count,
              });
            if (n % NR === 0) copy(NR);
            else
              k.if(
                s.ieq(panel, s.i32(panels - 1)),
                () => copy(n % NR),
                () => copy(NR),
              );
            if (padding > 0)
              k.if(s.ieq(s.iremU(tap, s.i32(tapBlock)), s.i32(tapBlock - 1)), () => {
                const end = k.let(
                  s.iadd(to, s.imul(typeof count === "number" ? s.i32(count) : count, s.i32(NR * FLOAT))),
                );
                for (let v = 0; v < (padding * NR) / LANES; v++) k.storeV(end, s.vconst(0), v * VECTOR);
              });
          });
        });
      });
    },
  };
}
