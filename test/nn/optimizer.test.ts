// AdamW and gradient clipping against their formulas in plain numbers.

import { describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { constant, input, variable } from "../../src/engine/tensor.ts";
import { adamw, adamwScalars } from "../../src/nn/adamw.ts";
import { clipCoefficient, globalNorm } from "../../src/nn/clip_grad_norm.ts";
import { run } from "../support/run.ts";

test("AdamW follows the paper over several steps and learning rates", async () => {
  const options = { beta1: 0.9, beta2: 0.99, eps: 1e-3, weightDecay: 0.1 };
  const state = {
    weight: variable([2], "weight"),
    expAvg: variable([2], "expAvg"),
    expAvgSq: variable([2], "expAvgSq"),
  };
  const gradient = input([2]);
  const scalars = { keep: input([]), stepSize: input([]), biasCorrection2Sqrt: input([]) };
  const after = adamw(state, gradient, scalars, options);
  const backend = new ReferenceBackend();
  backend.write(state.weight, Float32Array.of(1, -2));
  backend.write(state.expAvg, new Float32Array(2));
  backend.write(state.expAvgSq, new Float32Array(2));
  const executable = await backend.compile({
    name: "adamw",
    inputs: [gradient, scalars.keep, scalars.stepSize, scalars.biasCorrection2Sqrt],
    outputs: [],
    updates: [
      { target: state.weight, value: after.weight },
      { target: state.expAvg, value: after.expAvg },
      { target: state.expAvgSq, value: after.expAvgSq },
    ],
  });

  const expected = [1, -2].map((weight) => ({ weight, m: 0, v: 0 }));
  const gradientsByStep = [
    [0.5, -1],
    [0.25, 3],
    [-1, 0],
  ];
  for (const [step, gradients] of gradientsByStep.entries()) {
    const rate = 0.1 / (step + 1);
    const { keep, stepSize, biasCorrection2Sqrt } = adamwScalars(step, rate, options);
    await executable.run(
      [gradients, [keep], [stepSize], [biasCorrection2Sqrt]].map((x) => Float32Array.from(x)),
    );
    for (const [i, one] of expected.entries()) {
      one.m = 0.9 * one.m + 0.1 * gradients[i];
      one.v = 0.99 * one.v + 0.01 * gradients[i] ** 2;
      const mHat = one.m / (1 - 0.9 ** (step + 1));
      const vHat = one.v / (1 - 0.99 ** (step + 1));
      one.weight -= rate * (mHat / (Math.sqrt(vHat) + 1e-3) + 0.1 * one.weight);
      expect((await backend.read(state.weight))[i]).toBeCloseTo(one.weight, 6);
      expect((await backend.read(state.expAvg))[i]).toBeCloseTo(one.m, 6);
      expect((await backend.read(state.expAvgSq))[i]).toBeCloseTo(one.v, 6);
    }
  }
});

describe("clipping", () => {
  const gradients = [constant(Float32Array.of(3, 0), [2]), constant(Float32Array.of(4), [1])];

  test("the norm is over all gradients together", async () => {
    expect(await run([globalNorm(gradients)])).toEqual([Float32Array.of(5)]);
  });

  test("cuts a norm above the limit to it, and leaves one below", async () => {
    const norm = globalNorm(gradients);
    const [[cut], [left]] = await run([clipCoefficient(norm, 1), clipCoefficient(norm, 6)]);
    expect(cut).toBeCloseTo(1 / (5 + 1e-6), 6);
    expect(left).toBe(1);
  });
});
