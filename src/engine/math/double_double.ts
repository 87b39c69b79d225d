// Numbers as unevaluated sums of two doubles (Dekker 1971): about 106 bits. Functions give the leading double back and
// leave the other one in `rest`, so that nothing is allocated.

import { powerOfTwo } from "./bits.ts";
import { shifted } from "./fixed_point.ts";
import { toDouble } from "./rounding.ts";

/** The second result of a function. */
export const rest = new Float64Array(1);

/** a + b = s + sumTail(a, b, s), exactly, for s = a + b (Knuth). */
export function sumTail(a: number, b: number, s: number): number {
  const bb = s - a;
  return a - (s - bb) + (b - bb);
}

/** a b = p + productTail(a, b, p), exactly, for p = a b: halves of 26 bits have exact products (Veltkamp, Dekker). */
export function productTail(a: number, b: number, p: number): number {
  const at = 134217729 * a;
  const ah = at - (at - a);
  const al = a - ah;
  const bt = 134217729 * b;
  const bh = bt - (bt - b);
  const bl = b - bh;
  return ah * bh - p + ah * bl + al * bh + al * bl;
}

/** (ah + al) / (bh + bl), to about 2^-100. */
export function quotient(ah: number, al: number, bh: number, bl: number): number {
  const inverse = 1 / bh;
  const q = ah * inverse;
  const p = q * bh;
  const tail = (ah - p - productTail(q, bh, p) + (al - q * bl)) * inverse;
  const high = q + tail;
  rest[0] = tail - (high - q);
  return high;
}

/** (ah + al) (bh + bl), to about 2^-100. */
export function product(ah: number, al: number, bh: number, bl: number): number {
  const p = ah * bh;
  const tail = productTail(ah, bh, p) + (ah * bl + al * bh);
  const high = p + tail;
  rest[0] = tail - (high - p);
  return high;
}

/**
 * value 2^-bits as a sum of doubles: of `widths[0]` bits, `widths[1]` bits and so on, and one of all that is left. A
 * double of few bits has exact products with small integers.
 */
export function parts(value: bigint, bits: number, widths: readonly number[]): number[] {
  const found: number[] = [];
  let left = value;
  for (const width of widths) {
    const size = left < 0n ? -left : left;
    const cut = size.toString(2).length - width;
    const part = shifted(left >> BigInt(cut), cut);
    found.push(toDouble(part, bits));
    left -= part;
  }
  found.push(toDouble(left, bits));
  return found;
}

/** value 2^-bits as two doubles, for up to 1000 bits; converting an integer rounds to the nearest. */
export function pair(value: bigint, bits: number): [high: number, low: number] {
  const high = Number(value);
  const unit = powerOfTwo(-bits);
  return [high * unit, Number(value - BigInt(high)) * unit];
}

/** high + rest, which is less than `error` off: the nearest double, or NaN if that leaves it undecided. */
export function decided(high: number, error: number): number {
  const low = high + (rest[0] - error);
  return low === high + (rest[0] + error) ? low : Number.NaN;
}
