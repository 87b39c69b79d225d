// From integers of many bits to the nearest double.

import { powerOfTwo } from "./bits.ts";
import { bitLength, SLACK, shifted } from "./fixed_point.ts";

/** value 2^-scale, off by less than SLACK units. */
export interface Approximation {
  readonly value: bigint;
  readonly scale: number;
}

const FIRST_BITS = 160;
const MOST_BITS = 640;

/**
 * The double nearest to a number that can be approximated at will: more bits until they decide.
 * @param approximate gives at least about `bits` bits behind the point, or in all
 */
export function nearest(approximate: (bits: number) => Approximation): number {
  for (let bits = FIRST_BITS; ; bits *= 2) {
    const { value, scale } = approximate(bits);
    const high = toDouble(value + SLACK, scale);
    if (high === toDouble(value - SLACK, scale)) return high;
    // A number that is so close to the middle of two doubles is the middle: 134217729 ** 2 is.
    if (bits >= MOST_BITS) return toDouble((value + (1n << 106n)) >> 107n, scale - 107);
  }
}

/** The double nearest to value 2^-scale; of two, the even one. */
export function toDouble(value: bigint, scale: number): number {
  if (value < 0n) return -toDouble(-value, scale);
  // The unit in the last place is 2^place; a subnormal number has fewer bits.
  const place = Math.max(bitLength(value) - scale - 53, -1074);
  if (place > 971) return Number.POSITIVE_INFINITY;
  const dropped = place + scale;
  let kept = shifted(value, -dropped);
  if (dropped > 0) {
    const [rest, half] = [value - shifted(kept, dropped), shifted(1n, dropped - 1)];
    if (rest > half || (rest === half && (kept & 1n) === 1n)) kept++;
  }
  return Number(kept) * powerOfTwo(place);
}
