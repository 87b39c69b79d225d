// Arc tangents.

import { mantissaOf } from "./bits.ts";
import { decided, pair, productTail, quotient, rest, sumTail } from "./double_double.ts";
import { arcTangent, pi, shifted } from "./fixed_point.ts";
import { nearest } from "./rounding.ts";

const BITS = 180;
/** The fast path's relative error is less. */
const ERROR = 4.5e-21; // 2^-67.6
const STEPS = 128;

/**
 * The angles a = arctan(i / STEPS), each as two doubles; then pi/2 - a, pi - a and pi/2 + a: where the point is further
 * up than to the right, to the left, and both.
 */
const ANGLES = angles();

function angles(): Float64Array {
  const table = new Float64Array(8 * (STEPS + 1));
  const [half, steps] = [pi(BITS) / 2n, BigInt(STEPS)];
  let value = 0n;
  for (let i = 0; i <= STEPS; i++) {
    for (const [place, angle] of [value, half - value, 2n * half - value, half + value].entries()) {
      if (angle > 0n) table.set(pair(angle, BITS), 2 * (place * (STEPS + 1) + i));
    }
    // From one to the next, by the rule for differences.
    value += arcTangent(steps, steps * steps + BigInt(i) * BigInt(i + 1), BITS);
  }
  return table;
}

/** The angle of the point (x, y). */
export function atan2(y: number, x: number): number {
  const sizeY = Math.abs(y);
  const sizeX = Math.abs(x);
  const small = sizeY < sizeX ? sizeY : sizeX;
  const large = sizeY < sizeX ? sizeX : sizeY;
  if (!(large < 2 ** 480 && small > 2 ** -480)) return anywhere(y, x, small, large);
  // The arc tangent of small / large is that of i / STEPS and that of a small d.
  const i = ((small / large) * STEPS + 0.5) | 0;
  const t = i / STEPS;
  const p = t * large;
  const q = t * small;
  const above = small - p;
  const below = large + q;
  const d = quotient(
    above,
    sumTail(small, -p, above) - productTail(t, large, p),
    below,
    q - (below - large) + productTail(t, small, q),
  );
  const square = d * d;
  const dTail = rest[0] - d * square * (1 / 3 - square * (1 / 5 - square * (1 / 7 - square * (1 / 9))));
  const place = (sizeY > sizeX ? 1 : 0) + (x < 0 ? 2 : 0);
  const at = 2 * (place * (STEPS + 1) + i);
  const sign = place === 1 || place === 2 ? -1 : 1;
  const angle = ANGLES[at] + sign * d;
  const tail = sign * d - (angle - ANGLES[at]) + (ANGLES[at + 1] + sign * dTail);
  const high = angle + tail;
  rest[0] = tail - (high - angle);
  const size = decided(high, ERROR * high);
  return Math.sign(y) * (Number.isNaN(size) ? exact(sizeY, sizeX, x < 0) : size);
}

/** The arc tangent. */
export const atan = (x: number): number => (Math.abs(x) < 2 ** -27 ? x : atan2(x, 1));

/** Zeros, infinities, and what is very large or small. */
function anywhere(y: number, x: number, small: number, large: number): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
  const isLeft = x < 0 || Object.is(x, -0);
  const sign = y < 0 || Object.is(y, -0) ? -1 : 1;
  if (large === Number.POSITIVE_INFINITY && small === large) return sign * (isLeft ? 3 : 1) * (Math.PI / 4);
  if (y === 0 || Math.abs(x) === Number.POSITIVE_INFINITY) return sign * (isLeft ? Math.PI : 0);
  if (x === 0 || Math.abs(y) === Number.POSITIVE_INFINITY) return sign * (Math.PI / 2);
  return sign * exact(Math.abs(y), Math.abs(x), isLeft);
}

function exact(sizeY: number, sizeX: number, isLeft: boolean): number {
  const [y, x] = [mantissaOf(sizeY), mantissaOf(sizeX)];
  const least = Math.min(y.exponent, x.exponent);
  const [tall, wide] = [shifted(y.mantissa, y.exponent - least), shifted(x.mantissa, x.exponent - least)];
  // Of a small angle, as many bits more as it begins with zeros.
  const zeros = isLeft ? 0 : Math.max(0, x.exponent - y.exponent + 60);
  return nearest((wanted) => {
    const bits = wanted + Math.min(zeros, 1200);
    const acute = tall < wide ? arcTangent(tall, wide, bits) : pi(bits) / 2n - arcTangent(wide, tall, bits);
    return { value: isLeft ? pi(bits) - acute : acute, scale: bits };
  });
}
