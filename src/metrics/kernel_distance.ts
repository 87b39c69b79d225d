// The distance between two sets of images by a kernel, without assumptions about their distributions: the squared
// maximum mean discrepancy, unbiased for any number of images.
// Bińkowski et al. 2018, "Demystifying MMD GANs" (KID, where the features are Inception's).

import * as exact from "../engine/math/index.ts";
import { TorchGenerator } from "../engine/random/torch_generator.ts";
import { type Cooperation, partOf } from "../platform/cooperative.ts";
import { checkComparable, type Features, takeRows } from "./features.ts";
import { forEachInnerProducts } from "./inner_products.ts";

/** The number and size of the subsets that a kernel distance is averaged over. */
export interface KernelDistanceOptions extends Cooperation {
  /** Number of subsets; 1 if the subset is all images of both sets. Default 10. */
  readonly subsets?: number;
  /** Most images of each set in a subset. Default 1000. */
  readonly subsetSize?: number;
  /** Determines which images form each subset. Default 0. */
  readonly seed?: number;
}

/** A kernel distance: its mean and deviation over subsets. */
export interface KernelDistance {
  /** The mean over subsets; may be below 0 for equal distributions. */
  readonly mean: number;
  /** Standard deviation over subsets; null for one subset. */
  readonly deviation: number | null;
  /** Number of subsets. */
  readonly subsets: number;
  /** Images of each set in a subset. */
  readonly subsetSize: number;
}

/**
 * Kernel distance between two sets of features (Bińkowski et al. 2018, arXiv 1801.01401): the squared maximum mean
 * discrepancy under a polynomial kernel of degree 3, unbiased.
 * @throws MetricError for fewer than 2 images, or features of different dimensions
 */
export async function kernelDistance(
  a: Features,
  b: Features,
  { subsets = 10, subsetSize = 1000, seed = 0, ...cooperation }: KernelDistanceOptions = {},
): Promise<KernelDistance> {
  checkComparable(a, b, 2);
  const size = Math.min(a.count, b.count, subsetSize);
  const count = a.count === size && b.count === size ? 1 : subsets;
  const generator = new TorchGenerator(seed);
  const draw = (set: Features) => takeRows(set, generator.randperm(set.count).subarray(0, size));
  const estimates: number[] = [];
  for (let i = 0; i < count; i++) {
    const [x, y] = count === 1 ? [a, b] : [draw(a), draw(b)];
    const part = (third: number) => partOf(cooperation, (i + third / 3) / count, 1 / (3 * count));
    const within = (await kernelSum(x, x, false, part(0))) + (await kernelSum(y, y, false, part(1)));
    const between = await kernelSum(x, y, true, part(2));
    estimates.push(within / (size * (size - 1)) - (2 * between) / exact.square(size));
  }
  const mean = estimates.reduce((sum, value) => sum + value, 0) / count;
  const squares = estimates.reduce((sum, value) => sum + exact.square(value - mean), 0);
  return {
    mean,
    deviation: count === 1 ? null : Math.sqrt(squares / (count - 1)),
    subsets: count,
    subsetSize: size,
  };
}

/** Σ (x·y / dims + 1)³ over all pairs; for a set with itself, without the diagonal. */
async function kernelSum(x: Features, y: Features, diagonal: boolean, part: Cooperation): Promise<number> {
  let total = 0;
  await forEachInnerProducts(
    x,
    y,
    (first, rows, products) => {
      for (let r = 0; r < rows; r++) {
        let sum = 0;
        for (let j = 0; j < y.count; j++) {
          if (!diagonal && j === first + r) continue;
          const inner = products[r * y.count + j] / x.dims + 1;
          sum += inner * inner * inner;
        }
        total += sum;
      }
    },
    part,
  );
  return total;
}
