// Prediction targets and loss weights.

import { describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { constant, type Tensor } from "../../src/engine/tensor.ts";
import {
  predictionTypes,
  type SolverPredictionType,
  solverPredictionTypes,
} from "../../src/schedulers/math/prediction.ts";
import {
  addNoise,
  conversionWeight,
  flowConversionWeight,
  meanSquaredError,
  minSnrWeight,
  predictionTarget,
} from "../../src/training/step/losses.ts";

async function valueOfTensor(tensor: Tensor): Promise<number[]> {
  const executable = await new ReferenceBackend().compile({ name: "test", inputs: [], outputs: [tensor] });
  const [values] = await executable.run([]);
  return [...values];
}
const pixel = (value: number) => constant(Float32Array.of(value), [1, 1, 1, 1]);
const scales = { alpha: pixel(0.75), sigma: pixel(0.5) };

test("noising mixes the image and the noise", async () => {
  expect(await valueOfTensor(addNoise(pixel(2), pixel(4), scales))).toEqual([3.5]);
});

test("the targets are the noise, the image, the velocity, and the way from image to noise", async () => {
  const targetOf = (type: SolverPredictionType) =>
    valueOfTensor(predictionTarget(type, pixel(2), pixel(4), scales));
  expect(await targetOf("epsilon")).toEqual([4]);
  expect(await targetOf("sample")).toEqual([2]);
  expect(await targetOf("v_prediction")).toEqual([2]);
  expect(await targetOf("flow_prediction")).toEqual([2]);
});

test("the squared error is a mean by image, weighed, then over the batch", async () => {
  const prediction = constant(Float32Array.of(1, 2, 3, 4), [2, 1, 2, 1]);
  const target = constant(new Float32Array(4), [2, 1, 2, 1]);
  expect(await valueOfTensor(meanSquaredError(prediction, target, null))).toEqual([7.5]);
  const weights = constant(Float32Array.of(1, 2), [2]);
  expect(await valueOfTensor(meanSquaredError(prediction, target, weights))).toEqual([(2.5 + 2 * 12.5) / 2]);
});

describe("min-SNR weights", () => {
  test("at SNR 3 and gamma 5, and at SNR 9", () => {
    expect(minSnrWeight("epsilon", 0.75, 5)).toBe(1);
    expect(minSnrWeight("sample", 0.75, 5)).toBe(3);
    expect(minSnrWeight("v_prediction", 0.75, 5)).toBe(3 / 4);
    expect(minSnrWeight("epsilon", 0.9, 5)).toBeCloseTo(5 / 9, 12);
    expect(minSnrWeight("sample", 0.9, 5)).toBe(5);
    expect(minSnrWeight("v_prediction", 0.9, 5)).toBeCloseTo(5 / 10, 12);
  });

  test.each(predictionTypes)("are finite for %s without signal and without noise", (type) => {
    expect(minSnrWeight(type, 0, 5)).toBe(type === "epsilon" ? 1 : 0);
    expect(minSnrWeight(type, 1, 5)).toBe(type === "sample" ? 5 : 0);
  });
});

describe.each(solverPredictionTypes)("a prediction of %s", (predicted) => {
  const of = (type: SolverPredictionType, x0: number, epsilon: number, alpha: number, sigma: number) =>
    ({
      epsilon,
      sample: x0,
      v_prediction: alpha * epsilon - sigma * x0,
      flow_prediction: epsilon - x0,
    })[type];

  test.each(solverPredictionTypes)("weighted to the loss of %s", async (measured) => {
    for (const [alpha, sigma] of [
      [0.6, 0.8],
      [0.28, 0.96],
      [0.3, 0.7],
    ]) {
      // Two images that give the same noisy value.
      const [x0, epsilon] = [0.4, -0.7];
      const other = 0.9;
      const otherEpsilon = epsilon + (alpha * (x0 - other)) / sigma;
      const error = (type: SolverPredictionType) =>
        (of(type, x0, epsilon, alpha, sigma) - of(type, other, otherEpsilon, alpha, sigma)) ** 2;
      const expected = error(measured) / error(predicted);
      expect(conversionWeight(predicted, measured, { alpha, sigma }) / expected).toBeCloseTo(1, 10);
      if (predicted !== "flow_prediction" || alpha + sigma !== 1) continue;
      const weight = flowConversionWeight(measured, constant(Float32Array.of(sigma), [1]));
      const [value] = weight === null ? [1] : await valueOfTensor(weight);
      expect(value / expected).toBeCloseTo(1, 5);
    }
  });
});

test("weights of conversion stay bounded where image or noise vanishes", () => {
  for (const predicted of solverPredictionTypes) {
    for (const measured of solverPredictionTypes) {
      for (const [alpha, sigma] of [
        [1, 0],
        [0, 1],
      ]) {
        const weight = conversionWeight(predicted, measured, { alpha, sigma });
        expect(weight).toBeGreaterThan(0);
        expect(weight).toBeLessThan(500);
      }
    }
  }
});
