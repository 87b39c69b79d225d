// Powers: x^y for any two numbers.

import { mantissaOf, powerOfTwo } from "./bits.ts";
import { decided, productTail, rest } from "./double_double.ts";
import { reducedExp, scale } from "./exponential.ts";
import { exponential, fixed, logarithm, shifted } from "./fixed_point.ts";
import { LOG_ERROR, pairLog } from "./logarithm.ts";
import { nearest } from "./rounding.ts";

/** x^2. */
export const square = (x: number): number => x * x;

/** x^y, for the same special values as Math.pow. */
export function pow(x: number, y: number): number {
  if (y === 0) return 1;
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
  const size = Math.abs(x);
  const isOdd = Math.abs(y) < 2 ** 53 && y % 2 !== 0 && Number.isInteger(y);
  const isNegative = (x < 0 || Object.is(x, -0)) && isOdd;
  if (
    x < 0 &&
    size !== Number.POSITIVE_INFINITY &&
    Math.abs(y) !== Number.POSITIVE_INFINITY &&
    !Number.isInteger(y)
  )
    return Number.NaN;
  return isNegative ? -positivePow(size, y) : positivePow(size, y);
}

function positivePow(x: number, y: number): number {
  if (x === 1) return Math.abs(y) === Number.POSITIVE_INFINITY ? Number.NaN : 1;
  const isLarge = x > 1 === y > 0;
  if (x === 0 || x === Number.POSITIVE_INFINITY || Math.abs(y) === Number.POSITIVE_INFINITY) {
    return isLarge ? Number.POSITIVE_INFINITY : 0;
  }
  if (y === 1) return x;
  if (x >= 2 ** -1022 && Math.abs(y) < 2 ** 70) {
    const log = pairLog(x, 0);
    const p = y * log;
    const tail = productTail(y, log, p) + y * rest[0];
    const distance = Math.abs(p);
    if (distance < 2 ** -56) return 1;
    if (distance < 708) {
      const high = reducedExp(p, tail);
      const power = decided(high, 2 ** -69 + 1.2 * LOG_ERROR * distance);
      if (!Number.isNaN(power)) return power * powerOfTwo(scale[0]);
    } else if (distance > 760) return isLarge ? Number.POSITIVE_INFINITY : 0;
  }
  return exactPow(x, y, isLarge);
}

function exactPow(x: number, y: number, isLarge: boolean): number {
  const base = mantissaOf(x);
  const power = mantissaOf(y);
  const sign = y < 0 ? -1n : 1n;
  // A coarse look tells what is out of range.
  const coarse =
    sign * shifted(logarithm(base.mantissa, -base.exponent, 160) * power.mantissa, power.exponent - 100);
  const size = coarse < 0n ? -coarse : coarse;
  if (size > fixed(760, 60)) return isLarge ? Number.POSITIVE_INFINITY : 0;
  return nearest((bits) => {
    const more = Math.max(0, power.exponent + 64);
    const log = logarithm(base.mantissa, -base.exponent, bits + more);
    const product = shifted(sign * log * power.mantissa, power.exponent - more);
    const { value, exponent } = exponential(product, bits);
    return { value, scale: bits - exponent };
  });
}
