// Puts the axes of an array of four axes into another order.

import type { Values } from "./library.ts";

type Four = readonly [number, number, number, number];

/** @param axes where each axis of the result comes from, as in NumPy's transpose */
export function permute(data: Values, shape: readonly number[], axes: Four): Values {
  const strides = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, length) => product * length, 1),
  );
  const lengths = axes.map((axis) => shape[axis]);
  const steps = axes.map((axis) => strides[axis]);
  const result = new Float32Array(data.length);
  let at = 0;
  for (let a = 0; a < lengths[0]; a++)
    for (let b = 0; b < lengths[1]; b++)
      for (let c = 0; c < lengths[2]; c++) {
        const start = a * steps[0] + b * steps[1] + c * steps[2];
        for (let d = 0; d < lengths[3]; d++) result[at++] = data[start + d * steps[3]];
      }
  return result;
}
