// The gradients of attention as one kernel. For one block of queries at a time, in one thread's caches, it recomputes
// the scores and weights p, then the weights' gradients dp = g v^T and the softmax's gradient ds; then dq = ds k, and
// the block's part of dk = ds^T q and dv = p^T g.
//
// One tile adds the queries of one head to its keys in order. A long head is cut into a few parts, which a second step
// sums. The cut depends on the size of a head only, so an image's gradients do not depend on the rest of the batch.

import type { Slot } from "../../../../program/kernel_set.ts";
import type { Expr } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import type { Kernel, Lowered } from "../kernel.ts";
import { copyRun, FLOAT } from "../lanes.ts";
import { sumKernel } from "../sum_parts.ts";
import { tilesFor } from "../tiling.ts";
import {
  type AttentionShape,
  type AttentionSpec,
  addToKeys,
  attentionShape,
  headOffset,
  mixRows,
  queriesIn,
  ScratchParts,
  scores,
  takeQueries,
  takeRows,
} from "./attention_block.ts";
import { softmaxWithGradient } from "./attention_softmax.ts";

/** Operations in one part of a head, about two milliseconds, and the most parts of a head. */
const PART_FLOPS = 2e8;
const MAX_PARTS = 8;
/** Approximate operations of a softmax and its gradient per score. */
const SOFTMAX_FLOPS = 32;

/** Inputs: q, k, v, g, each [N, T, heads d]; output: dk, dv, dq one after another. */
export function lowerAttentionGrad(spec: AttentionSpec): Lowered {
  const shape = attentionShape(spec);
  const perHead = 10 * shape.tokens * shape.tokens * shape.headDim;
  const blocksPerPart = Math.ceil(shape.blocks / Math.min(MAX_PARTS, Math.ceil(perHead / PART_FLOPS)));
  const parts = Math.ceil(shape.blocks / blocksPerPart);
  const inputs: Slot[] = [0, 1, 2, 3].map((input) => ({ input }));
  const output: Slot = { output: 0 };
  const sums: Slot = parts === 1 ? output : { temp: 0 };
  const gradients = {
    kernel: gradientKernel(shape, parts, blocksPerPart),
    args: [...inputs, output, sums],
  };
  if (parts === 1) return { temps: [], steps: [gradients] };
  const size = 2 * shape.batch * shape.tokens * shape.channels;
  const join = { kernel: sumKernel(parts, size), args: [sums, output] };
  return { temps: [parts * size], steps: [gradients, join] };
}

function gradientKernel(shape: AttentionShape, cuts: number, blocksPerCut: number): Kernel {
  const { batch, heads, tokens, headDim, block, blocks, row, scoreRow, scale, channels } = shape;
  const count = batch * heads;
  const perScore = 10 * headDim + SOFTMAX_FLOPS;
  const wanted = tilesFor(count * tokens * tokens * perScore);
  const headsPerTile = Math.ceil(count / Math.min(count, wanted));
  const tensorBytes = batch * tokens * channels * FLOAT;
  const parts = new ScratchParts();
  const at = {
    keys: parts.take(tokens * row),
    values: parts.take(tokens * row),
    queries: parts.take(block * row),
    packedQueries: parts.take(block * headDim),
    gradients: parts.take(block * row),
    packedGradients: parts.take(block * headDim),
    weights: parts.take(tokens * scoreRow),
    dWeights: parts.take(tokens * scoreRow),
    mixed: parts.take(block * row),
    transposed: parts.take(block * headDim),
  };
  return {
    family: "attention_grad",
    key: `attention_grad:${batch}x${heads}x${tokens}x${headDim}:${scale}:${cuts}`,
    tiles: Math.ceil(count / headsPerTile) * cuts,
    scratchBytes: parts.bytes,
    flops: 10 * count * tokens * tokens * headDim,
    bytes: 7 * tensorBytes,
    emit(k) {
      const part = (offset: number): Expr => k.hoist(s.iadd(k.scratch, s.i32(offset)));
      const [keys, values, weights, dWeights] = [
        part(at.keys),
        part(at.values),
        part(at.weights),
        part(at.dWeights),
      ];
      const queries = { rows: part(at.queries), packed: part(at.packedQueries) };
      const gradients = { rows: part(at.gradients), packed: part(at.packedGradients) };
      const [mixed, transposed] = [part(at.mixed), part(at.transposed)];
      const first = k.let(s.imul(s.idivU(k.tile, s.i32(cuts)), s.i32(headsPerTile)));
      const end = k.let(s.imin(s.iadd(first, s.i32(headsPerTile)), s.i32(count)));
      const cut = k.let(s.iremU(k.tile, s.i32(cuts)));
      const firstBlock = k.let(s.imul(cut, s.i32(blocksPerCut)));
      const endBlock = k.let(s.imin(s.iadd(firstBlock, s.i32(blocksPerCut)), s.i32(blocks)));
      const sums = k.let(s.iadd(k.buffer(5), s.imul(cut, s.i32(2 * tensorBytes))));
      k.for(first, end, 1, (head) => {
        const offset = k.let(headOffset(shape, head));
        takeRows(k, shape, keys, k.let(s.iadd(k.buffer(1), offset)), tokens);
        takeRows(k, shape, values, k.let(s.iadd(k.buffer(2), offset)), tokens);
        const dKeys = k.let(s.iadd(sums, offset));
        const dValues = k.let(s.iadd(dKeys, s.i32(tensorBytes)));
        k.for(firstBlock, endBlock, 1, (index) => {
          const query = k.let(s.imul(index, s.i32(block)));
          const rows = k.let(s.iadd(offset, s.imul(query, s.i32(channels * FLOAT))));
          const inBlock = queriesIn(k, shape, query);
          const fresh = k.let(s.ieq(index, firstBlock));
          takeQueries(k, shape, queries, k.let(s.iadd(k.buffer(0), rows)), inBlock);
          takeQueries(k, shape, gradients, k.let(s.iadd(k.buffer(3), rows)), inBlock);
          scores(k, shape, keys, queries.packed, weights);
          scores(k, shape, values, gradients.packed, dWeights);
          softmaxWithGradient(k, shape, weights, dWeights);
          addToKeys(k, shape, weights, gradients.rows, dValues, fresh);
          addToKeys(k, shape, dWeights, queries.rows, dKeys, fresh);
          mixRows(k, shape, dWeights, keys, mixed, transposed);
          const dQueries = k.let(s.iadd(k.buffer(4), rows, s.i32(2 * tensorBytes)));
          k.loop(inBlock, (i) => {
            const to = k.let(s.iadd(dQueries, s.imul(i, s.i32(channels * FLOAT))));
            copyRun(k, to, k.let(s.iadd(mixed, s.imul(i, s.i32(row * FLOAT)))), headDim);
          });
        });
      });
    },
  };
}
