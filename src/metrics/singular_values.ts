// Singular values: reflections from both sides make a matrix bidiagonal (Golub & Kahan 1965, "Calculating the singular
// values and pseudo-inverse of a matrix"). The singular values of the bidiagonal B are the positive eigenvalues of the
// tridiagonal matrix with zeros on its diagonal and B's elements beside it. Errors are a few units in the last place
// of the largest value; the eigenvalues of M Mᵀ would lose half of the digits.

import * as exact from "../engine/math/index.ts";
import { type Cooperation, cooperate } from "../platform/cooperative.ts";
import { tridiagonalEigenvalues } from "./tridiagonal.ts";

/**
 * @param matrix [rows, columns]; it is overwritten
 * @returns min(rows, columns) values, the largest first
 */
export async function singularValues(
  matrix: Float64Array,
  rows: number,
  columns: number,
  cooperation: Cooperation = {},
): Promise<Float64Array> {
  if (rows < columns) {
    return singularValues(transposed(matrix, rows, columns), columns, rows, cooperation);
  }
  if (columns === 0) return new Float64Array(0);
  const beside = await bidiagonal(matrix, rows, columns, cooperation);
  return tridiagonalEigenvalues(new Float64Array(2 * columns), beside)
    .sort()
    .reverse()
    .slice(0, columns)
    .map((value) => Math.max(0, value));
}

/** The elements of the two diagonals, alternating: d0, e0, d1, e1, .. d(n-1). Signs do not matter. */
async function bidiagonal(
  a: Float64Array,
  rows: number,
  columns: number,
  cooperation: Cooperation,
): Promise<Float64Array> {
  const pause = cooperate(cooperation);
  const out = new Float64Array(2 * columns - 1);
  const v = new Float64Array(rows);
  const w = new Float64Array(columns);
  for (let k = 0; k < columns; k++) {
    for (let i = k; i < rows; i++) v[i] = a[i * columns + k];
    const left = reflector(v, k);
    out[2 * k] = left.length;
    if (k === columns - 1) break;
    // w = factor · vᵀ A, for the columns right of k
    w.fill(0, k + 1);
    for (let i = k; i < rows; i++) {
      const at = i * columns;
      const scaled = v[i] * left.factor;
      for (let j = k + 1; j < columns; j++) w[j] += scaled * a[at + j];
    }
    const u = a.slice(k * columns, (k + 1) * columns);
    for (let j = k + 1; j < columns; j++) u[j] -= v[k] * w[j];
    const right = reflector(u, k + 1);
    out[2 * k + 1] = right.length;
    for (let i = k + 1; i < rows; i++) reflectRow(a, i * columns, v[i], w, u, right.factor, k + 1, columns);
    await pause(1 - exact.pow(1 - k / columns, 3));
  }
  return out;
}

/** One row after both reflections: a - v w, then reflected at u. */
function reflectRow(
  a: Float64Array,
  at: number,
  v: number,
  w: Float64Array,
  u: Float64Array,
  factor: number,
  from: number,
  columns: number,
): void {
  let dot = 0;
  for (let j = from; j < columns; j++) {
    const value = a[at + j] - v * w[j];
    a[at + j] = value;
    dot += value * u[j];
  }
  const scaled = dot * factor;
  for (let j = from; j < columns; j++) a[at + j] -= scaled * u[j];
}

/**
 * Turns x[from..] into the vector v for which (1 - factor v vᵀ) x has only its first element non-zero.
 * @returns the factor, and |x|, the size of that element
 */
function reflector(x: Float64Array, from: number): { factor: number; length: number } {
  let largest = 0;
  for (let i = from; i < x.length; i++) largest = Math.max(largest, Math.abs(x[i]));
  if (largest === 0) return { factor: 0, length: 0 };
  let sum = 0;
  for (let i = from; i < x.length; i++) sum += exact.square(x[i] / largest);
  const length = largest * Math.sqrt(sum);
  const first = x[from];
  x[from] = first + (first >= 0 ? length : -length);
  return { factor: 1 / (length * (length + Math.abs(first))), length };
}

function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(matrix.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j];
  }
  return out;
}
