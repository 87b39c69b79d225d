// The softmax of a block of scores [keys, queries] and its gradient, for a pair of vectors of queries at a time.

import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import { vexpOfNegative } from "../../simd/math.ts";
import * as s from "../../simd/ops.ts";
import { FLOAT, VECTOR } from "../lanes.ts";
import { unrollOf } from "../matmul/micro.ts";
import type { AttentionShape } from "./attention_block.ts";

/** Bytes of a pair of vectors. */
const PAIR = 2 * VECTOR;

/**
 * Replaces each score [keys, queries] by exp(scale (score - the query's maximum)), and writes 1 / sum of these for
 * each query to `inverse` [queries].
 */
export function softmax(k: KernelBuilder, shape: AttentionShape, at: Expr, inverse: Expr): void {
  forStrips(k, shape, at, (strip, queries) => {
    const total = exponentials(k, shape, strip, () => {});
    k.storeV(k.let(s.iadd(inverse, queries)), s.vdiv(s.vconst(1), total));
  });
}

/**
 * Replaces each score by its weight p, and each element dp of `dWeights` by the gradient of the unscaled score: scale
 * p (dp - sum over keys of p dp).
 */
export function softmaxWithGradient(k: KernelBuilder, shape: AttentionShape, at: Expr, dWeights: Expr): void {
  const { scale } = shape;
  const toGradient = k.let(s.isub(dWeights, at));
  forStrips(k, shape, at, (strip) => {
    const weighted = k.let(s.vconst(0));
    const total = exponentials(k, shape, strip, (address, e, offsets) => {
      const gradient = k.let(s.iadd(address, toGradient));
      const products = offsets.reduce<Expr>(
        (sum, offset, i) => k.let(s.vfma(e[i], s.loadV(gradient, offset), sum)),
        s.vconst(0),
      );
      k.set(weighted, s.vadd(weighted, products));
    });
    const inverse = k.let(s.vdiv(s.vconst(1), total));
    const scaled = k.let(s.vdiv(s.vconst(scale), total));
    const mean = k.let(s.vmul(weighted, inverse));
    forKeys(k, shape, strip, (address, offsets) => {
      const gradient = k.let(s.iadd(address, toGradient));
      for (const offset of offsets) {
        const e = k.let(s.loadV(address, offset));
        const centered = s.vsub(s.loadV(gradient, offset), mean);
        k.storeV(gradient, s.vmul(s.vmul(e, scaled), centered), offset);
        k.storeV(address, s.vmul(e, inverse), offset);
      }
    });
  });
}

/** Replaces a strip of scores by exponentials and passes each to `use`; returns their sum. */
function exponentials(
  k: KernelBuilder,
  shape: AttentionShape,
  strip: Expr,
  use: (address: Expr, e: readonly Expr[], offsets: readonly number[]) => void,
): Expr {
  const scale = s.vconst(shape.scale);
  const most = k.let(s.loadV(strip));
  forKeys(k, shape, strip, (address, offsets) => {
    for (const offset of offsets) k.set(most, s.vpmax(most, s.loadV(address, offset)));
  });
  const shift = k.let(s.vfnma(most, scale, s.vconst(0)));
  const total = k.let(s.vconst(0));
  forKeys(k, shape, strip, (address, offsets) => {
    const x = offsets.map((offset) => k.let(s.vfma(s.loadV(address, offset), scale, shift)));
    const e = vexpOfNegative(k, x);
    offsets.forEach((offset, i) => {
      k.storeV(address, e[i], offset);
    });
    const sum = e.slice(1).reduce<Expr>((sofar, next) => k.let(s.vadd(sofar, next)), e[0]);
    k.set(total, s.vadd(total, sum));
    use(address, e, offsets);
  });
  return total;
}

/** Calls `body(address, bytes from the start of the block's first row)` for each pair of vectors of queries. */
function forStrips(
  k: KernelBuilder,
  { block }: AttentionShape,
  at: Expr,
  body: (strip: Expr, queries: Expr) => void,
): void {
  k.loop(block * FLOAT, (queries) => k.pairs(() => body(k.let(s.iadd(at, queries)), queries)), {
    step: PAIR,
  });
}

/** Calls `body(address, offsets)` for several keys of a strip at a time. */
function forKeys(
  k: KernelBuilder,
  { tokens, scoreRow }: AttentionShape,
  strip: Expr,
  body: (address: Expr, offsets: readonly number[]) => void,
): void {
  const unroll = unrollOf(tokens);
  const rowBytes = scoreRow * FLOAT;
  const offsets = Array.from({ length: unroll }, (_, u) => u * rowBytes);
  k.loop(tokens * rowBytes, (row) => body(k.let(s.iadd(strip, row)), offsets), { step: unroll * rowBytes });
}
