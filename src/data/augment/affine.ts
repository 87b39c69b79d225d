// Affine maps of the plane, in pixels from the image's centre: x to the right, y down.

import * as exact from "../../engine/math/index.ts";

/** [a, b, x0, c, d, y0]: (x, y) -> (a x + b y + x0, c x + d y + y0). */
export type Affine = readonly [a: number, b: number, x0: number, c: number, d: number, y0: number];

export const IDENTITY: Affine = [1, 0, 0, 0, 1, 0];

export const scaling = (x: number, y: number): Affine => [x, 0, 0, 0, y, 0];

export const translation = (x: number, y: number): Affine => [1, 0, x, 0, 1, y];

/** A clockwise rotation by `angle` radians. */
export function rotation(angle: number): Affine {
  const [cos, sin] = [exact.cos(angle), exact.sin(angle)].map(exactZero);
  return [cos, -sin, 0, sin, cos, 0];
}

/** Makes quarter turns exact: in float64, cos(π/2) is not 0. */
const exactZero = (value: number): number => (Math.abs(value) < 1e-15 ? 0 : value);

/** The product of several maps; the last is applied first, as with matrices. */
export const product = (...maps: readonly Affine[]): Affine => maps.reduce(times, IDENTITY);

function times([a, b, x0, c, d, y0]: Affine, [e, f, x1, g, h, y1]: Affine): Affine {
  return [
    a * e + b * g,
    a * f + b * h,
    a * x1 + b * y1 + x0,
    c * e + d * g,
    c * f + d * h,
    c * x1 + d * y1 + y0,
  ];
}

/** The largest factor by which the map lengthens: the larger singular value of its linear part. */
export function stretch([a, b, , c, d]: Affine): number {
  return (exact.hypot(a + d, c - b) + exact.hypot(a - d, c + b)) / 2;
}

export const sameMap = (left: Affine, right: Affine): boolean => left.every((value, i) => value === right[i]);
