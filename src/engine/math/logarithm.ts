// Logarithms.

import { highWord, mantissaOf, powerOfTwo } from "./bits.ts";
import { decided, pair, parts, product, productTail, rest, sumTail } from "./double_double.ts";
import { fixed, logarithm, logTwo, shifted, twiceAreaTangent } from "./fixed_point.ts";
import { nearest } from "./rounding.ts";

const BITS = 180;
/** The fast path's relative error is less. */
export const LOG_ERROR = 1.7e-21; // 2^-69
/** The first bits of a fraction tell its place in the table. */
const CELLS = 512;
/** Arguments are scaled to numbers from this one, about sqrt(1/2), to its double; a cell begins here. */
const LEAST_CELL = 212;
const LEAST_WORD = 0x3fe00000 + (LEAST_CELL << 11);

/** The first has few enough bits that products with exponents are exact. */
const [LOG_TWO, LOG_TWO_TAIL] = parts(logTwo(BITS), BITS, [40]);
const [PER_LOG_TWO, PER_LOG_TWO_TAIL] = pair(shifted(1n, 2 * BITS) / logTwo(BITS), BITS);
const [PER_LOG_TEN, PER_LOG_TEN_TAIL] = pair(shifted(1n, 2 * BITS) / logarithm(10n, 0, BITS), BITS);

/** For each cell, the i for which its numbers times i / 256 are about 1. */
const PLACES = Uint16Array.from({ length: CELLS }, (_, cell) => {
  const middle = (1 + (cell + 0.5) / CELLS) / (cell < LEAST_CELL ? 1 : 2);
  return Math.round(256 / middle);
});

/** -log(i / 256), each as two doubles, for i from FIRST to LAST, which are 256 / sqrt 2 and 256 sqrt 2. */
const [FIRST, LAST] = [181, 363];
const LOGS = logs();

function logs(): Float64Array {
  const table = new Float64Array(2 * (LAST - FIRST + 1));
  let value = logarithm(shifted(1n, 8), 0, BITS) - logarithm(BigInt(FIRST), 0, BITS);
  for (let i = FIRST; i <= LAST; i++) {
    table.set(i === 256 ? [0, 0] : pair(value, BITS), 2 * (i - FIRST));
    // log((i + 1) / i)
    value -= twiceAreaTangent(2n * BigInt(i) + 1n, BITS);
  }
  return table;
}

/**
 * log(x + tail) = result + rest, for a normal x > 0 and a tail that is small beside it, except for x = 1; off by less
 * than LOG_ERROR times the result.
 */
export function pairLog(x: number, tail: number): number {
  const word = highWord(x);
  const k = (word - LEAST_WORD) >> 20;
  const size = powerOfTwo(-k);
  const m = x * size;
  const i = PLACES[(word >> 11) & (CELLS - 1)];
  const c = i / 256;
  // z = m c - 1, |z| < 1/260, exactly: c has few bits.
  const wide = 134217729 * m;
  const mHigh = wide - (wide - m);
  const a = mHigh * c - 1;
  const b = (m - mHigh) * c;
  const ab = a + b;
  const abTail = sumTail(a, b, ab) + (tail === 0 ? 0 : tail * size * c);
  const z = ab + abTail;
  const zTail = sumTail(ab, abTail, z);
  // log(1 + z) = z - z^2 / 2 + z^3 / 3 ...
  const square = z * z;
  const squareTail = productTail(z, z, square);
  const curved =
    z *
    square *
    (1 / 3 + z * (-1 / 4 + z * (1 / 5 + z * (-1 / 6 + z * (1 / 7 + z * (-1 / 8 + z * (1 / 9)))))));
  const flat = z - 0.5 * square;
  const flatTail = z - flat - 0.5 * square;
  const at = 2 * (i - FIRST);
  const far = k * LOG_TWO;
  const near = far + LOGS[at];
  const nearTail = LOGS[at] - (near - far);
  const all = near + flat;
  const allTail = flat - (all - near);
  const low =
    allTail +
    (nearTail +
      (flatTail + (curved + (zTail - (0.5 * squareTail + z * zTail) + (LOGS[at + 1] + k * LOG_TWO_TAIL)))));
  const result = all + low;
  rest[0] = low - (result - all);
  return result;
}

const LEAST_NORMAL = 2 ** -1022;

/** The natural logarithm. */
export function log(x: number): number {
  if (x >= LEAST_NORMAL && x < Number.POSITIVE_INFINITY) {
    if (x === 1) return 0;
    const high = pairLog(x, 0);
    const y = decided(high, LOG_ERROR * Math.abs(high));
    if (!Number.isNaN(y)) return y;
  } else if (!(x > 0 && x < 1)) return x > 0 ? x : x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  const { mantissa, exponent } = mantissaOf(x);
  return nearest((bits) => ({ value: logarithm(mantissa, -exponent, bits), scale: bits }));
}

/** log(1 + x), also where this is small. */
export function log1p(x: number): number {
  if (!(Math.abs(x) >= 2 ** -54)) return x;
  if (!(x > -1)) return x === -1 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  const one = 1 + x;
  const high = pairLog(one, sumTail(1, x, one));
  const y = decided(high, LOG_ERROR * Math.abs(high));
  if (!Number.isNaN(y)) return y;
  return nearest((bits) => {
    // 54 bits more than 1 has: 1 + x is exact.
    const scale = 1200;
    return { value: logarithm(shifted(1n, scale) + fixed(x, scale), scale, bits), scale: bits };
  });
}

/** The logarithm to base 2. */
export const log2 = (x: number): number => logarithmTo(2n, PER_LOG_TWO, PER_LOG_TWO_TAIL, x);

/** The logarithm to base 10. */
export const log10 = (x: number): number => logarithmTo(10n, PER_LOG_TEN, PER_LOG_TEN_TAIL, x);

function logarithmTo(base: bigint, factor: number, factorTail: number, x: number): number {
  if (x === 1 || !(x > 0) || x === Number.POSITIVE_INFINITY) return log(x);
  if (x >= LEAST_NORMAL) {
    const natural = pairLog(x, 0);
    const high = product(natural, rest[0], factor, factorTail);
    const y = decided(high, 1.5 * LOG_ERROR * Math.abs(high));
    if (!Number.isNaN(y)) return y;
  }
  const { mantissa, exponent } = mantissaOf(x);
  return nearest((bits) => {
    const value = logarithm(mantissa, -exponent, bits + 8);
    return { value: shifted(value, bits) / logarithm(base, 0, bits + 8), scale: bits };
  });
}
