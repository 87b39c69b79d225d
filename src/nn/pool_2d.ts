// Pooling over 3 x 3 windows of NHWC images, as the maximum or mean of shifted views.

import { constant, type Tensor } from "../engine/tensor.ts";

type Axis = 1 | 2;

/** Maximum of 3 x 3 windows with stride 2, no padding: [N, H, W, C] -> [N, (H-1)/2, (W-1)/2, C] (rounded down). */
export function maxPool3x3Stride2(x: Tensor): Tensor {
  return maxEverySecond(maxEverySecond(x, 1), 2);
}

/** Maximum of the 3 x 3 window around each pixel, for non-negative values: [N, H, W, C] -> the same. */
export function maxPool3x3(x: Tensor): Tensor {
  const [rows0, rows1, rows2] = shifted(padded(x), 1);
  const [columns0, columns1, columns2] = shifted(rows0.maximum(rows1).maximum(rows2), 2);
  return columns0.maximum(columns1).maximum(columns2);
}

/** Mean of the 3 x 3 window around each pixel, counting only pixels inside the image: [N, H, W, C] -> the same. */
export function averagePool3x3(x: Tensor): Tensor {
  const [, h, w] = x.shape;
  const [rows0, rows1, rows2] = shifted(padded(x), 1);
  const [columns0, columns1, columns2] = shifted(rows0.add(rows1).add(rows2), 2);
  const weights = Float32Array.from(
    { length: h * w },
    (_, i) => 1 / (within(Math.floor(i / w), h) * within(i % w, w)),
  );
  return columns0
    .add(columns1)
    .add(columns2)
    .mul(constant(weights, [1, h, w, 1]));
}

/** How many of i - 1, i, i + 1 are in 0 .. size - 1. */
const within = (i: number, size: number): number => 1 + Number(i > 0) + Number(i < size - 1);

/** A border of one 0 around each image. */
const padded = (x: Tensor): Tensor => x.pad([0, 1, 1, 0], [0, 1, 1, 0]);

/** The three views of a padded axis. */
function shifted(x: Tensor, axis: Axis): Tensor[] {
  const shape = x.shape.with(axis, x.shape[axis] - 2);
  return [0, 1, 2].map((start) => x.slice([0, 0, 0, 0].with(axis, start), shape));
}

/** max(x[2i], x[2i + 1], x[2i + 2]) along an axis. */
function maxEverySecond(x: Tensor, axis: Axis): Tensor {
  const size = Math.floor((x.shape[axis] - 1) / 2);
  /** x[start + 2i] */
  const everySecond = (start: number) => {
    const from = start === 2 ? 1 : 0;
    const pairs = x
      .slice([0, 0, 0, 0].with(axis, from), x.shape.with(axis, 2 * size))
      .reshape([...x.shape.slice(0, axis), size, 2, ...x.shape.slice(axis + 1)]);
    const one = pairs.slice([0, 0, 0, 0, 0].with(axis + 1, start - from), pairs.shape.with(axis + 1, 1));
    return one.reshape(x.shape.with(axis, size));
  };
  return everySecond(0).maximum(everySecond(1)).maximum(everySecond(2));
}
