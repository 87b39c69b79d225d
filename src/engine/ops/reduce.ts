// Reductions: sum and maximum over axes.

import type { Node, OpOf, ReduceFn } from "../graph.ts";
import { contiguousStrides, forEachOffset, numel } from "../shape.ts";
import { expand, reshape } from "./movement.ts";
import { div, lessThan, mul, scalar, where } from "./pointwise.ts";
import { reducedAxes, reduceNode } from "./reduce_node.ts";

function reduce(fn: ReduceFn, x: Node, axes: readonly number[] | undefined, keepDims: boolean): Node {
  const y = reduceNode(fn, x, axes);
  if (keepDims) return y;
  const reduced = reducedAxes(fn, x, axes);
  return reshape(
    y,
    y.shape.filter((_, axis) => !reduced.includes(axis)),
  );
}

/** Sum over `axes` (all by default); with keepDims the reduced axes stay as size 1. */
export const sum = (x: Node, axes?: readonly number[], keepDims = false) => reduce("sum", x, axes, keepDims);
/** Maximum over `axes` (all by default). */
export const max = (x: Node, axes?: readonly number[], keepDims = false) => reduce("max", x, axes, keepDims);

/** Arithmetic mean over `axes` (all by default). */
export function mean(x: Node, axes?: readonly number[], keepDims = false): Node {
  const total = sum(x, axes, keepDims);
  return mul(total, scalar(numel(total.shape) / numel(x.shape)));
}

export function reduceVjp(op: OpOf<"reduce">, y: Node, x: Node, g: Node): Node {
  switch (op.fn) {
    case "sum":
      return expand(g, x.shape);
    case "max": {
      // Equal maxima share the gradient evenly.
      const isMax = where(lessThan(x, y), scalar(0), scalar(1));
      return mul(isMax, div(g, sum(isMax, op.axes, true)));
    }
    default:
      return op.fn satisfies never;
  }
}

export function reduceReference(op: OpOf<"reduce">, y: Node, x: Float64Array): Float64Array {
  const strides = contiguousStrides(y.shape).map((stride, axis) => (op.axes.includes(axis) ? 0 : stride));
  const out = new Float64Array(numel(y.shape)).fill(op.fn === "sum" ? 0 : -Infinity);
  forEachOffset(y.inputs[0].shape, strides, 0, (offset, position) => {
    out[offset] = op.fn === "sum" ? out[offset] + x[position] : Math.max(out[offset], x[position]);
  });
  return out;
}
