// The meaning of every op in float64, defined beside its shape rule in ops/. Slow and simple: the standard for every
// other backend.

import type { Node } from "../../graph.ts";
import { attentionGradReference, attentionReference } from "../../ops/attention.ts";
import { conv2dGradFilterReference, conv2dGradInputReference, conv2dReference } from "../../ops/conv2d.ts";
import { gatherReference, scatterAddReference } from "../../ops/gather.ts";
import { matmulReference } from "../../ops/matmul.ts";
import {
  concatReference,
  expandReference,
  padReference,
  permuteReference,
  sliceReference,
} from "../../ops/movement.ts";
import { binaryReference, castReference, unaryReference, whereReference } from "../../ops/pointwise.ts";
import { randomReference } from "../../ops/random.ts";
import { reduceReference } from "../../ops/reduce.ts";
import { numel } from "../../shape.ts";

/** The value of `node` from its inputs' values, row-major. `leaf` gives the values of leaves. */
export function evaluate(
  node: Node,
  inputs: readonly Float64Array[],
  leaf: (node: Node) => Float64Array,
): Float64Array {
  const { op } = node;
  const [a, b, c] = inputs;
  switch (op.kind) {
    case "input":
    case "variable":
      return leaf(node);
    case "constant":
      return Float64Array.from(op.data);
    case "full":
      return new Float64Array(numel(node.shape)).fill(op.value);
    case "cast":
      return castReference(op.dtype, a);
    case "detach":
    case "reshape":
      return a;
    case "unary":
      return unaryReference(op.fn, a);
    case "binary":
      return binaryReference(op.fn, a, b);
    case "where":
      return whereReference(a, b, c);
    case "permute":
      return permuteReference(op, node, a);
    case "expand":
      return expandReference(node, a);
    case "slice":
      return sliceReference(op, node, a);
    case "pad":
      return padReference(op, node, a);
    case "concat":
      return concatReference(op, node, inputs);
    case "reduce":
      return reduceReference(op, node, a);
    case "matmul":
      return matmulReference(node, a, b);
    case "conv2d":
      return conv2dReference(op, node, a, b);
    case "conv2dGradInput":
      return conv2dGradInputReference(op, node, a, b);
    case "conv2dGradFilter":
      return conv2dGradFilterReference(op, node, a, b);
    case "attention":
      return attentionReference(op, node, a, b, c);
    case "attentionGrad":
      return attentionGradReference(op, node, inputs);
    case "gather":
      return gatherReference(node, a, b);
    case "scatterAdd":
      return scatterAddReference(node, a, b);
    case "random":
      return randomReference(op, node, a);
    default:
      return op satisfies never;
  }
}
