// Movement ops: the same numbers under another index. Backends read most of them as strided views.

import { full, makeNode, type Node, type OpOf } from "../graph.ts";
import {
  contiguousStrides,
  forEachOffset,
  normalizeAxis,
  numel,
  type Shape,
  ShapeError,
  sameShape,
  showShape,
} from "../shape.ts";
import { reduceNode } from "./reduce_node.ts";

/** The same elements in row-major order under another shape; one size may be -1. */
export function reshape(x: Node, shape: Shape): Node {
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const resolved = shape.map((size) => (size === -1 ? numel(x.shape) / known : size));
  if (numel(resolved) !== numel(x.shape) || shape.filter((size) => size === -1).length > 1) {
    throw new ShapeError(`reshape: ${showShape(x.shape)} cannot become ${showShape(shape)}`);
  }
  if (sameShape(resolved, x.shape)) return x;
  if (x.op.kind === "full") return full(x.op.value, resolved);
  const source = x.op.kind === "reshape" ? x.inputs[0] : x;
  if (sameShape(resolved, source.shape)) return source;
  return makeNode({ kind: "reshape" }, [source], resolved, x.dtype);
}

/** Axis i of the result is axis `axes[i]` of x. */
export function permute(x: Node, axes: readonly number[]): Node {
  const resolved = axes.map((axis) => normalizeAxis("permute", axis, x.shape.length));
  if (resolved.length !== x.shape.length || new Set(resolved).size !== resolved.length) {
    throw new ShapeError(`permute: [${axes}] is no permutation of the axes of ${showShape(x.shape)}`);
  }
  if (resolved.every((axis, i) => axis === i)) return x;
  const shape = resolved.map((axis) => x.shape[axis]);
  if (x.op.kind === "full") return full(x.op.value, shape);
  if (x.op.kind === "permute") {
    const { axes: inner } = x.op;
    return permute(
      x.inputs[0],
      resolved.map((axis) => inner[axis]),
    );
  }
  return makeNode({ kind: "permute", axes: resolved }, [x], shape, x.dtype);
}

/** Repeats axes of size 1 to the sizes in `shape` (same rank). */
export function expand(x: Node, shape: Shape): Node {
  const fits = x.shape.length === shape.length && x.shape.every((size, i) => size === shape[i] || size === 1);
  if (!fits) throw new ShapeError(`expand: ${showShape(x.shape)} cannot repeat to ${showShape(shape)}`);
  if (sameShape(x.shape, shape)) return x;
  if (x.op.kind === "full") return full(x.op.value, shape);
  return makeNode({ kind: "expand" }, [x], shape, x.dtype);
}

/** The box of size `shape` that starts at `begin`. */
export function slice(x: Node, begin: readonly number[], shape: Shape): Node {
  const inside =
    begin.length === x.shape.length &&
    shape.length === x.shape.length &&
    begin.every((start, i) => start >= 0 && start + shape[i] <= x.shape[i]);
  if (!inside) {
    throw new ShapeError(`slice: ${showShape(shape)} at [${begin}] is not inside ${showShape(x.shape)}`);
  }
  if (sameShape(x.shape, shape)) return x;
  return makeNode({ kind: "slice", begin: [...begin] }, [x], shape, x.dtype);
}

/** Zeros around x: `before[i]` and `after[i]` of them on axis i. */
export function pad(x: Node, before: readonly number[], after: readonly number[]): Node {
  const widths = [...before, ...after];
  if (widths.length !== 2 * x.shape.length || widths.some((width) => width < 0)) {
    throw new ShapeError(`pad: [${before}], [${after}] do not fit ${showShape(x.shape)}`);
  }
  if (widths.every((width) => width === 0)) return x;
  const shape = x.shape.map((size, i) => size + before[i] + after[i]);
  return makeNode({ kind: "pad", before: [...before], after: [...after] }, [x], shape, x.dtype);
}

/** Concatenates tensors along `axis`. */
export function concat(parts: readonly Node[], axis: number): Node {
  const [first] = parts;
  if (first === undefined) throw new ShapeError("concat: wants at least one tensor");
  if (parts.length === 1) return first;
  const at = normalizeAxis("concat", axis, first.shape.length);
  for (const part of parts) {
    const fits =
      part.dtype === first.dtype &&
      part.shape.length === first.shape.length &&
      part.shape.every((size, i) => i === at || size === first.shape[i]);
    if (!fits) {
      const shapes = parts.map((p) => showShape(p.shape)).join(", ");
      throw new ShapeError(`concat: ${shapes} differ in more than axis ${at}`);
    }
  }
  const size = parts.reduce((total, part) => total + part.shape[at], 0);
  return makeNode({ kind: "concat", axis: at }, parts, first.shape.with(at, size), first.dtype);
}

export function reshapeVjp(x: Node, g: Node): Node {
  return reshape(g, x.shape);
}

export function permuteVjp(op: OpOf<"permute">, g: Node): Node {
  const inverse = new Array<number>(op.axes.length);
  for (const [i, axis] of op.axes.entries()) inverse[axis] = i;
  return permute(g, inverse);
}

export function expandVjp(x: Node, g: Node): Node {
  const repeated = x.shape.flatMap((size, axis) => (size === 1 && g.shape[axis] !== 1 ? [axis] : []));
  return reduceNode("sum", g, repeated);
}

export function sliceVjp(op: OpOf<"slice">, x: Node, g: Node): Node {
  const after = x.shape.map((size, i) => size - op.begin[i] - g.shape[i]);
  return pad(g, op.begin, after);
}

export function padVjp(op: OpOf<"pad">, x: Node, g: Node): Node {
  return slice(g, op.before, x.shape);
}

export function concatVjp(op: OpOf<"concat">, parts: readonly Node[], g: Node): Node[] {
  let start = 0;
  return parts.map((part) => {
    const begin = part.shape.map((_, i) => (i === op.axis ? start : 0));
    start += part.shape[op.axis];
    return slice(g, begin, part.shape);
  });
}

function readStrided(x: Float64Array, shape: Shape, strides: readonly number[], start: number): Float64Array {
  const out = new Float64Array(numel(shape));
  forEachOffset(shape, strides, start, (offset, position) => {
    out[position] = x[offset];
  });
  return out;
}

export function permuteReference(op: OpOf<"permute">, y: Node, x: Float64Array): Float64Array {
  const strides = contiguousStrides(y.inputs[0].shape);
  return readStrided(
    x,
    y.shape,
    op.axes.map((axis) => strides[axis]),
    0,
  );
}

export function expandReference(y: Node, x: Float64Array): Float64Array {
  const from = y.inputs[0].shape;
  const strides = contiguousStrides(from).map((stride, i) => (from[i] === 1 ? 0 : stride));
  return readStrided(x, y.shape, strides, 0);
}

export function sliceReference(op: OpOf<"slice">, y: Node, x: Float64Array): Float64Array {
  const strides = contiguousStrides(y.inputs[0].shape);
  const start = op.begin.reduce((offset, index, i) => offset + index * strides[i], 0);
  return readStrided(x, y.shape, strides, start);
}

function writeBox(
  out: Float64Array,
  outShape: Shape,
  begin: readonly number[],
  x: Float64Array,
  shape: Shape,
): void {
  const strides = contiguousStrides(outShape);
  const start = begin.reduce((offset, index, i) => offset + index * strides[i], 0);
  forEachOffset(shape, strides, start, (offset, position) => {
    out[offset] = x[position];
  });
}

export function padReference(op: OpOf<"pad">, y: Node, x: Float64Array): Float64Array {
  const out = new Float64Array(numel(y.shape));
  writeBox(out, y.shape, op.before, x, y.inputs[0].shape);
  return out;
}

export function concatReference(op: OpOf<"concat">, y: Node, parts: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(numel(y.shape));
  let start = 0;
  for (const [i, part] of parts.entries()) {
    const shape = y.inputs[i].shape;
    writeBox(
      out,
      y.shape,
      shape.map((_, axis) => (axis === op.axis ? start : 0)),
      part,
      shape,
    );
    start += shape[op.axis];
  }
  return out;
}
