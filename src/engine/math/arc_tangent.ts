// Arc tangents.

import { mantissaOf } from "./bits.ts";
import { decided, pair, productTail, quotient, rest, sum, sumTail } from "./double_double.ts";
import { arcTangent, pi, shifted } from "./fixed_point.ts";
import { nearest } from "./rounding.ts";

const BITS = 180;
/** The fast path's relative error is less. */
const ERROR = 1.7e-21; // 2^-69
const STEPS = 128;
const [PI, PI_TAIL] = pair(pi(BITS), BITS);

/** The arc tangent of i / STEPS, each as two doubles. */
const ARCS = arcs();

function arcs(): Float64Array {
  const table = new Float64Array(2 * (STEPS + 1));
  let value = 0n;
  const steps = BigInt(STEPS);
  for (let i = 0; i <= STEPS; i++) {
    if (i > 0) table.set(pair(value, BITS), 2 * i);
    // From one to the next, by the rule for differences.
    value += arcTangent(steps, steps * steps + BigInt(i) * BigInt(i + 1), BITS);
  }
  return table;
}

/** The angle of the point (x, y). */
export function atan2(y: number, x: number): number {
  const [sizeY, sizeX] = [Math.abs(y), Math.abs(x)];
  const [small, large] = sizeY < sizeX ? [sizeY, sizeX] : [sizeY, sizeX].reverse();
  if (!(large < 2 ** 480 && small > 2 ** -480)) return anywhere(y, x, small, large);
  // The arc tangent of small / large is that of i / STEPS and that of a small d.
  const i = Math.round((small / large) * STEPS);
  const t = i / STEPS;
  const [p, q] = [t * large, t * small];
  const above = small - p;
  const over = quotient(
    above,
    sumTail(small, -p, above) - productTail(t, large, p),
    large + q,
    sumTail(large, q, large + q) + productTail(t, small, q),
  );
  const square = over * over;
  const bent = over * square * (1 / 3 - square * (1 / 5 - square * (1 / 7)));
  let high = sum(ARCS[2 * i], ARCS[2 * i + 1], over, rest[0] - bent);
  if (sizeY > sizeX) high = sum(PI / 2, PI_TAIL / 2, -high, -rest[0]);
  if (x < 0) high = sum(PI, PI_TAIL, -high, -rest[0]);
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
  if (large === Number.POSITIVE_INFINITY && small === large) return sign * (isLeft ? 3 : 1) * (PI / 4);
  if (y === 0 || Math.abs(x) === Number.POSITIVE_INFINITY) return sign * (isLeft ? PI : 0);
  if (x === 0 || Math.abs(y) === Number.POSITIVE_INFINITY) return sign * (PI / 2);
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
