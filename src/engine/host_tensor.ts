// A plain array with a shape, for values that live outside compiled programs.
//
// Images and everything shaped like them are [N, H, W, C]: axis 0 is the batch, the last axis the channels.

import { numel, type Shape, ShapeError, showShape } from "./shape.ts";

export { numel } from "./shape.ts";

/** float32 values in row-major order with their shape; `data.length` is the product of `shape`. */
export interface HostTensor {
  /** The values, the last axis running fastest. */
  readonly data: Float32Array;
  /** Length of each axis; their product is the number of values. */
  readonly shape: Shape;
}

/**
 * A host tensor over `data` (not copied).
 * @throws ShapeError when `shape` has anything but whole numbers >= 0, or does not fit `data`.
 */
export function hostTensor(data: Float32Array, shape: Shape): HostTensor {
  if (!shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new ShapeError(`shape ${showShape(shape)}: expected whole numbers >= 0`);
  }
  if (numel(shape) !== data.length) {
    throw new ShapeError(
      `shape ${showShape(shape)} holds ${numel(shape)} values, but there are ${data.length}`,
    );
  }
  return { data, shape };
}
