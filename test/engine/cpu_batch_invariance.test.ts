// Kernels are chosen by the whole batch, or by one image where its bits must not depend on the others.

import { expect, test } from "vitest";
import { planWinograd } from "../../src/engine/backends/cpu/kernels/conv2d/conv_cost.ts";
import { lowerConv2d, winogradForward } from "../../src/engine/backends/cpu/kernels/conv2d/conv2d.ts";
import type { Conv2dSpec } from "../../src/engine/backends/cpu/kernels/conv2d/conv2d_spec.ts";
import type { Lowered } from "../../src/engine/backends/cpu/kernels/kernel.ts";
import { lowerMatmul } from "../../src/engine/backends/cpu/kernels/matmul/gemm.ts";
import type { LoopSpec } from "../../src/engine/program/loop_spec.ts";
import { splitReduction } from "../../src/engine/program/split_reduction.ts";

const families = ({ steps }: Lowered) => steps.map(({ kernel }) => kernel.family);

test("convolutions go the same way for one image as for many", () => {
  const spec = (n: number, size: number, channels: number): Conv2dSpec => ({
    ...{ n, h: size, w: size, ci: channels, kh: 3, kw: 3, oh: size, ow: size, co: channels },
    stride: [1, 1],
    padding: [1, 1, 1, 1],
  });
  const isWinograd = (n: number, size: number, channels: number, batchInvariant: boolean) =>
    planWinograd(winogradForward(spec(n, size, channels)), { batchInvariant }) !== undefined;
  // At 4 x 4 pixels Winograd's way is faster for many images, and much slower for one.
  expect([1, 64].map((n) => isWinograd(n, 4, 256, false))).toEqual([false, true]);
  expect([1, 4, 64].map((n) => isWinograd(n, 4, 256, true))).toEqual([false, false, false]);
  expect([1, 4, 64].map((n) => isWinograd(n, 16, 128, true))).toEqual([true, true, true]);
});

test("sums over an image are cut by its size", () => {
  // The sums over 4096 pixels of n images, by channel.
  const sums = (n: number): LoopSpec => ({
    domain: [n, 4096, 16],
    reduced: [false, true, false],
    operands: [{ strides: [65536, 16, 1], offset: 0, dtype: "f32" }],
    instructions: [{ op: "load", operand: 0 }],
    stores: [],
    reductions: [{ fn: "sum", value: 0, strides: [16, 0, 1], offset: 0, dtype: "f32" }],
  });
  const parts = (n: number, batchInvariant: boolean) =>
    (splitReduction(sums(n), batchInvariant)?.partials ?? 0) / (16 * n);
  expect([1, 2, 16].map((n) => parts(n, true))).toEqual([4, 4, 4]);
  expect([1, 2, 16].map((n) => parts(n, false))).toEqual([4, 8, 64]);
});

test("sums of a product stay whole", () => {
  const product = (wholeK: boolean) =>
    lowerMatmul({
      ...{ batch: [1], m: 64, n: 16, k: 8192, wholeK },
      a: { batch: [0], row: 8192, col: 1 },
      b: { batch: [0], row: 16, col: 1 },
      c: { batch: [0], row: 16, col: 1 },
    });
  expect(families(product(false))).toContain("sum");
  expect(families(product(true))).not.toContain("sum");
  const pointwise = (batchInvariant: boolean) =>
    lowerConv2d({
      ...{ n: 1, h: 8, w: 8, ci: 8192, kh: 1, kw: 1, oh: 8, ow: 8, co: 16, batchInvariant },
      stride: [1, 1],
      padding: [0, 0, 0, 0],
    });
  expect(families(pointwise(false))).toContain("sum");
  expect(families(pointwise(true))).not.toContain("sum");
});
