// A covariance as a product: S = Gᵀ G, by Cholesky's method with pivots (Higham 1990, "Analysis of the Cholesky
// decomposition of a semi-definite matrix"). It stops when only rounding errors of S remain: a covariance of few
// images has a low rank, and so few rows in its factor.

import { type Cooperation, cooperate } from "../platform/cooperative.ts";
import { MetricError } from "./errors.ts";
import type { Features } from "./features.ts";

/**
 * @param matrix [size, size], symmetric and positive semi-definite
 * @returns rows g with S = Σ g gᵀ: [rank, size]
 * @throws MetricError for a matrix with a negative diagonal, or of values that are not finite
 */
export async function choleskyRows(
  matrix: Float64Array,
  size: number,
  cooperation: Cooperation = {},
): Promise<Features> {
  const pause = cooperate(cooperation);
  const rest = Float64Array.from({ length: size }, (_, i) => matrix[i * size + i]);
  if (!rest.every((value) => value >= 0 && value < Infinity)) {
    throw new MetricError("a covariance has a variance that is negative or not finite");
  }
  const tolerance = size * Number.EPSILON * Math.max(...rest, 0);
  /** order[k] is the row of S with the k-th pivot; the factor's columns are in this order until the end. */
  const order = Int32Array.from({ length: size }, (_, i) => i);
  const rows: Float64Array[] = [];
  for (let k = 0; k < size; k++) {
    const pivot = largestFrom(rest, k);
    if (!(rest[pivot] > tolerance)) break;
    swap(order, k, pivot);
    swap(rest, k, pivot);
    for (const row of rows) swap(row, k, pivot);
    rows.push(nextRow(matrix, size, order, rows, k, Math.sqrt(rest[k])));
    const row = rows[k];
    for (let j = k + 1; j < size; j++) rest[j] -= row[j] * row[j];
    await pause(k / size);
  }
  const data = new Float64Array(rows.length * size);
  for (const [k, row] of rows.entries()) {
    for (let j = k; j < size; j++) data[k * size + order[j]] = row[j];
  }
  return { data, count: rows.length, dims: size };
}

/** (S[k] - Σ g[k] g) / √pivot, for the columns from k on. */
function nextRow(
  matrix: Float64Array,
  size: number,
  order: Int32Array,
  rows: readonly Float64Array[],
  k: number,
  root: number,
): Float64Array {
  const row = new Float64Array(size);
  const from = order[k] * size;
  for (let j = k + 1; j < size; j++) row[j] = matrix[from + order[j]];
  let m = 0;
  for (; m + 4 <= k; m += 4) {
    const [g0, g1, g2, g3] = [rows[m], rows[m + 1], rows[m + 2], rows[m + 3]];
    const [a0, a1, a2, a3] = [g0[k], g1[k], g2[k], g3[k]];
    for (let j = k + 1; j < size; j++) row[j] -= a0 * g0[j] + a1 * g1[j] + a2 * g2[j] + a3 * g3[j];
  }
  for (; m < k; m++) {
    const g = rows[m];
    const a = g[k];
    for (let j = k + 1; j < size; j++) row[j] -= a * g[j];
  }
  for (let j = k + 1; j < size; j++) row[j] /= root;
  row[k] = root;
  return row;
}

function largestFrom(values: Float64Array, first: number): number {
  let best = first;
  for (let i = first + 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

function swap(values: Float64Array | Int32Array, i: number, j: number): void {
  const kept = values[i];
  values[i] = values[j];
  values[j] = kept;
}
