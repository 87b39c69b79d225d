// Batched matrix products with any strides: C[m, n] = A[m, k] B[k, n] (+ bias[n]) (+ residual[m, n]).

import type { Slot } from "../../../../program/kernel_set.ts";
import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import { type Kernel, type Lowered, tailBuffers, tailSlots } from "../kernel.ts";
import { cacheLines, copyRun, FLOAT, roundUp } from "../lanes.ts";
import type { BlockCounts } from "../tiling.ts";
import { blockCounts, tilesFor } from "../tiling.ts";
import type { MatmulSpec, MatrixStrides } from "./matmul_spec.ts";
import { blockProduct, groupRows, K_BLOCK, NR, unrollOf } from "./micro.ts";
import type { BatchDim } from "./pack.ts";
import { batchOffset, packedSize, packKernel, packPanel, plainK } from "./pack.ts";
import { joinParts, partsAsBatch, partsOfProduct } from "./split_k.ts";

/** Floats of a left block that stays in the second-level cache. */
const LEFT_BLOCK = 49152;

/** The kernels of a matrix product. Inputs: a, b, then the tail's; output: c. */
export function lowerMatmul(spec: MatmulSpec): Lowered {
  checkSpec(spec);
  const parts = spec.wholeK ? 1 : partsOfProduct(spec);
  if (parts === 1) return lowerWhole(spec);
  return joinParts(lowerWhole(partsAsBatch(spec, parts)), parts, spec.m * spec.n);
}

function lowerWhole(spec: MatmulSpec): Lowered {
  const shape = mergeBatch(preferRows(spec));
  const plan = makePlan(shape);
  const packed = plan.right === "packed";
  const left: Slot = { input: shape.swapped ? 1 : 0 };
  const right: Slot = { input: shape.swapped ? 0 : 1 };
  const product = {
    kernel: productKernel(shape, plan),
    args: [left, packed ? { temp: 0 } : right, ...tailSlots(spec), { output: 0 }],
  };
  if (!packed) return { temps: [], steps: [product] };
  const pack = packKernel({
    batch: distinct(shape),
    k: plainK(shape.k, plan.kBlock),
    offset: 0,
    rowStride: 0,
    colStride: 0,
    channelStride: shape.b.row,
    n: shape.n,
    nStride: shape.b.col,
  });
  const count = distinct(shape).reduce((product, dim) => product * dim.size, 1);
  return {
    temps: [count * packedSize(plainK(shape.k, plan.kBlock), shape.n)],
    steps: [{ kernel: pack, args: [right, { temp: 0 }] }, product],
  };
}

function checkSpec({ batch, m, n, k, a, b, c }: MatmulSpec): void {
  for (const size of [...batch, m, n, k])
    if (!Number.isInteger(size) || size < 1)
      throw new RangeError(`matmul: got a size of ${size}, expected a positive integer`);
  for (const matrix of [a, b, c])
    if (matrix.batch.length !== batch.length)
      throw new RangeError(`matmul: got ${matrix.batch.length} batch strides, expected ${batch.length}`);
}

interface MatrixShape extends Required<Omit<MatmulSpec, "wholeK">> {
  /** The factors are exchanged: C^T = B^T A^T. */
  readonly swapped: boolean;
}

/** Exchanges the factors where C's rows, not its columns, are adjacent in memory. */
function preferRows({ wholeK: _, ...spec }: MatmulSpec): MatrixShape {
  const { m, n, a, b, c, bias = false, residual = false } = spec;
  if (c.col === 1 || c.row !== 1 || bias) return { ...spec, bias, residual, swapped: false };
  const transposed = ({ batch, row, col }: MatrixStrides): MatrixStrides => ({ batch, row: col, col: row });
  return {
    ...{ ...spec, bias, residual, swapped: true, m: n, n: m },
    ...{ a: transposed(b), b: transposed(a), c: transposed(c) },
  };
}

/** Drops batch dimensions of size 1, and turns those over which B is the same into rows where the strides allow. */
function mergeBatch(shape: MatrixShape): MatrixShape {
  const keep = shape.batch.map((size) => size > 1);
  const pick = <T>(list: readonly T[]): T[] => list.filter((_, i) => keep[i]);
  let { m } = shape;
  const batch = pick(shape.batch);
  const [a, b, c] = [pick(shape.a.batch), pick(shape.b.batch), pick(shape.c.batch)];
  while (batch.length > 0 && b.at(-1) === 0 && a.at(-1) === m * shape.a.row && c.at(-1) === m * shape.c.row) {
    m *= batch.pop() ?? 1;
    for (const strides of [a, b, c]) strides.pop();
  }
  return {
    ...shape,
    batch,
    m,
    a: { ...shape.a, batch: a },
    b: { ...shape.b, batch: b },
    c: { ...shape.c, batch: c },
  };
}

const dims = (batch: readonly number[], strides: readonly number[]): BatchDim[] =>
  batch.map((size, i) => ({ size, stride: strides[i] }));
/** The batch dimensions over which B differs. */
const distinct = ({ batch, b }: MatrixShape): BatchDim[] =>
  dims(batch, b.batch).filter(({ stride }) => stride !== 0);

interface Plan {
  /** Rows, columns and k of a block; matrices of the batch in a tile. */
  readonly mBlock: number;
  readonly nBlock: number;
  readonly kBlock: number;
  readonly perTile: number;
  readonly mBlocks: number;
  readonly nBlocks: number;
  /** How A is read: in place, copied row by row, or packed into groups of rows. */
  readonly left: "direct" | "rows" | "groups";
  /** How B is read: in place, packed by each tile, or packed by an earlier step. */
  readonly right: "direct" | "tile" | "packed";
}

function makePlan({ batch, m, n, k, a, b }: MatrixShape): Plan {
  const kBlock = k <= 1.25 * K_BLOCK ? k : evenBlock(k, K_BLOCK);
  const matrices = batch.reduce((product, size) => product * size, 1);
  const flops = 2 * m * n * k;
  const wanted = tilesFor(matrices * flops);
  const perTile = Math.ceil(matrices / Math.min(matrices, wanted));
  const parts = Math.ceil(wanted / Math.ceil(matrices / perTile));
  const mr = groupRows(n);
  const most = Math.max(mr, Math.floor(LEFT_BLOCK / kBlock / mr) * mr);
  let mBlocks = Math.max(Math.ceil(m / most), Math.min(parts, Math.ceil(m / 96)));
  const nBlocks = Math.min(Math.ceil(parts / mBlocks), Math.ceil(n / 64));
  if (mBlocks * nBlocks < parts)
    mBlocks = Math.max(mBlocks, Math.min(Math.ceil(parts / nBlocks), Math.ceil(m / 24)));
  const mBlock = roundUp(Math.ceil(m / mBlocks), mr);
  const nBlock = roundUp(Math.ceil(n / nBlocks), NR);
  const smallRight = b.row * k <= 4096 || m <= 4 * mr;
  const right =
    b.col === 1 && n % 4 === 0 && smallRight
      ? "direct"
      : Math.ceil(m / mBlock) === 1 && k * nBlock <= 32768
        ? "tile"
        : "packed";
  // Rows a multiple of 1 KiB apart share lines of the first-level cache.
  const aliased = (a.row * FLOAT) % 1024 === 0 && k > 64 && n >= 32;
  const left = a.col !== 1 ? "groups" : aliased ? "rows" : "direct";
  return {
    mBlock,
    nBlock,
    kBlock,
    perTile,
    mBlocks: Math.ceil(m / mBlock),
    nBlocks: Math.ceil(n / nBlock),
    left,
    right,
  };
}

/** A block size of at most `most` that cuts `count` into nearly equal parts, rounded up to a multiple of 4. */
function evenBlock(count: number, most: number): number {
  const parts = Math.ceil(count / most);
  return roundUp(Math.ceil(count / parts), 4);
}

function productKernel(shape: MatrixShape, plan: Plan): Kernel {
  const { m, n, k: depth, batch } = shape;
  const matrices = batch.reduce((product, size) => product * size, 1);
  const { mBlock, nBlock, kBlock } = plan;
  const leftBytes = plan.left === "direct" ? 0 : cacheLines(mBlock * kBlock * FLOAT);
  const rightBytes = plan.right === "tile" ? cacheLines(nBlock * kBlock * FLOAT) : 0;
  const scattered = shape.c.col !== 1;
  const { batch: _, ...rest } = shape;
  return {
    family: "matmul",
    key: `matmul:${JSON.stringify([batch, rest, plan])}`,
    tiles: Math.ceil(matrices / plan.perTile) * plan.mBlocks * plan.nBlocks,
    scratchBytes: leftBytes + rightBytes + (scattered ? cacheLines(mBlock * nBlock * FLOAT) : 0),
    flops: 2 * matrices * m * n * depth,
    bytes: FLOAT * matrices * (m * depth + depth * n + (shape.residual ? 2 : 1) * m * n),
    emit(k) {
      const nIndex = k.let(s.iremU(k.tile, s.i32(plan.nBlocks)));
      const above = k.let(s.idivU(k.tile, s.i32(plan.nBlocks)));
      const mIndex = k.let(s.iremU(above, s.i32(plan.mBlocks)));
      const first = k.let(s.imul(s.idivU(above, s.i32(plan.mBlocks)), s.i32(plan.perTile)));
      const end = k.let(s.imin(s.iadd(first, s.i32(plan.perTile)), s.i32(matrices)));
      const scratch = {
        left: k.scratch,
        right: s.iadd(k.scratch, s.i32(leftBytes)),
        c: s.iadd(k.scratch, s.i32(leftBytes + rightBytes)),
      };
      k.for(first, end, 1, (matrix) => emitMatrix(k, shape, plan, { matrix, mIndex, nIndex, scratch }));
    },
  };
}

interface Place {
  readonly matrix: Expr;
  readonly mIndex: Expr;
  readonly nIndex: Expr;
  readonly scratch: { readonly left: Expr; readonly right: Expr; readonly c: Expr };
}

/** Computes one block of rows and columns of one matrix of the batch. */
function emitMatrix(k: KernelBuilder, shape: MatrixShape, plan: Plan, place: Place): void {
  const { m, n, k: depth, a, b, c, batch } = shape;
  const { mBlock, nBlock, kBlock } = plan;
  const mr = groupRows(n);
  const rows = blockCounts(k, m, mBlock, mr, place.mIndex);
  const columns = blockCounts(k, n, nBlock, NR, place.nIndex);
  const aBase = k.let(
    s.iadd(
      k.buffer(0),
      batchOffset(place.matrix, dims(batch, a.batch)),
      s.imul(place.mIndex, s.i32(mBlock * a.row * FLOAT)),
    ),
  );
  const bMatrix =
    plan.right === "packed"
      ? batchOffset(place.matrix, packedDims(shape, plan))
      : s.iadd(
          batchOffset(place.matrix, dims(batch, b.batch)),
          s.imul(place.nIndex, s.i32(nBlock * b.col * FLOAT)),
        );
  const bBase = k.let(s.iadd(k.buffer(1), bMatrix));
  const buffers = tailBuffers(k, shape);
  const cOffset = k.let(
    s.iadd(
      batchOffset(place.matrix, dims(batch, c.batch)),
      s.imul(place.mIndex, s.i32(mBlock * c.row * FLOAT)),
      s.imul(place.nIndex, s.i32(nBlock * c.col * FLOAT)),
    ),
  );
  const cBase = k.let(s.iadd(buffers.result, cOffset));
  const residual = buffers.residual && k.let(s.iadd(buffers.residual, cOffset));
  const scattered = c.col !== 1;
  const allPanels = Math.ceil(n / NR);
  const lastCount = depth % kBlock;
  const kBlocks = Math.ceil(depth / kBlock);
  k.loop(kBlocks, (block) => {
    const start = k.let(s.imul(block, s.i32(kBlock)));
    const count = lastCount === 0 ? s.i32(kBlock) : k.let(s.imin(s.i32(kBlock), s.isub(s.i32(depth), start)));
    const left = leftFactor(k, shape, plan, place.scratch.left, aBase, start, count, rows, mr);
    let right: { b: Expr; bK: number; bPanel: Expr } = {
      b: s.iadd(bBase, s.imul(start, s.i32(b.row * FLOAT))),
      bK: b.row * FLOAT,
      bPanel: s.i32(NR * FLOAT),
    };
    if (plan.right === "packed") {
      const panelBytes = s.imul(count, s.i32(NR * FLOAT));
      const skipped = s.imul(place.nIndex, s.imul(panelBytes, s.i32(nBlock / NR)));
      const blockBytes = s.imul(start, s.i32(allPanels * NR * FLOAT));
      right = { b: k.let(s.iadd(bBase, blockBytes, skipped)), bK: NR * FLOAT, bPanel: k.let(panelBytes) };
    } else if (plan.right === "tile") {
      const panelBytes = k.let(s.imul(count, s.i32(NR * FLOAT)));
      const from = right.b;
      const pack = (panel: Expr, lanes: number): void =>
        packPanel(k, {
          to: s.iadd(place.scratch.right, s.imul(panel, panelBytes)),
          from: s.iadd(from, s.imul(panel, s.i32(NR * b.col * FLOAT))),
          width: NR,
          lanes,
          kStride: b.row,
          laneStride: b.col,
          count: lastCount === 0 ? kBlock : count,
        });
      k.loop(columns.full, (panel) => pack(panel, NR));
      if (columns.tail > 0) k.if(columns.hasTail, () => pack(columns.full, columns.tail));
      right = { b: place.scratch.right, bK: NR * FLOAT, bPanel: panelBytes };
    }
    blockProduct(k, {
      ...left,
      ...right,
      count: lastCount === 0 ? kBlock : count,
      unroll: unrollOf(kBlock, lastCount),
      c: scattered ? place.scratch.c : cBase,
      cRow: (scattered ? nBlock : c.row) * FLOAT,
      mr,
      rows,
      columns,
      fresh: s.ieq(block, s.i32(0)),
      bias: buffers.bias && s.iadd(buffers.bias, s.imul(place.nIndex, s.i32(nBlock * FLOAT))),
      residual: residual && !scattered ? { at: residual, last: s.ieq(block, s.i32(kBlocks - 1)) } : undefined,
    });
  });
  if (scattered)
    k.loop(rows.total, (row) => {
      k.loop(columns.total, (column) => {
        const from = s.iadd(
          place.scratch.c,
          s.imul(s.iadd(s.imul(row, s.i32(nBlock)), column), s.i32(FLOAT)),
        );
        const offset = k.let(s.iadd(s.imul(row, s.i32(c.row * FLOAT)), s.imul(column, s.i32(c.col * FLOAT))));
        const value = s.loadF32(from);
        const sum = residual ? s.fadd(value, s.loadF32(s.iadd(residual, offset))) : value;
        k.storeF32(s.iadd(cBase, offset), sum);
      });
    });
}

/** Batch strides of the packed B: equal matrices share one copy. */
function packedDims(shape: MatrixShape, plan: Plan): BatchDim[] {
  let stride = packedSize(plainK(shape.k, plan.kBlock), shape.n);
  const strides = shape.b.batch.map(() => 0);
  for (let i = shape.batch.length - 1; i >= 0; i--)
    if (shape.b.batch[i] !== 0) {
      strides[i] = stride;
      stride *= shape.batch[i];
    }
  return dims(shape.batch, strides);
}

/** The left block in a form that blockProduct reads, packed first where the plan says so. */
function leftFactor(
  k: KernelBuilder,
  { a }: MatrixShape,
  plan: Plan,
  scratch: Expr,
  base: Expr,
  start: Expr,
  count: Expr,
  rows: BlockCounts,
  mr: number,
): { a: Expr; aRow: number; aK: number; aGroup: number | Expr } {
  const from = k.let(s.iadd(base, s.imul(start, s.i32(a.col * FLOAT))));
  const direct = { a: from, aRow: a.row * FLOAT, aK: a.col * FLOAT, aGroup: mr * a.row * FLOAT };
  if (plan.left === "direct") return direct;
  if (plan.left === "rows") {
    const rowBytes = plan.kBlock * FLOAT;
    k.loop(rows.total, (row) => {
      const to = k.let(s.iadd(scratch, s.imul(row, s.i32(rowBytes))));
      const source = k.let(s.iadd(from, s.imul(row, s.i32(a.row * FLOAT))));
      if (count.kind === "const") copyRun(k, to, source, count.value);
      else
        k.loop(count, (i) => {
          const at = s.imul(i, s.i32(FLOAT));
          k.storeF32(s.iadd(to, at), s.loadF32(s.iadd(source, at)));
        });
    });
    return { a: scratch, aRow: rowBytes, aK: FLOAT, aGroup: mr * rowBytes };
  }
  const groupBytes = k.let(s.imul(count, s.i32(mr * FLOAT)));
  const pack = (group: Expr, lanes: number): void =>
    packPanel(k, {
      to: s.iadd(scratch, s.imul(group, groupBytes)),
      from: s.iadd(from, s.imul(group, s.i32(mr * a.row * FLOAT))),
      width: mr,
      lanes,
      kStride: a.col,
      laneStride: a.row,
      count: count.kind === "const" ? count.value : count,
    });
  k.loop(rows.full, (group) => pack(group, mr));
  if (rows.tail > 0) k.if(rows.hasTail, () => pack(rows.full, rows.tail));
  return { a: scratch, aRow: FLOAT, aK: mr * FLOAT, aGroup: groupBytes };
}
