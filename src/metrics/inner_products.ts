// Inner products of every row of one matrix with every row of another, in float64: the basis of covariances, kernels
// and distances.

import { type Cooperation, cooperate } from "../platform/cooperative.ts";
import type { Features } from "./features.ts";

/** Rows in a block: a block of each matrix fits the second-level cache. */
const BLOCK = 32;

/**
 * Calls `visit(first, rows, products)` for blocks of rows of x: products[r * y.count + j] is the inner product of row
 * first + r of x with row j of y. The array is reused for the next block.
 */
export async function forEachInnerProducts(
  x: Features,
  y: Features,
  visit: (first: number, rows: number, products: Float64Array) => void,
  cooperation: Cooperation = {},
): Promise<void> {
  const { dims } = x;
  const pause = cooperate(cooperation);
  const products = new Float64Array(BLOCK * y.count);
  const left = new Float64Array(BLOCK * dims);
  const right = new Float64Array(BLOCK * dims);
  for (let first = 0; first < x.count; first += BLOCK) {
    const rows = Math.min(BLOCK, x.count - first);
    left.set(x.data.subarray(first * dims, (first + rows) * dims));
    for (let from = 0; from < y.count; from += BLOCK) {
      const columns = Math.min(BLOCK, y.count - from);
      right.set(y.data.subarray(from * dims, (from + columns) * dims));
      multiplyBlock(left, rows, right, columns, dims, products, y.count, from);
      await pause((first + (rows * from) / y.count) / x.count);
    }
    visit(first, rows, products);
  }
}

/** All inner products: [x.count, y.count]. */
export async function innerProducts(
  x: Features,
  y: Features,
  cooperation: Cooperation = {},
): Promise<Float64Array> {
  const all = new Float64Array(x.count * y.count);
  await forEachInnerProducts(
    x,
    y,
    (first, rows, products) => all.set(products.subarray(0, rows * y.count), first * y.count),
    cooperation,
  );
  return all;
}

/** |row|² of each row. */
export function squaredNorms({ data, count, dims }: Features): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let sum = 0;
    for (let k = i * dims; k < (i + 1) * dims; k++) sum += data[k] * data[k];
    return sum;
  });
}

/** Two rows by four at a time in registers; rows past the end are computed from arbitrary values and not written. */
function multiplyBlock(
  left: Float64Array,
  rows: number,
  right: Float64Array,
  columns: number,
  dims: number,
  out: Float64Array,
  width: number,
  from: number,
): void {
  const sums = new Float64Array(8);
  for (let i = 0; i < rows; i += 2) {
    for (let j = 0; j < columns; j += 4) {
      sumsOfEight(left, i * dims, right, j * dims, dims, sums);
      for (let r = 0; r < Math.min(2, rows - i); r++) {
        for (let c = 0; c < Math.min(4, columns - j); c++) {
          out[(i + r) * width + from + j + c] = sums[r * 4 + c];
        }
      }
    }
  }
}

function sumsOfEight(
  left: Float64Array,
  a: number,
  right: Float64Array,
  b: number,
  dims: number,
  sums: Float64Array,
): void {
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  for (let k = 0; k < dims; k++) {
    const x0 = left[a + k];
    const x1 = left[a + dims + k];
    const y0 = right[b + k];
    const y1 = right[b + dims + k];
    const y2 = right[b + 2 * dims + k];
    const y3 = right[b + 3 * dims + k];
    s00 += x0 * y0;
    s01 += x0 * y1;
    s02 += x0 * y2;
    s03 += x0 * y3;
    s10 += x1 * y0;
    s11 += x1 * y1;
    s12 += x1 * y2;
    s13 += x1 * y3;
  }
  sums[0] = s00;
  sums[1] = s01;
  sums[2] = s02;
  sums[3] = s03;
  sums[4] = s10;
  sums[5] = s11;
  sums[6] = s12;
  sums[7] = s13;
}
