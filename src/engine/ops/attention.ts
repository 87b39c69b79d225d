// Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2), with heads laid out as the projections
// write them: head h of a token is channels h d .. h d + d - 1. No head's [T, T] matrix of weights is ever a tensor:
// the gradient recomputes it from q and k.

import { type AttentionHeads, makeNode, type Node } from "../graph.ts";
import * as exact from "../math/index.ts";
import { numel, ShapeError, sameShape, showShape } from "../shape.ts";
import { matmul, transpose } from "./matmul.ts";
import { concat, permute, reshape, slice } from "./movement.ts";
import { detach, div, exp, mul, scalar, sub } from "./pointwise.ts";
import { max, sum } from "./reduce.ts";
import { widened } from "./widen.ts";

/** q, k, v [N, T, C] -> softmax(scale q k^T) v for each head, [N, T, C]. @throws ShapeError when shapes do not fit. */
export function attention(queries: Node, keys: Node, values: Node, { heads, scale }: AttentionHeads): Node {
  const [q, k, v] = [widened(queries), widened(keys), widened(values)];
  requireRows("attention", heads, q, k, v);
  if (!(scale > 0)) throw new ShapeError(`attention: wants a positive scale, got ${scale}`);
  return makeNode({ kind: "attention", heads, scale }, [q, k, v], q.shape, "f32");
}

/** The gradients of k, v and q, in this order, stacked as [3, N, T, C]; g [N, T, C] is the gradient of the result. */
export function attentionGrad(q: Node, k: Node, v: Node, g: Node, { heads, scale }: AttentionHeads): Node {
  requireRows("attentionGrad", heads, q, k, v, g);
  return makeNode({ kind: "attentionGrad", heads, scale }, [q, k, v, g], [3, ...q.shape], "f32");
}

function requireRows(what: string, heads: number, q: Node, ...others: Node[]): void {
  const nodes = [q, ...others];
  const fits =
    q.shape.length === 3 &&
    Number.isInteger(q.shape[2] / heads) &&
    nodes.every((node) => node.dtype === "f32" && sameShape(node.shape, q.shape));
  if (!fits) {
    const given = nodes.map((node) => `${node.dtype}${showShape(node.shape)}`).join(", ");
    throw new ShapeError(
      `${what}: wants equal f32 [N, T, C] with C a multiple of ${heads} heads, got ${given}`,
    );
  }
}

export function attentionVjp(op: AttentionHeads, q: Node, k: Node, v: Node, g: Node): Node[] {
  const all = attentionGrad(q, k, v, g, op);
  const [dk, dv, dq] = [0, 1, 2].map((i) => reshape(slice(all, [i, 0, 0, 0], [1, ...q.shape]), q.shape));
  return [dq, dk, dv];
}

/** The same as `attentionGrad`, composed of ops that have derivatives of any order. */
export function composedAttentionGrad(inputs: readonly Node[], { heads, scale }: AttentionHeads): Node {
  const [n, t, c] = inputs[0].shape;
  const split = (x: Node) => permute(reshape(x, [n, t, heads, c / heads]), [0, 2, 1, 3]);
  const join = (x: Node) => reshape(permute(x, [0, 2, 1, 3]), [1, n, t, c]);
  const [q, k, v, g] = inputs.map(split); // [N, heads, T, d]
  const scores = mul(matmul(q, transpose(k)), scalar(scale)); // [N, heads, T, T]
  const exponentials = exp(sub(scores, detach(max(scores, [3], true))));
  const p = div(exponentials, sum(exponentials, [3], true));
  const dp = matmul(g, transpose(v));
  const ds = mul(mul(p, sub(dp, sum(mul(p, dp), [3], true))), scalar(scale));
  return concat([matmul(transpose(ds), q), matmul(transpose(p), g), matmul(ds, k)].map(join), 0);
}

/** Calls `visit` for each head and token with the softmax of its scores [T] and a function from token to offset. */
function forEachQuery(
  { heads, scale }: AttentionHeads,
  q: Node,
  qs: Float64Array,
  ks: Float64Array,
  visit: (at: (token: number) => number, query: number, weights: Float64Array) => void,
): void {
  const [n, t, c] = q.shape;
  const d = c / heads;
  for (let image = 0; image < n; image++) {
    for (let head = 0; head < heads; head++) {
      const at = (token: number) => (image * t + token) * c + head * d;
      for (let query = 0; query < t; query++) {
        const scores = Float64Array.from(
          { length: t },
          (_, key) => scale * dot(d, qs, at(query), ks, at(key)),
        );
        const most = scores.reduce((a, b) => Math.max(a, b));
        const weights = scores.map((score) => exact.exp(score - most));
        const total = weights.reduce((a, b) => a + b);
        visit(
          at,
          query,
          weights.map((weight) => weight / total),
        );
      }
    }
  }
}

function dot(count: number, a: Float64Array, aAt: number, b: Float64Array, bAt: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += a[aAt + i] * b[bAt + i];
  return total;
}

export function attentionReference(
  op: AttentionHeads,
  y: Node,
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
): Float64Array {
  const d = y.shape[2] / op.heads;
  const out = new Float64Array(numel(y.shape));
  forEachQuery(op, y, q, k, (at, query, weights) => {
    for (const [key, weight] of weights.entries()) {
      for (let i = 0; i < d; i++) out[at(query) + i] += weight * v[at(key) + i];
    }
  });
  return out;
}

/** With weights p and dp = g v^T: dv = p^T g, ds = p (dp - sum of p dp) scale, dq = ds k, dk = ds^T q. */
export function attentionGradReference(
  op: AttentionHeads,
  y: Node,
  [q, k, v, g]: readonly Float64Array[],
): Float64Array {
  const [like] = y.inputs;
  const size = numel(like.shape);
  const d = like.shape[2] / op.heads;
  const out = new Float64Array(3 * size);
  const [dk, dv, dq] = [0, 1, 2].map((i) => out.subarray(i * size, (i + 1) * size));
  forEachQuery(op, like, q, k, (at, query, weights) => {
    const dp = weights.map((_, key) => dot(d, g, at(query), v, at(key)));
    const mean = dot(weights.length, weights, 0, dp, 0);
    for (const [key, weight] of weights.entries()) {
      const ds = weight * (dp[key] - mean) * op.scale;
      for (let i = 0; i < d; i++) {
        dv[at(key) + i] += weight * g[at(query) + i];
        dk[at(key) + i] += ds * q[at(query) + i];
        dq[at(query) + i] += ds * k[at(key) + i];
      }
    }
  });
  return out;
}
