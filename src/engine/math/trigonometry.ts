// Sine, cosine and tangent.

import { mantissaOf } from "./bits.ts";
import { decided, pair, parts, productTail, quotient, rest, sumTail } from "./double_double.ts";
import { pi, shifted, sineAndCosine } from "./fixed_point.ts";
import { nearest } from "./rounding.ts";

const BITS = 180;
/** Steps of the table in a full turn, and in a quarter. */
const STEPS = 1024;
const QUARTER = STEPS / 4;
/** The fast path's error is less, relative to the result or (for arguments near a zero) absolute. */
const ERROR = 4.5e-21; // 2^-67.6
const FLOOR = 2 ** -104;
/** The fast path's arguments are less. */
const LARGEST = 8192;

/** A turn / STEPS; the first two have exact products with the steps up to LARGEST. */
const [STEP_1, STEP_2, STEP_3] = parts(pi(BITS), BITS + 9, [32, 32]);
const STEPS_PER_UNIT = 1 / STEP_1;
const ROUNDER = 1.5 * 2 ** 52;

/** The sine of i / STEPS turns, each as two doubles, for a turn and a quarter: the cosine is a quarter further on. */
const SINES = sines();

function sines(): Float64Array {
  const [sine, cosine] = sineAndCosine(pi(BITS), -BITS - 9, BITS);
  const quarter: [number, number][] = [];
  let [s, c] = [0n, shifted(1n, BITS)];
  for (let i = 0; i <= QUARTER; i++) {
    quarter.push(i === 0 ? [0, 0] : i === QUARTER ? [1, 0] : pair(s, BITS));
    [s, c] = [(s * cosine + c * sine) >> BigInt(BITS), (c * cosine - s * sine) >> BigInt(BITS)];
  }
  const table = new Float64Array(2 * (STEPS + QUARTER + 1));
  for (let i = 0; i <= STEPS + QUARTER; i++) {
    const inHalf = i % (2 * QUARTER);
    const [high, low] = quarter[inHalf <= QUARTER ? inHalf : 2 * QUARTER - inHalf];
    const sign = i % STEPS < 2 * QUARTER ? 1 : -1;
    table.set([sign * high, sign * low], 2 * i);
  }
  return table;
}

/** The sine of x and `ahead` steps of a turn: result + rest, off by less than FLOOR and ERROR times the result. */
function pairSine(x: number, ahead: number): number {
  const n = x * STEPS_PER_UNIT + ROUNDER - ROUNDER;
  const near = x - n * STEP_1;
  const second = -n * STEP_2;
  const sum = near + second;
  const sumRest = sumTail(near, second, sum) - n * STEP_3;
  const r = sum + sumRest;
  const rTail = sumTail(sum, sumRest, r);
  // sin r = r + below and cos r = 1 - lost, |r| < 0.0031
  const square = r * r;
  const below = rTail - r * square * (1 / 6 - square * (1 / 120 - square * (1 / 5040)));
  const lost = r * rTail + square * (0.5 - square * (1 / 24 - square * (1 / 720)));
  const at = 2 * ((n + ahead) & (STEPS - 1));
  const s = SINES[at];
  const sLow = SINES[at + 1];
  const c = SINES[at + 2 * QUARTER];
  const cLow = SINES[at + 2 * QUARTER + 1];
  const p = c * r;
  const all = s + p;
  const low = p - (all - s) + (productTail(c, r, p) + (c * below - s * lost + (sLow + cLow * r)));
  const result = all + low;
  rest[0] = low - (result - all);
  return result;
}

/** The sine, for any argument. */
export function sin(x: number): number {
  const size = Math.abs(x);
  if (size < LARGEST) {
    if (size < 2 ** -27) return x;
    const high = pairSine(x, 0);
    const y = decided(high, FLOOR + ERROR * Math.abs(high));
    if (!Number.isNaN(y)) return y;
  } else if (!(size < Number.POSITIVE_INFINITY)) return Number.NaN;
  return Math.sign(x) * exact(size, ([sine], bits) => ({ value: sine, scale: bits }));
}

/** The cosine, for any argument. */
export function cos(x: number): number {
  const size = Math.abs(x);
  if (size < LARGEST) {
    if (size < 2 ** -27) return 1;
    const high = pairSine(x, QUARTER);
    const y = decided(high, FLOOR + ERROR * Math.abs(high));
    if (!Number.isNaN(y)) return y;
  } else if (!(size < Number.POSITIVE_INFINITY)) return Number.NaN;
  return exact(size, ([, cosine], bits) => ({ value: cosine, scale: bits }));
}

/** The tangent, for any argument. */
export function tan(x: number): number {
  const size = Math.abs(x);
  if (size < LARGEST) {
    if (size < 2 ** -27) return x;
    const cosine = pairSine(x, QUARTER);
    const cosineTail = rest[0];
    const sine = pairSine(x, 0);
    const least = Math.min(Math.abs(sine), Math.abs(cosine));
    const high = quotient(sine, rest[0], cosine, cosineTail);
    const y = decided(high, Math.abs(high) * (2.5 * ERROR + (2 * FLOOR) / least));
    if (!Number.isNaN(y)) return y;
  } else if (!(size < Number.POSITIVE_INFINITY)) return Number.NaN;
  return (
    Math.sign(x) *
    exact(size, ([sine, cosine], bits) => {
      // The quotient may be as large as 2^61: fewer bits of it are right.
      const scale = bits - 128;
      return { value: shifted(sine, scale) / cosine, scale };
    })
  );
}

function exact(
  size: number,
  use: (values: [sine: bigint, cosine: bigint], bits: number) => { value: bigint; scale: number },
): number {
  const { mantissa, exponent } = mantissaOf(size);
  return nearest((bits) => use(sineAndCosine(mantissa, exponent, bits), bits));
}
