// The spec of a matrix product kernel.

import type { ProductTail } from "../kernel.ts";

/** The strides of a matrix in its buffer, in elements: between matrices of the batch, rows and columns. */
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
  /** Forbids cutting the sum over k into parts, a choice that depends on m, n and the batch. */
  readonly wholeK?: boolean;
}
