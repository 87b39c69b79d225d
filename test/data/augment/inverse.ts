// The inverse of an affine map.

import type { Affine } from "../../../src/data/augment/affine.ts";

/** The map back. */
export function inverse([a, b, x0, c, d, y0]: Affine): Affine {
  const determinant = a * d - b * c;
  const [e, f, g, h] = [d / determinant, -b / determinant, -c / determinant, a / determinant];
  return [e, f, -(e * x0 + f * y0), g, h, -(g * x0 + h * y0)];
}
