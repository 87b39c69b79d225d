// Movement ops as strided views: reading a reshaped, permuted, repeated or sliced tensor needs no copy.

import type { Node } from "../graph.ts";
import { contiguousStrides, type Shape, sameShape } from "../shape.ts";

/** Element (i0, i1, ..) of the view is element offset + sum(i * stride) of the base's row-major buffer. */
export interface View {
  readonly base: Node;
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

export function wholeView(node: Node): View {
  return { base: node, shape: node.shape, strides: contiguousStrides(node.shape), offset: 0 };
}

/** Whether the view's elements are contiguous in the base's buffer, in the same order. */
export function isContiguous(view: View): boolean {
  const strides = contiguousStrides(view.shape);
  return view.shape.every((size, axis) => size === 1 || view.strides[axis] === strides[axis]);
}

/** Whether the view is the whole base in the same order, perhaps with another shape. */
export function isIdentity(view: View): boolean {
  const count = (shape: Shape) => shape.reduce((product, size) => product * size, 1);
  return view.offset === 0 && count(view.shape) === count(view.base.shape) && isContiguous(view);
}

/** Composes `node` with `source`, the view of its input; null if `node` is not a view or no strides describe it. */
export function viewThrough(node: Node, source: View): View | null {
  const { op } = node;
  switch (op.kind) {
    case "detach":
      return source;
    case "reshape": {
      const strides = reshapeStrides(source.shape, source.strides, node.shape);
      return strides && { ...source, shape: node.shape, strides };
    }
    case "permute":
      return { ...source, shape: node.shape, strides: op.axes.map((axis) => source.strides[axis]) };
    case "expand": {
      const strides = source.strides.map((stride, axis) => (source.shape[axis] === 1 ? 0 : stride));
      return { ...source, shape: node.shape, strides };
    }
    case "slice": {
      const skipped = op.begin.reduce((total, begin, axis) => total + begin * source.strides[axis], 0);
      return { ...source, shape: node.shape, offset: source.offset + skipped };
    }
    default:
      return null;
  }
}

/** Strides of the same elements under `to`, or null when a copy is needed. */
function reshapeStrides(from: Shape, strides: readonly number[], to: Shape): number[] | null {
  if (sameShape(from, to)) return [...strides];
  // Runs of axes that are evenly spaced in memory behave as one axis.
  const runs: { size: number; stride: number }[] = [];
  for (const [axis, size] of from.entries()) {
    if (size === 1) continue;
    const last = runs[runs.length - 1];
    if (last !== undefined && last.stride === strides[axis] * size) {
      last.size *= size;
      last.stride = strides[axis];
    } else {
      runs.push({ size, stride: strides[axis] });
    }
  }
  const result = new Array<number>(to.length).fill(0);
  let run = runs.length - 1;
  let taken = 1;
  for (let axis = to.length - 1; axis >= 0; axis--) {
    const size = to[axis];
    if (size === 1) continue;
    while (run >= 0 && taken === runs[run].size) {
      run--;
      taken = 1;
    }
    if (run < 0 || runs[run].size % (taken * size) !== 0) return null;
    result[axis] = runs[run].stride * taken;
    taken *= size;
  }
  return result;
}
