// Nearest neighbours in feature space, from the distances between all pairs of two sets, most of which are not kept.

import type { Cooperation } from "../platform/cooperative.ts";
import { checkComparable, type Features } from "./features.ts";
import { forEachInnerProducts, squaredNorms } from "./inner_products.ts";

/** Calls `visit(i, distances)` for each image of x with its squared distances to all of y, never below 0. */
export async function forEachDistances(
  x: Features,
  y: Features,
  visit: (index: number, squared: Float64Array) => void,
  cooperation: Cooperation = {},
): Promise<void> {
  checkComparable(x, y);
  const ofX = squaredNorms(x);
  const ofY = squaredNorms(y);
  await forEachInnerProducts(
    x,
    y,
    (first, rows, products) => {
      for (let r = 0; r < rows; r++) {
        const squared = products.subarray(r * y.count, (r + 1) * y.count);
        const own = ofX[first + r];
        for (let j = 0; j < y.count; j++) squared[j] = Math.max(0, own + ofY[j] - 2 * squared[j]);
        visit(first + r, squared);
      }
    },
    cooperation,
  );
}

/** Squared distance of each image to its k-th nearest other image of the same set. @throws MetricError for k images or fewer */
export async function neighbourRadii(x: Features, k: number, cooperation: Cooperation = {}) {
  checkComparable(x, x, k + 1);
  const radii = new Float64Array(x.count);
  await forEachDistances(
    x,
    x,
    (i, squared) => {
      squared[i] = Infinity;
      radii[i] = kthSmallest(squared, k);
    },
    cooperation,
  );
  return radii;
}

/** For each image: the nearest image of another set. */
export interface Nearest {
  readonly index: Int32Array;
  /** Not squared. */
  readonly distance: Float64Array;
}

/**
 * The nearest image of y for each image of x.
 * @param others x and y are the same set: an image is not its own neighbour
 * @param beyond only images farther than this count; if there are none the distance is Infinity
 */
export async function nearest(
  x: Features,
  y: Features,
  {
    others = false,
    beyond = -1,
    ...cooperation
  }: Cooperation & { readonly others?: boolean; readonly beyond?: number } = {},
): Promise<Nearest> {
  checkComparable(x, y, others ? 2 : 1);
  const index = new Int32Array(x.count);
  const distance = new Float64Array(x.count);
  await forEachDistances(
    x,
    y,
    (i, squared) => {
      if (others) squared[i] = Infinity;
      const least = beyond < 0 ? beyond : beyond * beyond;
      let best = Infinity;
      for (let j = 0; j < squared.length; j++) {
        if (squared[j] >= best || squared[j] <= least) continue;
        best = squared[j];
        index[i] = j;
      }
      distance[i] = Math.sqrt(best);
    },
    cooperation,
  );
  return { index, distance };
}

/** k counts from 1. */
function kthSmallest(values: Float64Array, k: number): number {
  const least = new Float64Array(k).fill(Infinity);
  for (const value of values) {
    if (value >= least[k - 1]) continue;
    let at = k - 1;
    for (; at > 0 && least[at - 1] > value; at--) least[at] = least[at - 1];
    least[at] = value;
  }
  return least[k - 1];
}
