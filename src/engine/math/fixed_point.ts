// Elementary functions to as many bits as wanted, in integers: slow, and right beyond doubt. They decide what the fast
// paths leave undecided, and fill the tables of these. A value v with `bits` bits stands for v 2^-bits; results are off
// by less than SLACK units.

import { mantissaOf } from "./bits.ts";

export const SLACK = 64n;

/** More bits inside than are asked for. */
const GUARD = 48;

/** v 2^n, rounded down. */
export const shifted = (v: bigint, n: number): bigint => (n >= 0 ? v << BigInt(n) : v >> BigInt(-n));

/** x with `bits` bits. */
export function fixed(x: number, bits: number): bigint {
  const { mantissa, exponent } = mantissaOf(x);
  const size = shifted(mantissa, exponent + bits);
  return x < 0 ? -size : size;
}

/** How many bits v > 0 takes. */
export function bitLength(v: bigint): number {
  const hex = v.toString(16);
  return 4 * hex.length + 28 - Math.clz32(Number.parseInt(hex[0], 16));
}

/** How often `unit` goes into v, rounded to nearest. */
function timesIn(v: bigint, unit: bigint): bigint {
  const [a, b] = [2n * v + unit, 2n * unit];
  return a >= 0n ? a / b : -((b - 1n - a) / b);
}

/** 1/n + 1/(3 n^3) + 1/(5 n^5) + ..., the area tangent of 1/n; with alternating signs, its arc tangent. */
function inverseSeries(n: bigint, bits: number, sign: 1n | -1n): bigint {
  let sum = 0n;
  let power = shifted(1n, bits) / n;
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += power / k;
    power = (sign * power) / (n * n);
  }
  return sum;
}

/** log((1 + 1/n) / (1 - 1/n)). */
export const twiceAreaTangent = (n: bigint, bits: number): bigint => 2n * inverseSeries(n, bits, 1n);

/** A constant, kept for each number of bits; few are ever wanted. */
function remembered(compute: (bits: number) => bigint): (bits: number) => bigint {
  const known = new Map<number, bigint>();
  return (bits) => {
    const value = known.get(bits) ?? compute(bits + GUARD) >> BigInt(GUARD);
    known.set(bits, value);
    return value;
  };
}

export const logTwo = remembered((bits) => twiceAreaTangent(3n, bits));
/** Machin 1706. */
export const pi = remembered(
  (bits) => 16n * inverseSeries(5n, bits, -1n) - 4n * inverseSeries(239n, bits, -1n),
);

/** e^t = value 2^exponent, with `value` about 1. */
export function exponential(t: bigint, bits: number): { readonly value: bigint; readonly exponent: number } {
  const inside = bits + GUARD;
  const wide = t << BigInt(GUARD);
  const unit = logTwo(inside);
  const exponent = timesIn(wide, unit);
  const halvings = 8n;
  const x = (wide - exponent * unit) >> halvings;
  const one = shifted(1n, inside);
  let [sum, term] = [one, one];
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    term = ((term * x) >> BigInt(inside)) / n;
    sum += term;
  }
  for (let i = 0n; i < halvings; i++) sum = (sum * sum) >> BigInt(inside);
  return { value: sum >> BigInt(GUARD), exponent: Number(exponent) };
}

/** The logarithm of v 2^-scale, with `bits` bits. */
export function logarithm(v: bigint, scale: number, bits: number): bigint {
  const inside = bits + GUARD;
  const length = bitLength(v);
  // The value is m 2^k with 2/3 < m < 4/3.
  let k = length - scale;
  let m = shifted(v, inside - length);
  const one = shifted(1n, inside);
  if (3n * m < 2n * one) {
    k--;
    m *= 2n;
  }
  const s = shifted(m - one, inside) / (m + one);
  const square = (s * s) >> BigInt(inside);
  let sum = 0n;
  let power = s;
  for (let n = 1n; power !== 0n && power !== -1n; n += 2n) {
    sum += power / n;
    power = (power * square) >> BigInt(inside);
  }
  return (2n * sum + BigInt(k) * logTwo(inside)) >> BigInt(GUARD);
}

/** Sine and cosine of mantissa 2^exponent. */
export function sineAndCosine(
  mantissa: bigint,
  exponent: number,
  bits: number,
): [sine: bigint, cosine: bigint] {
  const inside = bits + GUARD;
  // A multiple of pi / 2 as large as the argument is subtracted, so pi has its bits before the point, too.
  const wide = inside + Math.max(0, exponent + 60);
  const quarter = pi(wide) >> 1n;
  const x = shifted(mantissa, exponent + wide);
  const turns = timesIn(x, quarter);
  const r = (x - turns * quarter) >> BigInt(wide - inside);
  const one = shifted(1n, inside);
  const square = (r * r) >> BigInt(inside);
  const series = (first: bigint, from: bigint): bigint => {
    let [sum, term] = [first, first];
    for (let n = from; term !== 0n && term !== -1n; n += 2n) {
      term = -((term * square) >> BigInt(inside)) / (n * (n + 1n));
      sum += term;
    }
    return sum >> BigInt(GUARD);
  };
  const [s, c] = [series(r, 2n), series(one, 1n)];
  const quadrant = Number(turns & 3n);
  return quadrant === 0 ? [s, c] : quadrant === 1 ? [c, -s] : quadrant === 2 ? [-s, -c] : [-c, s];
}

/** The arc tangent of y / x, for 0 <= y <= x, by Euler's series. */
export function arcTangent(y: bigint, x: bigint, bits: number): bigint {
  const inside = bits + GUARD;
  const squares = y * y + x * x;
  const ratio = shifted(y * y, inside) / squares;
  let term = shifted(x * y, inside) / squares;
  let sum = 0n;
  for (let n = 2n; term !== 0n; n += 2n) {
    sum += term;
    term = (((term * ratio) >> BigInt(inside)) * n) / (n + 1n);
  }
  return sum >> BigInt(GUARD);
}

/** The largest integer whose `degree`-th power is at most v. */
export function integerRoot(v: bigint, degree: 2n | 3n): bigint {
  let root = shifted(1n, Math.ceil(bitLength(v) / Number(degree)) + 1);
  for (;;) {
    const next = ((degree - 1n) * root + v / (degree === 2n ? root : root * root)) / degree;
    if (next >= root) return root;
    root = next;
  }
}
