// Pairs of vectors: the meaning of a block of statements for eight lanes; V8's joined code gives the same bits.

import { setFlagsFromString } from "node:v8";
import { afterAll, describe, expect, test } from "vitest";
import { lowerAttention } from "../../src/engine/backends/cpu/kernels/attention/attention.ts";
import { lowerConv2d, lowerConv2dGradInput } from "../../src/engine/backends/cpu/kernels/conv2d/conv2d.ts";
import { lowerConv2dGradFilter } from "../../src/engine/backends/cpu/kernels/conv2d/conv2d_grad_filter.ts";
import type { Conv2dSpec } from "../../src/engine/backends/cpu/kernels/conv2d/conv2d_spec.ts";
import type { Lowered } from "../../src/engine/backends/cpu/kernels/kernel.ts";
import { loopKernel } from "../../src/engine/backends/cpu/kernels/loop/loop.ts";
import { lowerMatmul } from "../../src/engine/backends/cpu/kernels/matmul/gemm.ts";
import { KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import { encodeModule, hasRelaxedSimd } from "../../src/engine/backends/cpu/simd/wasm.ts";
import { enableWideVectors } from "../../src/platform/node/wide_vectors.ts";
import { compileLowered, noise } from "./cpu_kernel_harness.ts";

/** A kernel of one tile over buffers 0 .. n - 1. */
const kernelOf = (emit: (k: KernelBuilder) => void, inputs: number): Lowered => ({
  temps: [],
  steps: [
    {
      kernel: { family: "test", key: "test", tiles: 1, scratchBytes: 0, flops: 0, bytes: 0, emit },
      args: [...Array.from({ length: inputs }, (_, input) => ({ input })), { output: 0 }],
    },
  ],
});

const encode = (k: KernelBuilder) =>
  encodeModule({ memory: { initial: 1, maximum: 1, shared: true }, exports: { k }, relaxed: false });

describe("a block recorded for pairs", () => {
  test("does to eight lanes what it says of four", () => {
    const lowered = kernelOf((k) => {
      k.loop(
        64,
        (at) => {
          k.pairs(() => {
            const x = k.let(s.loadV(s.iadd(k.buffer(0), at)));
            const factor = k.let(s.loadSplat(k.buffer(1))); // the same in both halves
            const sum = k.let(s.vconst(0));
            k.loop(3, () => k.set(sum, s.vadd(sum, s.vmul(x, factor))));
            k.if(s.ilt(at, s.i32(32)), () => k.set(sum, s.vneg(sum)));
            k.storeV(s.iadd(k.buffer(2), at), sum);
          });
        },
        { step: 32 },
      );
    }, 2);
    const x = Float32Array.from({ length: 16 }, (_, i) => i + 1);
    const program = compileLowered(lowered, [x, Float32Array.of(2)], [16]);
    program.run();
    expect([...program.outputs[0]!]).toEqual([...x].map((value, i) => (i < 8 ? -6 : 6) * value));
  });

  test.each([
    ["lanes taken out", (k: KernelBuilder) => k.storeF32(k.args, s.extractLane(s.loadV(k.args), 0))],
    ["part of a vector stored", (k: KernelBuilder) => k.storeLane0(k.args, s.loadV(k.args))],
    ["part of a vector loaded", (k: KernelBuilder) => k.storeV(k.args, s.loadPair(k.args))],
    ["a constant with different lanes", (k: KernelBuilder) => k.storeV(k.args, s.vconst([1, 2, 3, 4]))],
  ])("refuses %s", (_, body) => {
    const k = new KernelBuilder("k");
    k.pairs(() => body(k));
    expect(() => encode(k)).toThrow(/no meaning for a pair/);
  });

  test("refuses to set a vector from outside", () => {
    const k = new KernelBuilder("k");
    const outside = k.let(s.vconst(0));
    k.pairs(() => k.set(outside, s.vconst(1)));
    expect(() => encode(k)).toThrow(/outside a pair/);
  });
});

const spec = (h: number, ci: number, co: number): Conv2dSpec => ({
  ...{ n: 2, h, w: h, ci, co, kh: 3, kw: 3, oh: h, ow: h },
  stride: [1, 1],
  padding: [1, 1, 1, 1],
});
const dense = (columns: number) => ({ batch: [], row: columns, col: 1 });
const conv = spec(12, 64, 48);
const [images, filters, results] = [2 * 144 * 64, 9 * 64 * 48, 2 * 144 * 48];
/** x sigmoid(x), and its sums over rows. */
const silu = loopKernel({
  domain: [37, 40],
  reduced: [true, false],
  operands: [{ strides: [40, 1], offset: 0, dtype: "f32" }],
  instructions: [
    { op: "load", operand: 0 },
    { op: "unary", fn: "sigmoid", args: [0] },
    { op: "binary", fn: "mul", args: [0, 1] },
  ],
  stores: [],
  reductions: [{ fn: "sum", value: 2, strides: [0, 1], offset: 0, dtype: "f32" }],
});

describe.skipIf(!enableWideVectors())("V8 joins pairs without a change to any bit", () => {
  afterAll(() => setFlagsFromString("--liftoff"));

  test.each<[string, Lowered, number[], number]>([
    ["a convolution", lowerConv2d(conv), [images, filters], results],
    ["its gradient for the image", lowerConv2dGradInput(conv), [results, filters], images],
    ["its gradient for the filters", lowerConv2dGradFilter(conv), [images, results], filters],
    ["a direct convolution", lowerConv2d(spec(5, 3, 24)), [150, 9 * 3 * 24], 50 * 24],
    [
      "a matrix product",
      lowerMatmul({ batch: [], m: 23, n: 56, k: 70, a: dense(70), b: dense(56), c: dense(56) }),
      [23 * 70, 70 * 56],
      23 * 56,
    ],
    [
      "attention",
      lowerAttention({ batch: 2, heads: 4, tokens: 24, headDim: 8, scale: 0.3 }),
      [2 * 24 * 32, 2 * 24 * 32, 2 * 24 * 32],
      2 * 24 * 32,
    ],
    ["a loop", { temps: [], steps: [{ kernel: silu, args: [{ input: 0 }, { output: 0 }] }] }, [37 * 40], 40],
  ])("%s", (_, lowered, inputSizes, outputSize) => {
    const inputs = inputSizes.map((size, i) => noise(size, i + 1));
    const run = (flag: string, wide: boolean): Float32Array => {
      // Only the optimizing compiler joins: without the other one it compiles at the first call.
      setFlagsFromString("--no-liftoff");
      setFlagsFromString(flag);
      const program = compileLowered(lowered, inputs, [outputSize], hasRelaxedSimd(), wide);
      program.run();
      return program.outputs[0]!.slice();
    };
    const apart = run("--no-experimental-wasm-revectorize", false);
    const joined = run("--experimental-wasm-revectorize", true);
    expect(new Uint8Array(joined.buffer)).toEqual(new Uint8Array(apart.buffer));
  });
});
