// The schedulers whose samples turn from image to noise: x = cos(t) x_0 + sin(t) z.

import { describe, expect, it } from "vitest";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { IPNDMScheduler, makeScheduler, SCMScheduler } from "../../src/schedulers/index.ts";
import { flowError, observedOrders, smoothLevels } from "./gaussian.ts";
import { maxDifference } from "./harness.ts";

const x0 = hostTensor(Float32Array.of(0.1, -0.4, 0.7, 0.2), [1, 2, 2, 1]);
const noise = hostTensor(Float32Array.of(0.3, 1.1, -0.2, -1.5), [1, 2, 2, 1]);
const renewed = hostTensor(Float32Array.of(-1, 0.5, 2, 0.1), [1, 2, 2, 1]);

/** a x_0 + b z */
const mixed = (a: number, b: number, z = noise) =>
  hostTensor(
    x0.data.map((image, i) => a * image + b * z.data[i]),
    x0.shape,
  );

describe("SCMScheduler", () => {
  const sigmaData = 0.25;
  const scheduler = new SCMScheduler({ sigmaData });

  it("turns back to the image, and on to the next angle with new noise", () => {
    scheduler.setTimesteps(5);
    expect(scheduler.initNoiseSigma).toBe(sigmaData);
    for (const [i, t] of scheduler.timesteps.entries()) {
      scheduler.setBeginIndex(i);
      const x = mixed(Math.cos(t), Math.sin(t) * sigmaData);
      expect(maxDifference(scheduler.addNoise(x0, noise, [t]), x)).toBeLessThan(1e-6);
      const direction = mixed(-Math.sin(t), Math.cos(t) * sigmaData);
      const step = scheduler.step(direction, t, x, { varianceNoise: renewed });
      expect(maxDifference(step.predOriginalSample, x0)).toBeLessThan(1e-6);
      const next = scheduler.sigmas[i + 1];
      const expected = mixed(Math.cos(next), Math.sin(next) * sigmaData, renewed);
      expect(maxDifference(step.prevSample, expected)).toBeLessThan(1e-6);
    }
  });

  it("starts at pure noise, and the second of two steps at 1.3", () => {
    scheduler.setTimesteps(2);
    expect(scheduler.timesteps).toEqual([1.5708, 1.3].map(Math.fround));
    scheduler.setTimesteps(4);
    expect(scheduler.timesteps[2]).toBeCloseTo(Math.PI / 4, 4);
    scheduler.setTimesteps({ timesteps: [1.5, 1, 0.2] });
    expect([...scheduler.sigmas]).toEqual([1.5, 1, 0.2, 0].map(Math.fround));
  });

  it("refuses what is no angle, sigmas, and other predictions", () => {
    expect(() => scheduler.setTimesteps({ timesteps: [999] })).toThrow(
      "hold 999, expected numbers above 0, up to 1.5708",
    );
    expect(() => scheduler.setTimesteps({ sigmas: [1, 0] })).toThrow("takes no custom sigmas");
    expect(() => makeScheduler("scm", { prediction_type: "epsilon" })).toThrow(
      'SCMScheduler: prediction_type is "epsilon", expected "trigflow"',
    );
  });
});

describe("IPNDMScheduler", () => {
  it("has the angles of Dance Diffusion", () => {
    const scheduler = new IPNDMScheduler();
    scheduler.setTimesteps(2);
    expect(scheduler.timesteps[0]).toBe(1);
    expect(scheduler.timesteps[1]).toBeCloseTo(1 / 3, 6); // β is 1/2, the sine of 30 degrees
    expect(scheduler.sigmas[1]).toBeCloseTo(0.5, 6);
    scheduler.setTimesteps({ timesteps: [1, 0.5] });
    expect(scheduler.sigmas[1]).toBeCloseTo(Math.SQRT1_2, 6);
  });

  it("follows the probability flow, after a first step of order 1", () => {
    const levelOf = (beta: number) => ({ alpha: Math.sqrt(1 - beta ** 2), sigma: beta });
    const measurement = { target: { mean: 0.4, deviation: 0.6 }, type: "v_prediction", levelOf } as const;
    const errorOf = (count: number) => {
      const scheduler = new IPNDMScheduler();
      const ratios = smoothLevels(1, 0.2, count); // β / α, over which the weights are Adams' and Bashforth's
      scheduler.setTimesteps({ sigmas: ratios.map((ratio) => ratio / Math.hypot(ratio, 1)) });
      return flowError(scheduler, measurement);
    };
    for (const observed of observedOrders(errorOf, [12, 24, 48, 96])) {
      expect(observed).toBeGreaterThan(1.7);
      expect(observed).toBeLessThan(2.5);
    }
  });

  it("predicts the image that v says", () => {
    const scheduler = new IPNDMScheduler();
    scheduler.setTimesteps(6);
    const t = scheduler.timesteps[2];
    const [alpha, beta] = [Math.cos((t * Math.PI) / 2), Math.sin((t * Math.PI) / 2)];
    scheduler.setBeginIndex(2);
    const step = scheduler.step(mixed(-beta, alpha), t, mixed(alpha, beta));
    expect(maxDifference(step.predOriginalSample, x0)).toBeLessThan(1e-6);
    const next = scheduler.sigmas[3];
    expect(maxDifference(step.prevSample, mixed(Math.sqrt(1 - next ** 2), next))).toBeLessThan(1e-6);
  });

  it("takes the noise levels of a run, and refuses others than falling ones", () => {
    const scheduler = makeScheduler("ipndm", { trained_betas: [0.9, 0.5, 0.1] });
    scheduler.setTimesteps(2);
    expect(scheduler.timesteps.length).toBe(2);
    expect(() => scheduler.setTimesteps(3)).toThrow(
      "numInferenceSteps is 3, expected 2, the steps between trainedBetas",
    );
    expect(() => makeScheduler("ipndm", { trained_betas: [0.1, 0.5] })).toThrow(
      "that do not fall, expected at least 2",
    );
    expect(() => makeScheduler("ipndm", { trained_betas: [0.5] })).toThrow(
      "trainedBetas are 1 values, expected",
    );
  });
});
