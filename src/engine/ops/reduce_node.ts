// The node of a reduction, apart from reduce.ts because expand's gradient needs it.

import { makeNode, type Node, type ReduceFn } from "../graph.ts";
import { normalizeAxis, ShapeError } from "../shape.ts";
import { widened } from "./widen.ts";

/** Reduces `axes` (all by default), which stay as size 1. @throws ShapeError for integers and axes out of range */
export function reduceNode(fn: ReduceFn, given: Node, axes: readonly number[] | undefined): Node {
  if (given.dtype === "i32") throw new ShapeError(`${fn}: wants f32, got i32; cast it first`);
  const x = widened(given);
  const unique = reducedAxes(fn, x, axes);
  const kept = x.shape.map((size, axis) => (unique.includes(axis) ? 1 : size));
  const meaningful = unique.filter((axis) => x.shape[axis] > 1);
  return meaningful.length === 0 ? x : makeNode({ kind: "reduce", fn, axes: meaningful }, [x], kept, "f32");
}

/** The axes to reduce, counted from the front, ascending. */
export function reducedAxes(fn: ReduceFn, x: Node, axes: readonly number[] | undefined): number[] {
  const over = (axes ?? x.shape.map((_, i) => i)).map((axis) => normalizeAxis(fn, axis, x.shape.length));
  return [...new Set(over)].sort((a, b) => a - b);
}
