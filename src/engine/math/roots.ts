// Cube roots and hypotenuses.

import { highWord, mantissaOf, powerOfTwo } from "./bits.ts";
import { decided, productTail, rest } from "./double_double.ts";
import { integerRoot, shifted } from "./fixed_point.ts";
import { nearest } from "./rounding.ts";

/** The fast paths' relative error is less. */
const ERROR = 2 ** -96;

/** The cube root. */
export function cbrt(x: number): number {
  const size = Math.abs(x);
  if (!(size >= 2 ** -1022 && size < Number.POSITIVE_INFINITY))
    return size > 0 && size < 1 ? exactCbrt(x) : x;
  // size = m 8^k with 1 <= m < 8
  const k = Math.floor(((highWord(size) >> 20) - 1023) / 3);
  const m = size * powerOfTwo(-3 * k);
  // Halley's rule: the first guess is 9 % off, the third result less than a unit of the last place.
  let root = 0.91 + 0.157 * m;
  for (let i = 0; i < 3; i++) {
    const cube = root * root * root;
    root *= (cube + 2 * m) / (2 * cube + m);
  }
  const square = root * root;
  const cube = square * root;
  const off = m - cube - productTail(square, root, cube) - productTail(root, root, square) * root;
  const tail = off / (3 * square);
  const high = root + tail;
  rest[0] = tail - (high - root);
  const y = decided(high, 8 * ERROR);
  return Number.isNaN(y) ? exactCbrt(x) : Math.sign(x) * y * powerOfTwo(k);
}

function exactCbrt(x: number): number {
  const { mantissa, exponent } = mantissaOf(x);
  return (
    Math.sign(x) *
    nearest((bits) => {
      const scale = bits + 400;
      return { value: integerRoot(shifted(mantissa, 3 * scale + exponent), 3n), scale };
    })
  );
}

/** The length of (x, y). */
export function hypot(x: number, y: number): number {
  const a = Math.abs(x);
  const b = Math.abs(y);
  const small = a < b ? a : b;
  const large = a < b ? b : a;
  if (small > 2 ** -400 && large < 2 ** 400) {
    const s = small * small;
    const l = large * large;
    const squares = l + s;
    const tail = s - (squares - l) + productTail(large, large, l) + productTail(small, small, s);
    const root = Math.sqrt(squares);
    const p = root * root;
    const correction = (squares - p - productTail(root, root, p) + tail) / (2 * root);
    const high = root + correction;
    rest[0] = correction - (high - root);
    const length = decided(high, ERROR * high);
    if (!Number.isNaN(length)) return length;
  }
  if (a === Number.POSITIVE_INFINITY || b === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  if (!(a + b > large)) return a + b;
  return exactHypot(a, b);
}

function exactHypot(x: number, y: number): number {
  const [a, b] = [mantissaOf(x), mantissaOf(y)];
  const least = Math.min(a.exponent, b.exponent);
  const [m, n] = [shifted(a.mantissa, a.exponent - least), shifted(b.mantissa, b.exponent - least)];
  return nearest((bits) => ({
    value: integerRoot(shifted(m * m + n * n, 2 * bits), 2n),
    scale: bits - least,
  }));
}
