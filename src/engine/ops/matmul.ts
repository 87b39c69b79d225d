// Batched matrix product: [..., M, K] x [..., K, N] -> [..., M, N]. Batch axes must be equal.

import { makeNode, type Node } from "../graph.ts";
import { numel, ShapeError, sameShape, showShape } from "../shape.ts";
import { permute } from "./movement.ts";
import { widened } from "./widen.ts";

/** @throws ShapeError unless ranks, batch axes and the inner size K agree. */
export function matmul(left: Node, right: Node): Node {
  const [a, b] = [widened(left), widened(right)];
  const rank = a.shape.length;
  const fits =
    rank >= 2 &&
    b.shape.length === rank &&
    a.dtype === "f32" &&
    b.dtype === "f32" &&
    a.shape[rank - 1] === b.shape[rank - 2] &&
    sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (!fits) {
    const given = `${a.dtype}${showShape(a.shape)} x ${b.dtype}${showShape(b.shape)}`;
    throw new ShapeError(`matmul: wants [..., M, K] x [..., K, N] with equal leading sizes, got ${given}`);
  }
  return makeNode({ kind: "matmul" }, [a, b], [...a.shape.slice(0, -1), b.shape[rank - 1]], "f32");
}

/** Swaps the last two axes. */
export function transpose(x: Node): Node {
  const axes = x.shape.map((_, i) => i);
  return permute(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}

export function matmulVjp(a: Node, b: Node, g: Node): [Node, Node] {
  // For a transposed weight, compute the transposed gradient: it then has the weight's layout.
  const isTransposed = b.op.kind === "permute" && transpose(b) === b.inputs[0];
  return [
    matmul(g, transpose(b)),
    isTransposed ? transpose(matmul(transpose(g), a)) : matmul(transpose(a), g),
  ];
}

export function matmulReference(y: Node, a: Float64Array, b: Float64Array): Float64Array {
  const [m, n] = y.shape.slice(-2);
  const k = y.inputs[0].shape[y.shape.length - 1];
  const out = new Float64Array(numel(y.shape));
  for (let batch = 0; batch < out.length / (m * n); batch++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let total = 0;
        for (let l = 0; l < k; l++) total += a[(batch * m + i) * k + l] * b[(batch * k + l) * n + j];
        out[(batch * m + i) * n + j] = total;
      }
    }
  }
  return out;
}
