// Shared by the kernels of attention: how work is cut, how a head's rows are copied into scratch, and the products of
// a block of queries.
//
// Scores are stored transposed, [keys, queries of the block]. Vectors run along queries, so a softmax is lane-wise
// from top to bottom (attention_softmax.ts), and the block serves as left or right factor without repacking.

import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import { copyRun, FLOAT, roundUp, zeroRun } from "../lanes.ts";
import { blockProduct, MANY, MR, NR, unrollOf } from "../matmul/micro.ts";
import { packPanel } from "../matmul/pack.ts";
import { unitCounts } from "../tiling.ts";

export interface AttentionSpec {
  readonly batch: number;
  readonly heads: number;
  readonly tokens: number;
  readonly headDim: number;
  readonly scale: number;
}

/** Heads of up to this many channels do not fill a panel: their products are transposed or use taller tiles. */
const NARROW = 8;
/** Rows of a two-register tile where k is short: fewer rows, to spend less time on starting and storing it. */
const LOW = 4;
/** Rows of a tile of eight columns where registers hold many vectors. */
const TALL = 8;
/** Most queries in a block: many enough k steps for the keys' gradients, few enough that scores stay in the cache. */
const MAX_BLOCK = 64;

export interface AttentionShape extends AttentionSpec {
  /** Floats from token to token: `channels` in memory, `row` in scratch. */
  readonly channels: number;
  readonly row: number;
  readonly narrow: boolean;
  /** `block`: queries in a block, a multiple of NR. `blocks`: blocks in a head. */
  readonly block: number;
  readonly blocks: number;
  /** Floats from key to key in a block of scores. */
  readonly scoreRow: number;
}

export function attentionShape(spec: AttentionSpec): AttentionShape {
  for (const [name, size] of Object.entries({ ...spec, scale: 1 }))
    if (!Number.isInteger(size) || size < 1)
      throw new RangeError(`attention: got ${name} of ${size}, expected a positive integer`);
  const { heads, tokens, headDim } = spec;
  const narrow = headDim <= NARROW;
  const block = roundUp(Math.ceil(tokens / Math.ceil(tokens / MAX_BLOCK)), NR);
  // Rows a power of two apart would share few lines of the first-level cache.
  const row = headDim % 64 === 0 ? headDim + NR : headDim;
  const scoreRow = block === MAX_BLOCK && !narrow ? block + NR : block;
  const blocks = Math.ceil(tokens / block);
  return { ...spec, channels: heads * headDim, row, narrow, block, blocks, scoreRow };
}

/** Allocates parts of scratch; each starts on a cache line. */
export class ScratchParts {
  #bytes = 0;

  /** Reserves `count` floats; returns the byte offset. */
  take(count: number): number {
    const at = this.#bytes;
    this.#bytes += roundUp(count * FLOAT, 64);
    return at;
  }
  get bytes(): number {
    return this.#bytes;
  }
}

/** Byte offset of head `index` (over images, then heads) in a tensor [N, T, C]. */
export function headOffset(shape: AttentionShape, index: Expr): Expr {
  const { heads, tokens, channels, headDim } = shape;
  return s.iadd(
    s.imul(s.idivU(index, s.i32(heads)), s.i32(tokens * channels * FLOAT)),
    s.imul(s.iremU(index, s.i32(heads)), s.i32(headDim * FLOAT)),
  );
}

/** Copies `count` rows of a head from memory into scratch. */
export function takeRows(
  k: KernelBuilder,
  shape: AttentionShape,
  to: Expr,
  from: Expr,
  count: number | Expr,
): void {
  k.loop(count, (i) => {
    const source = k.let(s.iadd(from, s.imul(i, s.i32(shape.channels * FLOAT))));
    copyRun(k, k.let(s.iadd(to, s.imul(i, s.i32(shape.row * FLOAT)))), source, shape.headDim);
  });
}

/** Copies the queries of a block, followed by zeros, and packs them as the right factor of scores, [d, queries]. */
export function takeQueries(
  k: KernelBuilder,
  shape: AttentionShape,
  parts: { readonly rows: Expr; readonly packed: Expr },
  from: Expr,
  count: Expr,
): void {
  const { block, headDim, row, tokens } = shape;
  takeRows(k, shape, parts.rows, from, count);
  if (tokens % block !== 0)
    k.for(count, block, 1, (i) =>
      zeroRun(k, k.let(s.iadd(parts.rows, s.imul(i, s.i32(row * FLOAT)))), headDim),
    );
  k.loop(block / NR, (panel) =>
    packPanel(k, {
      to: s.iadd(parts.packed, s.imul(panel, s.i32(headDim * NR * FLOAT))),
      from: s.iadd(parts.rows, s.imul(panel, s.i32(row * NR * FLOAT))),
      width: NR,
      lanes: NR,
      kStride: 1,
      laneStride: row,
      count: headDim,
    }),
  );
}

/** The number of queries in a block. */
export function queriesIn(k: KernelBuilder, { tokens, block }: AttentionShape, first: Expr): Expr {
  return tokens % block === 0 ? s.i32(block) : k.let(s.imin(s.i32(block), s.isub(s.i32(tokens), first)));
}

/** [keys, d] x [d, queries of the block] -> [keys, queries]. */
export function scores(
  k: KernelBuilder,
  shape: AttentionShape,
  keys: Expr,
  packedQueries: Expr,
  to: Expr,
): void {
  const { tokens, headDim, row, block, scoreRow, narrow } = shape;
  product(k, {
    left: { at: keys, row, depth: 1 },
    right: { at: packedQueries, depth: NR, panel: headDim * NR },
    rows: tokens,
    columns: block,
    count: headDim,
    to,
    toRow: scoreRow,
    rowsAtOnce: narrow ? LOW : MR,
  });
}

/** Weighted sums of rows of a head, one for each query: weights [keys, queries]^T x rows [keys, d] -> `to` [queries, d]. */
export function mixRows(
  k: KernelBuilder,
  shape: AttentionShape,
  weights: Expr,
  rows: Expr,
  to: Expr,
  transposed: Expr,
): void {
  const { tokens, headDim, row, block, narrow, scoreRow } = shape;
  const weighing = { at: weights, depth: scoreRow, panel: NR };
  if (!narrow) {
    product(k, {
      left: { at: weights, row: 1, depth: scoreRow },
      right: { at: rows, depth: row, panel: NR },
      rows: block,
      columns: headDim,
      count: tokens,
      to,
      toRow: row,
    });
    return;
  }
  product(k, {
    left: { at: rows, row: 1, depth: row },
    right: weighing,
    rows: headDim,
    columns: block,
    count: tokens,
    to: transposed,
    toRow: block,
    rowsAtOnce: LOW,
  });
  packPanel(k, {
    to,
    from: transposed,
    width: row,
    lanes: headDim,
    kStride: 1,
    laneStride: block,
    count: block,
  });
}

/** Adds weights [keys, queries] x rows of the block [queries, d] to `to` in memory, one row for each key. */
export function addToKeys(
  k: KernelBuilder,
  shape: AttentionShape,
  weights: Expr,
  rows: Expr,
  to: Expr,
  fresh: Expr,
): void {
  const { tokens, headDim, row, block, narrow, channels, scoreRow } = shape;
  product(k, {
    left: { at: weights, row: scoreRow, depth: 1 },
    right: { at: rows, depth: row, panel: NR },
    rows: tokens,
    columns: headDim,
    count: block,
    to,
    toRow: channels,
    rowsAtOnce: narrow && k.capacity >= MANY ? TALL : MR,
    fresh,
  });
}

/** A product with sizes known exactly; strides in floats. */
interface Product {
  readonly left: { readonly at: Expr; readonly row: number; readonly depth: number };
  readonly right: { readonly at: Expr; readonly depth: number; readonly panel: number };
  readonly rows: number;
  readonly columns: number;
  readonly count: number;
  readonly to: Expr;
  readonly toRow: number;
  readonly rowsAtOnce?: number;
  readonly fresh?: Expr;
}

function product(k: KernelBuilder, p: Product): void {
  const mr = p.rowsAtOnce ?? MR;
  blockProduct(k, {
    a: p.left.at,
    aRow: p.left.row * FLOAT,
    aK: p.left.depth * FLOAT,
    aGroup: mr * p.left.row * FLOAT,
    b: p.right.at,
    bK: p.right.depth * FLOAT,
    bPanel: p.right.panel * FLOAT,
    count: p.count,
    unroll: p.count <= NARROW ? p.count : unrollOf(p.count),
    c: p.to,
    cRow: p.toRow * FLOAT,
    mr,
    rows: unitCounts(p.rows, mr),
    columns: unitCounts(p.columns, NR),
    fresh: p.fresh ?? s.i32(1),
  });
}
