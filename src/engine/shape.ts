// Shapes and index arithmetic for the whole engine.

/** Sizes of each axis, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements of a shape. */
export function numel(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Row-major strides in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Shapes, types or axes that do not fit, found while a graph is built. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

/** NumPy's broadcasting rule. @throws ShapeError when two sizes differ and neither is 1. */
export function broadcastShapes(what: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const sizeA = a[i - rank + a.length] ?? 1;
    const sizeB = b[i - rank + b.length] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) {
      throw new ShapeError(`${what}: shapes ${showShape(a)} and ${showShape(b)} do not broadcast`);
    }
    return sizeA === 1 ? sizeB : sizeA;
  });
}

/** Resolves negative axes (-1 is the last). @throws ShapeError outside the rank. */
export function normalizeAxis(what: string, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(resolved) || resolved < 0 || resolved >= rank) {
    throw new ShapeError(`${what}: axis ${axis} is outside a tensor of rank ${rank}`);
  }
  return resolved;
}

/** Calls `visit` with the flat offset under `strides` for every index of `shape` in row-major order. */
export function forEachOffset(
  shape: Shape,
  strides: readonly number[],
  start: number,
  visit: (offset: number, position: number) => void,
): void {
  const total = numel(shape);
  const index = new Array<number>(shape.length).fill(0);
  let offset = start;
  for (let position = 0; position < total; position++) {
    visit(offset, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}
