// Prediction targets and loss weights.

import { describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { constant, type Tensor } from "../../src/engine/tensor.ts";
import { predictionTypes, type SolverPredictionType } from "../../src/schedulers/math/prediction.ts";
import {
  addNoise,
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
