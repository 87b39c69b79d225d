// A product whose sum is cut into parts: one kernel computes the parts, another adds them up, with bias and residual.

import type { Slot } from "../../../../program/kernel_set.ts";
import type { LoopArray, LoopInstruction } from "../../../../program/loop_spec.ts";
import { type Arg, type ArrayKind, floats, type GpuKernel, type Lowered, type Stored } from "../kernel.ts";
import { loopKernel } from "../loop/loop.ts";
import { type Cut, cutOf, isDirect, type ProductSizes, type TileSpeeds } from "./tiles.ts";

/** What a product's kernel adds to its result while it writes it, inputs 2 and on, and how it writes it. */
export interface ProductTail {
  /** A vector along the columns. */
  readonly bias: Stored | null;
  /** An array like the result; or, `perImage`, a row for each image. */
  readonly residual: Stored | null;
  readonly perImage?: boolean;
  readonly result: Stored;
}

export const NO_TAIL: ProductTail = { bias: null, residual: null, result: "f32" };

const addendsOf = ({ bias, residual }: ProductTail): Stored[] =>
  [bias, residual].filter((addend) => addend !== null);

/** The inputs of a tail. */
export const tailSlots = (tail: ProductTail): Slot[] => addendsOf(tail).map((_, i) => ({ input: 2 + i }));

/** Arrays of a product's kernel: two factors, bias and residual if any, the result; all but the factors alike. */
export const productArrays = (
  factors: readonly ArrayKind[],
  tail: ProductTail,
  inFours: boolean,
): ArrayKind[] => [...factors, ...[...addendsOf(tail), tail.result].map((stored) => floats(stored, inFours))];

/** A result with its tail. @param residualAt index of the residual's element */
export function withTail(
  value: string,
  tail: ProductTail,
  extra: readonly Arg[],
  column: string,
  residualAt: string,
): string {
  const bias = tail.bias === null ? [] : [extra[0].load(column)];
  const residual = tail.residual === null ? [] : [extra[extra.length - 1].load(residualAt)];
  return [value, ...bias, ...residual].join(" + ");
}

/** Whether a kernel sees arrays in which floats lie side by side in this number in fours. */
export const takesFours = (count: number, { tile }: Cut): boolean => count % 4 === 0 && !isDirect(tile);

/**
 * @param speeds of the device
 * @param wholeSum without cutting the sum
 * @param kernelFor makes the product's kernel; its result is [parts, batch, m, n]
 */
export function lowerProduct(
  sizes: ProductSizes,
  tail: ProductTail,
  speeds: TileSpeeds,
  wholeSum: boolean,
  kernelFor: (cut: Cut, tail: ProductTail) => GpuKernel,
): Lowered {
  const cut = cutOf(sizes, speeds, wholeSum || tail.perImage === true);
  const factors: Slot[] = [{ input: 0 }, { input: 1 }];
  if (cut.parts === 1) {
    const args = [...factors, ...tailSlots(tail), { output: 0 } as const];
    return { temps: [], steps: [{ kernel: kernelFor(cut, tail), args }] };
  }
  const { m, n, batch } = sizes;
  const rows = batch * m;
  return {
    temps: [cut.parts * rows * n],
    steps: [
      { kernel: kernelFor(cut, NO_TAIL), args: [...factors, { temp: 0 }] },
      {
        kernel: joinKernel(rows, n, cut.parts, tail),
        args: [{ temp: 0 }, ...tailSlots(tail), { output: 0 }],
      },
    ],
  };
}

/** [parts, rows, n] -> [rows, n]: the sum of the parts in their order, then bias and residual. */
function joinKernel(rows: number, n: number, parts: number, tail: ProductTail): GpuKernel {
  const array = (strides: readonly number[], offset = 0, dtype: Stored = "f32"): LoopArray => ({
    strides,
    offset,
    dtype,
  });
  const { bias, residual } = tail;
  const addends = [
    ...Array.from({ length: parts }, (_, part) => ({ source: 0, array: array([n, 1], part * rows * n) })),
    ...(bias === null ? [] : [{ source: 1, array: array([0, 1], 0, bias) }]),
    ...(residual === null ? [] : [{ source: bias === null ? 1 : 2, array: array([n, 1], 0, residual) }]),
  ];
  const loads = addends.map((_, operand): LoopInstruction => ({ op: "load", operand }));
  const sums = addends.slice(1).map(
    (_, i): LoopInstruction => ({
      op: "binary",
      fn: "add",
      args: [i === 0 ? 0 : addends.length + i - 1, i + 1],
    }),
  );
  return loopKernel(
    {
      domain: [rows, n],
      reduced: [false, false],
      operands: addends.map((addend) => addend.array),
      instructions: [...loads, ...sums],
      stores: [{ ...array([n, 1], 0, tail.result), value: loads.length + sums.length - 1 }],
      reductions: [],
    },
    0,
    addends.map(({ source }) => source),
  );
}
