// Whether the libraries have the same results.

import type { Values } from "./library.ts";

/** Rounding explains no more than this, by far: sums of 65,536 products in any order. */
const TOLERANCE = 1e-4;

export interface Agreement {
  /** From the nearest other; null where there is no other. */
  readonly difference: number | null;
  /** Whether no other is near. */
  readonly wrong: boolean;
}

/** @param results of each library; undefined for one that has none */
export function agreements(results: readonly (readonly Values[] | undefined)[]): {
  readonly largest: number | null;
  readonly each: readonly Agreement[];
} {
  const pairs = results.map((one, i) =>
    results.flatMap((other, j) =>
      one === undefined || other === undefined || i === j ? [] : [difference(one, other)],
    ),
  );
  const all = pairs.flat();
  return {
    largest: all.length === 0 ? null : Math.max(...all),
    each: pairs.map((differences) => {
      const nearest = differences.length === 0 ? null : Math.min(...differences);
      return { difference: nearest, wrong: nearest !== null && nearest > TOLERANCE };
    }),
  };
}

/** The worst of several arrays. */
const difference = (one: readonly Values[], other: readonly Values[]): number =>
  one.length === other.length ? Math.max(...one.map((values, i) => relative(values, other[i]))) : 1;

/** Largest difference, relative to the largest value; 1 for arrays that cannot be compared. */
function relative(one: Values, other: Values): number {
  if (one.length !== other.length) return 1;
  let [most, largest] = [0, 0];
  for (let i = 0; i < one.length; i++) {
    most = Math.max(most, Math.abs(one[i] - other[i]));
    largest = Math.max(largest, Math.abs(one[i]), Math.abs(other[i]));
  }
  return Number.isFinite(most) && largest > 0 ? most / largest : 1;
}
