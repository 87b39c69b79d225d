// The operands of an operation: shapes, and values that look random and are the same each time.

import type { Values } from "./library.ts";
import type { Operation } from "./plan.ts";

type Convolution = Extract<Operation, { readonly kind: "convolution" }>;

/** Shapes of a convolution's image [N, H, W, Ci], filters [3, 3, Ci, Co] and result [N, H, W, Co]. */
export function convolutionShapes({ image, co }: Convolution) {
  const [n, h, w, ci] = image;
  return {
    image: [n, h, w, ci],
    filters: [3, 3, ci, co],
    result: [n, h, w, co],
  } satisfies Record<string, [number, number, number, number]>;
}

/** Two matrices; or image, filters and, for the gradients, the gradient of the result. */
export function operandsOf(operation: Operation): Values[] {
  if (operation.kind === "product") {
    const { size } = operation;
    return [values(size * size, 1), values(size * size, 2)];
  }
  const { image, filters, result } = convolutionShapes(operation);
  const shapes = operation.gradients ? [image, filters, result] : [image, filters];
  return shapes.map((shape, i) =>
    values(
      shape.reduce((product, length) => product * length, 1),
      i + 1,
    ),
  );
}

/** From -0.5 to 0.5: bits of the index, mixed. */
function values(count: number, seed: number): Values {
  const result = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let bits = Math.imul(i + seed * 0x3c6ef35f, 0x9e3779b1);
    bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    result[i] = ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32 - 0.5;
  }
  return result;
}
