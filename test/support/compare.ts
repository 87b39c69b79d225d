// Distances between arrays of numbers.

type Numbers = ArrayLike<number>;

/** ‖a‖, the root of the sum of squares. */
export function norm(a: Numbers): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] ** 2;
  return Math.sqrt(total);
}

/** ‖a−b‖. @throws when the lengths differ */
export function distance(a: Numbers, b: Numbers): number {
  if (a.length !== b.length) throw new Error(`lengths ${a.length} and ${b.length} differ`);
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] - b[i]) ** 2;
  return Math.sqrt(total);
}

/** ‖a−b‖/‖b‖. */
export const relativeError = (a: Numbers, b: Numbers): number => distance(a, b) / norm(b);

/** The largest |aᵢ−bᵢ|. */
export function maxDifference(a: Numbers, b: Numbers): number {
  if (a.length !== b.length) throw new Error(`lengths ${a.length} and ${b.length} differ`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}
