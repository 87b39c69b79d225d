// Attention and its gradients, kernel by kernel, against the reference meaning in float64.

import { describe, expect, test } from "vitest";
import { lowerAttention } from "../../src/engine/backends/cpu/kernels/attention/attention.ts";
import type { AttentionSpec } from "../../src/engine/backends/cpu/kernels/attention/attention_block.ts";
import { lowerAttentionGrad } from "../../src/engine/backends/cpu/kernels/attention/attention_grad.ts";
import { hasRelaxedSimd } from "../../src/engine/backends/cpu/simd/wasm.ts";
import { input } from "../../src/engine/graph.ts";
import { attention, attentionGrad } from "../../src/engine/ops/attention.ts";
import { enableWideVectors } from "../../src/platform/node/wide_vectors.ts";
import { evaluate64 } from "../support/float64.ts";
import { compileLowered, noise, relativeError } from "./cpu_kernel_harness.ts";

/** Bounds of the relative errors forward and backward. */
const [FORWARD, BACKWARD] = [1e-6, 2e-6];

const specOf = (batch: number, heads: number, tokens: number, headDim: number): AttentionSpec => ({
  batch,
  heads,
  tokens,
  headDim,
  scale: headDim ** -0.5,
});
const sizeOf = ({ batch, heads, tokens, headDim }: AttentionSpec) => batch * heads * tokens * headDim;
/** q, k, v and the gradient of the result; large enough queries that some weights dominate. */
const dataOf = (spec: AttentionSpec) =>
  [6, 1, 1, 1].map((factor, i) => noise(sizeOf(spec), i + 1).map((x) => factor * x));

function run(spec: AttentionSpec, relaxed = hasRelaxedSimd(), wide = enableWideVectors()): Float32Array[] {
  const [q, k, v, g] = dataOf(spec);
  const size = sizeOf(spec);
  const forward = compileLowered(lowerAttention(spec), [q, k, v], [size], relaxed, wide);
  const backward = compileLowered(lowerAttentionGrad(spec), [q, k, v, g], [3 * size], relaxed, wide);
  return [forward, backward].map((program) => {
    program.run();
    program.checkGuards();
    return program.outputs[0].slice();
  });
}

function expected(spec: AttentionSpec): readonly Float64Array[] {
  const { batch, heads, tokens, headDim } = spec;
  const [q, k, v, g] = dataOf(spec).map(() => input([batch, tokens, heads * headDim]));
  const values = dataOf(spec).map((data) => Float64Array.from(data));
  return evaluate64(
    [attention(q, k, v, spec), attentionGrad(q, k, v, g, spec)],
    new Map([q, k, v, g].map((node, i) => [node, values[i]])),
  );
}

/** Images, heads, tokens, channels of a head. */
const shapes: [number, number, number, number][] = [
  [1, 1, 1, 1],
  [2, 3, 1, 8],
  [3, 2, 4, 3],
  [2, 5, 16, 8],
  [2, 4, 64, 8],
  [1, 2, 49, 7],
  [1, 2, 300, 8],
  [1, 1, 256, 4],
  [2, 2, 30, 12],
  [1, 3, 65, 16],
  [1, 2, 64, 40],
  [1, 1, 100, 256],
  [1, 1, 20, 512],
];

describe.each([
  ["with the machine's instructions", hasRelaxedSimd(), enableWideVectors()],
  ["with the least instructions", false, false],
] as const)("%s", (_, relaxed, wide) => {
  test.each(shapes)("%d images, %d heads, %d tokens, %d channels", (...sizes) => {
    const spec = specOf(...sizes);
    const [want, wantGradients] = expected(spec);
    const [got, gradients] = run(spec, relaxed, wide);
    expect(relativeError(got, want)).toBeLessThan(FORWARD);
    for (const part of [0, 1, 2]) {
      const range = [part * sizeOf(spec), (part + 1) * sizeOf(spec)] as const;
      // A single token has weight 1: its gradients of keys and queries are zero.
      const error = relativeError(gradients.subarray(...range), wantGradients.subarray(...range));
      expect(error, ["dk", "dv", "dq"][part]).toBeLessThan(BACKWARD);
    }
  });
});

test("a head too long for one tile adds up its parts", () => {
  const spec = specOf(1, 1, 600, 64);
  expect(lowerAttentionGrad(spec).steps.at(-1)?.kernel.family).toBe("sum");
  const [want, wantGradients] = expected(spec);
  const [got, gradients] = run(spec);
  expect(relativeError(got, want)).toBeLessThan(FORWARD);
  expect(relativeError(gradients, wantGradients)).toBeLessThan(BACKWARD);
});

test("an image has the same bits in any batch", () => {
  for (const [heads, tokens, headDim] of [
    [2, 64, 8],
    [1, 256, 32],
    [1, 600, 64],
  ]) {
    const [one, many] = [1, 3].map((batch) => specOf(batch, heads, tokens, headDim));
    const size = sizeOf(one);
    const data = dataOf(many);
    const programs = [one, many].map((spec) => {
      const inputs = data.map((all) => all.subarray(0, sizeOf(spec)));
      const forward = compileLowered(lowerAttention(spec), inputs.slice(0, 3), [sizeOf(spec)]);
      const backward = compileLowered(lowerAttentionGrad(spec), inputs, [3 * sizeOf(spec)]);
      forward.run();
      backward.run();
      return [forward.outputs[0], backward.outputs[0]];
    });
    const [[y, dy], [manyY, manyDy]] = programs;
    expect(manyY.slice(0, size)).toEqual(y.slice());
    for (const part of [0, 1, 2])
      expect(manyDy.slice(3 * part * size, (3 * part + 1) * size)).toEqual(
        dy.slice(part * size, (part + 1) * size),
      );
  }
});

test("scores of any size keep their softmax finite", () => {
  const spec = specOf(1, 1, 20, 8);
  const [q, k, v] = dataOf(spec);
  const program = compileLowered(lowerAttention(spec), [q.map((x) => 1e4 * x), k, v], [sizeOf(spec)]);
  program.run();
  for (const value of program.outputs[0]) expect(Math.abs(value)).toBeLessThanOrEqual(1.000001);
});

test("wrong sizes are refused", () => {
  expect(() => lowerAttention(specOf(1, 0, 4, 4))).toThrow("got heads of 0, expected a positive integer");
});
