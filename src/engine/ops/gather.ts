// Rows of a table by index (an embedding), and the sum of rows back into a table (its gradient).

import { makeNode, type Node } from "../graph.ts";
import { numel, ShapeError, showShape } from "../shape.ts";
import { widened } from "./widen.ts";

/** table [V, D], index i32 [N] -> [N, D]. Indices outside 0..V-1 take the nearest row. */
export function gather(rows: Node, index: Node): Node {
  const table = widened(rows);
  if (
    table.shape.length !== 2 ||
    table.dtype !== "f32" ||
    index.shape.length !== 1 ||
    index.dtype !== "i32"
  ) {
    const given = `${table.dtype}${showShape(table.shape)} and ${index.dtype}${showShape(index.shape)}`;
    throw new ShapeError(`gather: wants an f32 table [V, D] and an i32 index [N], got ${given}`);
  }
  return makeNode({ kind: "gather" }, [table, index], [index.shape[0], table.shape[1]], "f32");
}

/** rows [N, D], index i32 [N] -> [count, D], where row v is the sum of rows[i] with index[i] = v. */
export function scatterAdd(rows: Node, index: Node, count: number): Node {
  if (rows.shape.length !== 2 || index.shape.length !== 1 || rows.shape[0] !== index.shape[0]) {
    const given = `${showShape(rows.shape)} and ${showShape(index.shape)}`;
    throw new ShapeError(`scatterAdd: wants rows [N, D] and an index [N], got ${given}`);
  }
  return makeNode({ kind: "scatterAdd" }, [rows, index], [count, rows.shape[1]], "f32");
}

export function gatherVjp(table: Node, index: Node, g: Node): [Node, null] {
  return [scatterAdd(g, index, table.shape[0]), null];
}

export function scatterAddVjp(index: Node, g: Node): [Node, null] {
  return [gather(g, index), null];
}

const clampIndex = (index: number, count: number) => Math.min(Math.max(index, 0), count - 1);

export function gatherReference(y: Node, table: Float64Array, index: Float64Array): Float64Array {
  const [count, width] = y.inputs[0].shape;
  const out = new Float64Array(numel(y.shape));
  for (const [i, at] of index.entries()) {
    const row = clampIndex(at, count) * width;
    out.set(table.subarray(row, row + width), i * width);
  }
  return out;
}

export function scatterAddReference(y: Node, rows: Float64Array, index: Float64Array): Float64Array {
  const [count, width] = y.shape;
  const out = new Float64Array(numel(y.shape));
  for (const [i, at] of index.entries()) {
    const row = clampIndex(at, count) * width;
    for (let d = 0; d < width; d++) out[row + d] += rows[i * width + d];
  }
  return out;
}
