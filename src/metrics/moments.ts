// Mean and covariance of features, accumulated batch by batch without losing digits.
// Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance": the sums of squares of a batch are taken
// about its own mean, and two sets are joined by the difference of their means.

import { type Cooperation, partOf } from "../platform/cooperative.ts";
import { MetricError } from "./errors.ts";
import type { Features } from "./features.ts";
import { forEachInnerProducts } from "./inner_products.ts";

/** Mean and covariance of a set of features. */
export interface Gaussian {
  /** [dims] */
  readonly mean: Float64Array;
  /** [dims, dims], with count - 1 in the denominator. */
  readonly covariance: Float64Array;
  /** Number of images. */
  readonly count: number;
}

/** Images added at a time. */
const BATCH = 256;

/** Accumulates mean and covariance of rows in float64. */
export class Moments {
  /** Number of features of an image. */
  readonly dims: number;
  #count = 0;
  readonly #mean: Float64Array;
  /** Sum over images of (x - mean)(x - mean)ᵀ. */
  readonly #scatter: Float64Array;

  constructor(dims: number) {
    this.dims = dims;
    this.#mean = new Float64Array(dims);
    this.#scatter = new Float64Array(dims * dims);
  }

  /** Adds images. @throws MetricError for features with other dimensions */
  async add({ data, count, dims }: Features, cooperation: Cooperation = {}): Promise<void> {
    if (dims !== this.dims) {
      throw new MetricError(`features of ${dims} dimensions cannot join those of ${this.dims}`);
    }
    for (let first = 0; first < count; first += BATCH) {
      const rows = Math.min(BATCH, count - first);
      const part = partOf(cooperation, first / count, rows / count);
      await this.#addBatch(data.subarray(first * dims, (first + rows) * dims), rows, part);
    }
  }

  /** @throws MetricError for fewer than two images */
  gaussian(): Gaussian {
    if (this.#count < 2) {
      throw new MetricError(`the covariance of ${this.#count} images is not defined; give at least 2`);
    }
    const covariance = this.#scatter.map((sum) => sum / (this.#count - 1));
    return { mean: this.#mean.slice(), covariance, count: this.#count };
  }

  async #addBatch(data: Features["data"], rows: number, cooperation: Cooperation): Promise<void> {
    const { dims } = this;
    const mean = new Float64Array(dims);
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < dims; k++) mean[k] += data[r * dims + k];
    }
    for (let k = 0; k < dims; k++) mean[k] /= rows;
    // One row per feature, so that the scatter is inner products of rows.
    const centred = new Float64Array(dims * rows);
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < dims; k++) centred[k * rows + r] = data[r * dims + k] - mean[k];
    }
    const transposed = { data: centred, count: dims, dims: rows };
    const count = this.#count + rows;
    const weight = (this.#count * rows) / count;
    const shift = mean.map((value, k) => value - this.#mean[k]);
    await forEachInnerProducts(
      transposed,
      transposed,
      (first, block, products) => {
        for (let i = 0; i < block; i++) {
          const own = shift[first + i] * weight;
          const at = (first + i) * dims;
          for (let k = 0; k < dims; k++) this.#scatter[at + k] += products[i * dims + k] + own * shift[k];
        }
      },
      cooperation,
    );
    for (let k = 0; k < dims; k++) this.#mean[k] += (shift[k] * rows) / count;
    this.#count = count;
  }
}

/** Mean and covariance of all rows. */
export async function gaussianOf(set: Features, cooperation: Cooperation = {}): Promise<Gaussian> {
  const moments = new Moments(set.dims);
  await moments.add(set, cooperation);
  return moments.gaussian();
}
