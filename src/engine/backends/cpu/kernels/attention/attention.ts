// Attention of all heads as one kernel. For one block of queries at a time, scores, softmax and the weighted sum of
// values stay in one thread's caches.

import type { Shape } from "../../../../shape.ts";
import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import type { Kernel, Lowered } from "../kernel.ts";
import { FLOAT, scaleRun } from "../lanes.ts";
import { tilesFor } from "../tiling.ts";
import {
  type AttentionShape,
  type AttentionSpec,
  attentionShape,
  headOffset,
  mixRows,
  queriesIn,
  ScratchParts,
  scores,
  takeQueries,
  takeRows,
} from "./attention_block.ts";
import { softmax } from "./attention_softmax.ts";

/** The sizes of attention between rows [N, T, C]. */
export function attentionSpec(
  [batch, tokens, channels]: Shape,
  { heads, scale }: { readonly heads: number; readonly scale: number },
): AttentionSpec {
  return { batch, heads, tokens, headDim: channels / heads, scale };
}

/** Approximate operations of a softmax per score. */
const SOFTMAX_FLOPS = 24;

/** softmax(scale q k^T) v for each head. Inputs: q, k, v; output: all [N, T, heads d]. */
export function lowerAttention(spec: AttentionSpec): Lowered {
  const shape = attentionShape(spec);
  const args = [{ input: 0 }, { input: 1 }, { input: 2 }, { output: 0 }];
  return { temps: [], steps: [{ kernel: forwardKernel(shape), args }] };
}

function forwardKernel(shape: AttentionShape): Kernel {
  const { batch, heads, tokens, headDim, block, blocks, row, scoreRow, scale } = shape;
  const count = batch * heads;
  const perScore = 4 * headDim + SOFTMAX_FLOPS;
  const wanted = tilesFor(count * tokens * tokens * perScore);
  // A tile is several heads, or several blocks of queries of one head; it copies their keys and values into scratch.
  const headsPerTile = Math.ceil(count / Math.min(count, wanted));
  const blocksPerTile = Math.ceil(blocks / Math.min(blocks, Math.ceil(wanted / count)));
  const cuts = Math.ceil(blocks / blocksPerTile);
  const parts = new ScratchParts();
  const at = {
    keys: parts.take(tokens * row),
    values: parts.take(tokens * row),
    queries: parts.take(block * row),
    packed: parts.take(block * headDim),
    scores: parts.take(tokens * scoreRow),
    mixed: parts.take(block * row),
    transposed: parts.take(block * headDim),
    inverse: parts.take(block),
  };
  return {
    family: "attention",
    key: `attention:${batch}x${heads}x${tokens}x${headDim}:${scale}`,
    tiles: Math.ceil(count / headsPerTile) * cuts,
    scratchBytes: parts.bytes,
    flops: 4 * count * tokens * tokens * headDim,
    bytes: 4 * FLOAT * count * tokens * headDim,
    emit(k) {
      const part = (offset: number): Expr => k.hoist(s.iadd(k.scratch, s.i32(offset)));
      const scratch = {
        keys: part(at.keys),
        values: part(at.values),
        queries: { rows: part(at.queries), packed: part(at.packed) },
        scores: part(at.scores),
        mixed: part(at.mixed),
        transposed: part(at.transposed),
        inverse: part(at.inverse),
      };
      const first = k.let(s.imul(s.idivU(k.tile, s.i32(cuts)), s.i32(headsPerTile)));
      const end = k.let(s.imin(s.iadd(first, s.i32(headsPerTile)), s.i32(count)));
      const firstBlock = k.let(s.imul(s.iremU(k.tile, s.i32(cuts)), s.i32(blocksPerTile)));
      const endBlock = k.let(s.imin(s.iadd(firstBlock, s.i32(blocksPerTile)), s.i32(blocks)));
      k.for(first, end, 1, (head) => {
        const offset = k.let(headOffset(shape, head));
        takeRows(k, shape, scratch.keys, k.let(s.iadd(k.buffer(1), offset)), tokens);
        takeRows(k, shape, scratch.values, k.let(s.iadd(k.buffer(2), offset)), tokens);
        k.for(firstBlock, endBlock, 1, (index) => {
          const query = k.let(s.imul(index, s.i32(block)));
          const rows = k.let(s.iadd(offset, s.imul(query, s.i32(shape.channels * FLOAT))));
          const inBlock = queriesIn(k, shape, query);
          takeQueries(k, shape, scratch.queries, k.let(s.iadd(k.buffer(0), rows)), inBlock);
          scores(k, shape, scratch.keys, scratch.queries.packed, scratch.scores);
          softmax(k, shape, scratch.scores, scratch.inverse);
          mixRows(k, shape, scratch.scores, scratch.values, scratch.mixed, scratch.transposed);
          putRows(k, shape, k.let(s.iadd(k.buffer(3), rows)), scratch.mixed, scratch.inverse, inBlock);
        });
      });
    },
  };
}

/** Writes the rows of a block to memory, each multiplied by its factor. */
function putRows(
  k: KernelBuilder,
  { channels, row, headDim }: AttentionShape,
  to: Expr,
  from: Expr,
  factors: Expr,
  count: Expr,
): void {
  k.loop(count, (i) => {
    const factor = k.let(s.loadSplat(s.iadd(factors, s.imul(i, s.i32(FLOAT)))));
    const target = k.let(s.iadd(to, s.imul(i, s.i32(channels * FLOAT))));
    scaleRun(k, target, k.let(s.iadd(from, s.imul(i, s.i32(row * FLOAT)))), headDim, factor);
  });
}
