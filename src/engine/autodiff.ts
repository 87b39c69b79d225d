// Reverse-mode differentiation, graph to graph: gradients are ordinary nodes, fused and planned like any others.

import { type AttentionHeads, full, type Node, topologicalOrder } from "./graph.ts";
import { attentionVjp, composedAttentionGrad } from "./ops/attention.ts";
import { conv2dGradFilterVjp, conv2dGradInputVjp, conv2dVjp } from "./ops/conv2d.ts";
import { gatherVjp, scatterAddVjp } from "./ops/gather.ts";
import { matmulVjp } from "./ops/matmul.ts";
import { concatVjp, expandVjp, padVjp, permuteVjp, reshapeVjp, sliceVjp } from "./ops/movement.ts";
import { add, binaryVjp, castVjp, detach, mul, unaryVjp, whereVjp } from "./ops/pointwise.ts";
import { reduceVjp, sum } from "./ops/reduce.ts";
import { numel, ShapeError, showShape } from "./shape.ts";

/** The gradient of each input of `y`, given the gradient `g` of `y`; null where nothing flows. */
function vjp(y: Node, g: Node): readonly (Node | null)[] {
  const { op } = y;
  const [a, b] = y.inputs;
  switch (op.kind) {
    case "input":
    case "variable":
    case "constant":
    case "full":
    case "random":
      return [];
    case "cast":
      return [castVjp(y, a, g)];
    case "detach":
      return [null];
    case "unary":
      return [unaryVjp(op.fn, y, a, g)];
    case "binary":
      return binaryVjp(op.fn, y, a, b, g);
    case "where":
      return whereVjp(a, g);
    case "reshape":
      return [reshapeVjp(a, g)];
    case "permute":
      return [permuteVjp(op, g)];
    case "expand":
      return [expandVjp(a, g)];
    case "slice":
      return [sliceVjp(op, a, g)];
    case "pad":
      return [padVjp(op, a, g)];
    case "concat":
      return concatVjp(op, y.inputs, g);
    case "reduce":
      return [reduceVjp(op, y, a, g)];
    case "matmul":
      return matmulVjp(a, b, g);
    case "conv2d":
      return conv2dVjp(op, a, b, g);
    case "conv2dGradInput":
      return conv2dGradInputVjp(op, a, b, g);
    case "conv2dGradFilter":
      return conv2dGradFilterVjp(op, a, b, g);
    case "attention":
      return attentionVjp(op, a, b, y.inputs[2], g);
    case "attentionGrad":
      return attentionGradVjp(op, y.inputs, g);
    case "gather":
      return gatherVjp(a, b, g);
    case "scatterAdd":
      return scatterAddVjp(b, g);
    default:
      return op satisfies never;
  }
}

/** The second derivative of attention, by differentiating the composed form of the first; u is the gradient of y. */
function attentionGradVjp(op: AttentionHeads, inputs: readonly Node[], u: Node): (Node | null)[] {
  const leaves = inputs.map(detach); // differentiation stops here, whatever the inputs depend on
  const parts = gradients(sum(mul(composedAttentionGrad(leaves, op), u)), leaves);
  // An input given twice is one leaf, which already has its whole gradient; the repeat gets null.
  return parts.map((part, i) => (inputs.indexOf(inputs[i]) === i ? part : null));
}

/**
 * The gradient of a scalar with respect to each node of `wrt`, in the shape of that node; zeros where `loss` does not
 * depend on it.
 * @throws ShapeError when `loss` has more than one element.
 */
export function gradients(loss: Node, wrt: readonly Node[]): Node[] {
  if (numel(loss.shape) !== 1) {
    throw new ShapeError(`gradients: the loss must be one number, got ${showShape(loss.shape)}`);
  }
  const order = topologicalOrder([loss]);
  const targets = new Set(wrt);
  const needed = new Set<Node>();
  for (const node of order) {
    if (targets.has(node) || node.inputs.some((source) => needed.has(source))) needed.add(node);
  }
  const received = new Map<Node, Node>([[loss, full(1, loss.shape)]]);
  for (const node of order.reverse()) {
    const g = received.get(node);
    if (g === undefined || !needed.has(node)) continue;
    for (const [i, part] of vjp(node, g).entries()) {
      const source = node.inputs[i];
      if (part === null || !needed.has(source)) continue;
      const sofar = received.get(source);
      received.set(source, sofar === undefined ? part : add(sofar, part));
    }
  }
  return wrt.map((node) => received.get(node) ?? full(0, node.shape));
}
