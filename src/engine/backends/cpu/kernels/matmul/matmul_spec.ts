// What kernels of matrix products are asked for.

import type { ProductTail } from "../kernel.ts";

/** How a matrix lies in its buffer, in elements: distances between matrices of the batch, rows and columns. */
export interface MatrixStrides {
  readonly batch: readonly number[];
  readonly row: number;
  readonly col: number;
}
export interface MatmulSpec extends ProductTail {
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: MatrixStrides;
  readonly b: MatrixStrides;
  readonly c: MatrixStrides;
  /** Sums over k are not cut into parts, which is done by the sizes of m and n and of the batch. */
  readonly wholeK?: boolean;
}
