// Images as points in a feature space, from which every distance between sets of images is computed.

import { MetricError } from "./errors.ts";

/** One row of features per image. */
export interface Features {
  /** [count, dims], row by row. */
  readonly data: Float32Array | Float64Array;
  /** Number of images. */
  readonly count: number;
  /** Number of features of an image. */
  readonly dims: number;
}

/**
 * Features as a matrix [count, dims], row by row.
 * @throws MetricError unless the values fill [count, dims] and all are finite
 */
export function features(data: Features["data"], count: number, dims: number): Features {
  if (data.length !== count * dims) {
    throw new MetricError(`features: ${data.length} values do not fill [${count}, ${dims}]`);
  }
  const broken = data.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) {
    throw new MetricError(
      `features of image ${Math.floor(broken / dims)} hold ${data[broken]}; look at that image`,
    );
  }
  return { data, count, dims };
}

/** The rows with the given indices, in that order. */
export function takeRows({ data, dims }: Features, rows: ArrayLike<number>): Features {
  const taken = new Float64Array(rows.length * dims);
  for (let i = 0; i < rows.length; i++)
    taken.set(data.subarray(rows[i] * dims, (rows[i] + 1) * dims), i * dims);
  return { data: taken, count: rows.length, dims };
}

/** @throws MetricError when two sets have different dimensions, or a set has fewer than `least` images */
export function checkComparable(a: Features, b: Features, least = 1): void {
  if (a.dims !== b.dims) {
    throw new MetricError(`features of ${a.dims} and of ${b.dims} dimensions cannot be compared`);
  }
  const fewest = Math.min(a.count, b.count);
  if (fewest < least) {
    throw new MetricError(`${fewest} images are too few for this number; give at least ${least}`);
  }
}
