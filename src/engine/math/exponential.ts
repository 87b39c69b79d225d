// The exponential function, and what follows from it.

import { powerOfTwo } from "./bits.ts";
import { decided, pair, parts, productTail, quotient, rest, sumTail } from "./double_double.ts";
import { exponential, fixed, logTwo, shifted } from "./fixed_point.ts";
import { nearest } from "./rounding.ts";

const BITS = 180;
/** Steps of the table from 1 to 2. */
const STEPS = 256;
/** The fast path's relative error is less. */
const ERROR = 1.5e-21; // 2^-69.2

/** log 2 / STEPS: its products with the steps up to e^+-710 are exact but for the last. */
const [STEP_1, STEP_2, STEP_3] = parts(logTwo(BITS), BITS + 8, [33, 33]);
const STEPS_PER_UNIT = 1 / STEP_1;
const ROUNDER = 1.5 * 2 ** 52;

/** 2^(i / STEPS), each as two doubles. */
const POWERS = powersOfTwo();

function powersOfTwo(): Float64Array {
  const step = exponential(logTwo(BITS) >> 8n, BITS).value;
  const table = new Float64Array(2 * STEPS);
  let power = shifted(1n, BITS);
  for (let i = 0; i < STEPS; i++) {
    table.set(pair(power, BITS), 2 * i);
    power = (power * step) >> BigInt(BITS);
  }
  return table;
}

/** The exponent of the last result of `reducedExp`. */
export const scale = new Int32Array(1);

/**
 * e^(x + tail) = (result + rest) 2^scale with 1 <= result <= 2, for |x| < 710 and a tail that is small beside it, to
 * 2^-70.
 */
export function reducedExp(x: number, tail: number): number {
  const n = x * STEPS_PER_UNIT + ROUNDER - ROUNDER;
  const i = n & (STEPS - 1);
  scale[0] = (n - i) / STEPS;
  const near = x - n * STEP_1;
  const second = -n * STEP_2;
  const r = near + second;
  const rTail = sumTail(near, second, r) - n * STEP_3 + tail;
  // e^r - 1 = r + below, |r| < 0.0014
  const curved = r * r * (0.5 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720)))));
  const below = rTail + (rTail * r + curved);
  const high = POWERS[2 * i];
  const low = POWERS[2 * i + 1];
  const p = high * r;
  const s = high + p;
  const t = p - (s - high) + (productTail(high, r, p) + (high * below + (low + low * r)));
  const result = s + t;
  rest[0] = t - (result - s);
  return result;
}

/** e^x. */
export function exp(x: number): number {
  if (Math.abs(x) < 708) {
    const y = decided(reducedExp(x, 0), ERROR);
    return Number.isNaN(y) ? exactExp(x) : y * powerOfTwo(scale[0]);
  }
  if (Number.isNaN(x)) return x;
  return x > 710 ? Number.POSITIVE_INFINITY : x < -746 ? 0 : exactExp(x);
}

function exactExp(x: number): number {
  if (Math.abs(x) < 2 ** -55) return 1;
  return nearest((bits) => {
    const { value, exponent } = exponential(fixed(x, bits), bits);
    return { value, scale: bits - exponent };
  });
}

/** e^x - 1, also where this is small. */
export function expm1(x: number): number {
  if (!(Math.abs(x) >= 2 ** -55)) return x;
  if (x > 710) return Number.POSITIVE_INFINITY;
  if (x < -40) return -1;
  if (x < 708) {
    const high = lessOne(x);
    const y = decided(high, ERROR * (1 + Math.abs(high)));
    if (!Number.isNaN(y)) return y;
  }
  return nearest((bits) => {
    const { value, exponent } = exponential(fixed(x, bits), bits);
    // e^x may be large: it has `bits` bits in all.
    return { value: value - shifted(1n, bits - exponent), scale: bits - exponent };
  });
}

/** e^x - 1 = result + rest, off by ERROR (1 + |e^x - 1|), for |x| < 708. */
function lessOne(x: number): number {
  const unit = reducedExp(x, 0);
  const size = powerOfTwo(scale[0]);
  const high = unit * size;
  const s = high - 1;
  const tail = sumTail(high, -1, s) + rest[0] * size;
  const result = s + tail;
  rest[0] = tail - (result - s);
  return result;
}

/** The hyperbolic tangent, (e^2x - 1) / (e^2x + 1). */
export function tanh(x: number): number {
  const size = Math.abs(x);
  if (!(size >= 2 ** -28)) return x;
  if (size > 20) return Math.sign(x);
  const part = lessOne(2 * size);
  const tail = rest[0];
  const whole = part + 2;
  const high = quotient(part, tail, whole, sumTail(part, 2, whole) + tail);
  const y = decided(high, 3 * ERROR);
  if (!Number.isNaN(y)) return Math.sign(x) * y;
  return (
    Math.sign(x) *
    nearest((bits) => {
      const { value, exponent } = exponential(fixed(2 * size, bits), bits);
      const [square, one] = [shifted(value, exponent), shifted(1n, bits)];
      return { value: shifted(square - one, bits) / (square + one), scale: bits };
    })
  );
}
