// Matrix products with a long k and small m and n, such as gradients of weights. k is cut into parts, computed as a
// batch so that there are enough tiles; a second step adds up the parts in order.

import type { Slot } from "../../../../program/kernel_set.ts";
import type { Lowered } from "../kernel.ts";
import { sumKernel } from "../sum_parts.ts";
import { tilesFor } from "../tiling.ts";
import type { MatmulSpec } from "./matmul_spec.ts";

/** Shortest part of k. */
const LEAST_PART = 512;
/** Rows and columns of a block that still runs at full speed. */
const BLOCK = 64;

/** The number of parts of k; 1 where m and n make enough tiles, or where k cannot be split. */
export function partsOfProduct({ batch, m, n, k, c, bias, residual }: MatmulSpec): number {
  const dense = c.row === n && c.col === 1;
  if (bias || residual || !dense || batch.some((size) => size > 1)) return 1;
  const wanted = tilesFor(2 * m * n * k);
  const blocks = Math.ceil(m / BLOCK) * Math.ceil(n / BLOCK);
  let parts = 1;
  while (2 * parts * blocks <= wanted && k % (2 * parts) === 0 && k / (2 * parts) >= LEAST_PART) parts *= 2;
  return parts;
}

/** The product as a batch with one matrix per part. */
export function partsAsBatch({ m, n, k, a, b }: MatmulSpec, parts: number): MatmulSpec {
  const part = k / parts;
  return {
    batch: [parts],
    m,
    n,
    k: part,
    a: { ...a, batch: [part * a.col] },
    b: { ...b, batch: [part * b.row] },
    c: { batch: [m * n], row: n, col: 1 },
  };
}

/** Redirects the product of parts into a temp, and adds up the parts into the output of `size` elements. */
export function joinParts({ temps, steps }: Lowered, parts: number, size: number): Lowered {
  const sums: Slot = { temp: temps.length };
  const products = steps.map(({ kernel, args }) => ({
    kernel,
    args: args.map((slot): Slot => ("output" in slot ? sums : slot)),
  }));
  return {
    temps: [...temps, parts * size],
    steps: [...products, { kernel: sumKernel(parts, size), args: [sums, { output: 0 }] }],
  };
}
