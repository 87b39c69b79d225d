// Training in fp16: the scale of the loss adapts, and a step that overflows is computed again.

import { describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { createBackend } from "../../src/engine/backends/create.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { PRESETS } from "../../src/training/presets.ts";
import { LossScale } from "../../src/training/step/loss_scale.ts";
import { StepComputer } from "../../src/training/step/step_computer.ts";
import { traceStep } from "../../src/training/step/traced_step.ts";
import { backendNames } from "../support/backends.ts";
import { relativeError } from "../support/compare.ts";
import { tinyStep } from "../support/tiny_step.ts";

const settings = {
  ...PRESETS.quick32.settings,
  steps: 20,
  batchSize: 4,
  warmupSteps: 2,
  seed: 1,
  labelDropout: 0,
  precision: "fp16" as const,
  microbatch: null,
};

function traced(backend: Backend, precision: "fp32" | "fp16") {
  const step = tinyStep(settings.batchSize);
  return traceStep(backend, { ...step, precision, maxGradNorm: 1, ema: true });
}

const batch = (step: number) => ({
  step,
  images: Float32Array.from({ length: 4 * 8 * 8 * 3 }, (_, i) => Math.sin(i * 0.37 + step)),
});

/** Trains: losses, scales and final weights. @param scale to begin with */
async function train(backend: Backend, precision: "fp32" | "fp16", steps: number, scale?: number) {
  const step = traced(backend, precision);
  if (scale !== undefined) step.lossScale?.restore({ scale, goodSteps: 0 });
  const computer = await StepComputer.begin(backend, step, { ...settings, precision });
  const losses: number[] = [];
  const scales: (number | undefined)[] = [];
  for (let i = 1; i <= steps; i++) {
    const { loss, lossScale } = await computer.compute(batch(i));
    losses.push(loss);
    scales.push(lossScale);
  }
  const { network } = await computer.values(steps);
  computer.dispose();
  return { losses, scales, weights: [...network.values()].flatMap(({ data }) => [...data]) };
}

/** Each loss within this of the other's. */
function expectNear(losses: readonly number[], others: readonly number[], tolerance: number): void {
  for (const [i, loss] of losses.entries()) {
    expect(Math.abs(loss / others[i] - 1), `step ${i + 1}`).toBeLessThan(tolerance);
  }
}

const reference = new ReferenceBackend();
const whole = await train(reference, "fp32", settings.steps);
const half = await train(reference, "fp16", settings.steps);

test("in fp16 a model learns nearly as in fp32", () => {
  expectNear(half.losses, whole.losses, 5e-3);
  expect(half.losses).not.toEqual(whole.losses);
});

describe.each(backendNames)("on %s", (name) => {
  test("twenty steps are those of the same roundings in float64; an overflow halves the scale and loses no step", async () => {
    const backend = await createBackend({ backend: name, threads: 2 });
    try {
      const own = await train(backend, "fp16", settings.steps);
      expect(own.scales).toEqual(half.scales);
      expectNear(own.losses, half.losses, 2e-3);
      expect(relativeError(own.weights, half.weights)).toBeLessThan(0.01);
      // The first step is computed until its gradients fit; then nothing is lost.
      const overflowed = await train(backend, "fp16", 3, 2 ** 32);
      expect(overflowed.scales[0]).toBeLessThan(2 ** 32);
      expect(overflowed.losses).toHaveLength(3);
      expect(overflowed.losses[0]).toBe(own.losses[0]);
      expectNear(overflowed.losses, own.losses, 2e-3);
    } finally {
      await backend.close();
    }
  });
});

describe("the scale of the loss", () => {
  test("doubles after 2,000 good steps, halves after an overflow and counts anew", () => {
    const scale = new LossScale();
    const start = scale.scale;
    const good = (count: number) => {
      for (let i = 0; i < count; i++) scale.succeeded();
    };
    good(1999);
    expect(scale.scale).toBe(start);
    good(1);
    expect(scale.scale).toBe(2 * start);
    good(1000);
    expect(scale.failed()).toBe(true);
    expect(scale.state()).toEqual({ scale: start, goodSteps: 0 });
  });

  test("ends at 1: then the numbers themselves are too large", () => {
    const scale = new LossScale();
    scale.restore({ scale: 2, goodSteps: 7 });
    expect(scale.failed()).toBe(true);
    expect(scale.scale).toBe(1);
    expect(scale.failed()).toBe(false);
  });

  test.each([3, 0.5, 0, -2, 2 ** 33, Number.NaN])("is not %s", (wrong) => {
    expect(() => new LossScale().restore({ scale: wrong, goodSteps: 0 })).toThrow(RangeError);
  });
});
