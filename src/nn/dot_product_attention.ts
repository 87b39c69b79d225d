// Scaled dot-product attention of several heads (Vaswani et al. 2017, section 3.2), with keys and values of their own
// number, or causal. Between as many queries as keys, and all of them, it is the engine's primitive.

import * as exact from "../engine/math/index.ts";
import { constant, type Tensor } from "../engine/tensor.ts";

/** How tokens see each other. */
export interface DotProductAttentionOptions {
  /** A divisor of the channels. */
  readonly heads: number;
  /** Whether a query sees only the keys up to its own place. Default false. */
  readonly isCausal?: boolean;
}

/**
 * softmax(q k^T / √d) v for each head of d channels.
 * @param q [N, T, C]
 * @param k [N, S, C]; S is T if causal
 * @param v [N, S, C]
 * @returns [N, T, C]
 */
export function dotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { heads, isCausal = false }: DotProductAttentionOptions,
): Tensor {
  const [n, queries, channels] = q.shape;
  const keys = k.shape[1];
  const headDim = channels / heads;
  const scale = exact.pow(headDim, -0.5);
  if (queries === keys && !isCausal) return q.attention(k, v, { heads, scale });
  // Prompts are short: the weights, [N, heads, T, S], are small enough to be a tensor.
  const byHead = (x: Tensor) => x.reshape([n, x.shape[1], heads, headDim]).permute([0, 2, 1, 3]); // [N, heads, T or S, d]
  const products = byHead(q).matmul(byHead(k).transpose()).mul(scale);
  const weights = softmax(isCausal ? products.add(causalMask(keys)) : products);
  return weights.matmul(byHead(v)).permute([0, 2, 1, 3]).reshape([n, queries, channels]);
}

/** Over the last axis. */
function softmax(x: Tensor): Tensor {
  const last = [x.shape.length - 1];
  const exponentials = x.sub(x.max(last, true).detach()).exp();
  return exponentials.div(exponentials.sum(last, true));
}

/** Below every score, so that its exponential is 0; finite, so that differences are numbers. */
const UNSEEN = -1e30;

/** [T, T]: 0 where key <= query. */
function causalMask(tokens: number): Tensor {
  const mask = Float32Array.from({ length: tokens * tokens }, (_, i) =>
    i % tokens > Math.floor(i / tokens) ? UNSEEN : 0,
  );
  return constant(mask, [tokens, tokens]);
}
