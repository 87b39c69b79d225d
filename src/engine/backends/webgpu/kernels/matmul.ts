// Batched matrix products of strided operands, with bias and residual.

import { coordinates, sum, times } from "../wgsl/text.ts";
import { floats, type GpuKernel, type Lowered, type Stored } from "./kernel.ts";
import type { Operand as ProductOperand } from "./product/code.ts";
import { productCode, productKey } from "./product/product.ts";
import {
  lowerProduct,
  type ProductTail,
  productArrays,
  takesFours,
  withTail,
} from "./product/split_product.ts";
import { type Cut, productGroups, type TileSpeeds } from "./product/tiles.ts";

const FLOAT = 4;

/** An operand: how it is stored, and its strides in elements. */
export interface Operand {
  readonly stored: Stored;
  readonly batch: readonly number[];
  readonly row: number;
  readonly column: number;
}

export interface MatmulSpec {
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Operand;
  readonly b: Operand;
  readonly tail: ProductTail;
  /** No cutting of the sum by the number of rows. */
  readonly wholeK: boolean;
}

/** Inputs: A, B, then bias [n] and residual [batch, m, n] if any. */
export function lowerMatmul(spec: MatmulSpec, speeds: TileSpeeds): Lowered {
  const { m, n, k, tail, wholeK } = spec;
  const batch = spec.batch.reduce((product, size) => product * size, 1);
  return lowerProduct({ m, n, k, batch }, tail, speeds, wholeK, (cut, shown) =>
    matmulKernel(spec, batch, cut, shown),
  );
}

function matmulKernel(spec: MatmulSpec, count: number, cut: Cut, tail: ProductTail): GpuKernel {
  const { m, n, k, batch, a, b } = spec;
  const sizes = { m, n, k, batch: count };
  // By which index neighbours lie side by side, and whether every four that a block needs is a four of the array.
  const layout = (
    inner: number,
    innerSize: number,
    major: number,
    majorSize: number,
    starts: readonly number[],
  ) => {
    const along = inner === 1 || major !== 1 ? "inner" : "major";
    const [step, size, other] = along === "inner" ? [inner, innerSize, major] : [major, majorSize, inner];
    const inFours = step === 1 && [size, other, ...starts].every((count) => takesFours(count, cut));
    return { along, inFours } as const;
  };
  const left = layout(a.column, k, a.row, m, a.batch);
  const right = layout(b.row, k, b.column, n, b.batch);
  // Results come by fours where B does.
  const storesFours = right.along === "major" && takesFours(n, cut);
  return {
    family: "matmul",
    key: `matmul:${productKey(sizes, cut)}:${JSON.stringify([batch, a, b, tail])}`,
    arrays: productArrays(
      [floats(a.stored, left.inFours), floats(b.stored, right.inFours)],
      tail,
      storesFours,
    ),
    workgroups: productGroups(sizes, cut),
    flops: 2 * count * m * n * k,
    bytes: FLOAT * count * (m * k + k * n + cut.parts * m * n),
    emit(args) {
      const [aArg, bArg] = args;
      const at = coordinates("n", "batch", batch);
      const start = (strides: readonly number[]) =>
        sum(at.names.map((name, axis) => (name === "0u" ? "0u" : times(name, strides[axis]))));
      const element = (base: string, major: number, inner: number) => (atMajor: string, atInner: string) =>
        sum([base, times(atMajor, major), times(atInner, inner)]);
      const operand = (
        { along, inFours }: Pick<ProductOperand, "along" | "inFours">,
        load: (index: string) => string,
        index: (major: string, inner: string) => string,
      ): ProductOperand => ({
        along,
        inFours,
        element: (major, inner) => ({ value: load(index(major, inner)) }),
      });
      return productCode(sizes, cut, {
        setup: `${at.code}
let a_start = ${start(a.batch)};
let b_start = ${start(b.batch)};`,
        a: operand(left, aArg.load, element("a_start", a.row, a.column)),
        b: operand(right, bArg.load, element("b_start", b.column, b.row)),
        storesFours,
        store(row, column, value) {
          const place = `((part * ${count}u + batch) * ${m}u + ${row}) * ${n}u + ${column}`;
          const result = args[args.length - 1];
          return result.store(place, withTail(value, tail, args.slice(2, -1), column, place));
        },
      });
    },
  };
}
