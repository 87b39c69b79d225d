// DDIMScheduler's variances and edge cases, and its agreement with DDPM.

import { describe, expect, it } from "vitest";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { DDIMScheduler, DDPMScheduler, torchNoise } from "../../src/schedulers/index.ts";
import { dummyModel, dummyNoiseDeter, dummySampleDeter, maxDifference } from "./harness.ts";

const seeded = () => torchNoise(new TorchGenerator(0));
const predictionTypes = ["epsilon", "sample", "v_prediction"] as const;
const sample = hostTensor(Float32Array.of(0.1, -0.4, 0.7, 0.2), [1, 2, 2, 1]);
const output = hostTensor(Float32Array.of(0.3, 0.1, -0.2, 0.5), [1, 2, 2, 1]);

describe("DDIMScheduler", () => {
  it("has diffusers' variances", () => {
    const scheduler = new DDIMScheduler();
    for (const [t, previous, expected] of [
      [0, 0, 0],
      [420, 400, 0.14771],
      [980, 960, 0.3246],
      [487, 486, 0.00979],
      [999, 998, 0.02],
    ] as const) {
      expect(Math.abs(scheduler.getVariance(t, previous) - expected)).toBeLessThan(1e-5);
    }
  });

  it("adds the offset to its timesteps", () => {
    const scheduler = new DDIMScheduler({ stepsOffset: 1 });
    scheduler.setTimesteps(5);
    expect(scheduler.timesteps).toEqual([801, 601, 401, 201, 1]);
  });

  it("needs setTimesteps before a step", () => {
    expect(() => new DDIMScheduler().step(output, 1, sample)).toThrow("call setTimesteps first");
  });

  it("strides by floor(T / steps), or along custom timesteps", () => {
    const scheduler = new DDIMScheduler({ timestepSpacing: "trailing" });
    scheduler.setTimesteps(7);
    expect(scheduler.timesteps.slice(-2)).toEqual([285, 142]);
    expect(scheduler.previousTimestep(285)).toBe(143);
    scheduler.setTimesteps({ timesteps: [800, 300, 10] });
    expect(scheduler.timesteps.map((t) => scheduler.previousTimestep(t))).toEqual([300, 10, -1]);
  });

  const combinations = (["leading", "trailing", "linspace"] as const).flatMap((timestepSpacing) =>
    predictionTypes.flatMap((predictionType) =>
      [false, true].map((rescaleBetasZeroSnr) => ({ timestepSpacing, predictionType, rescaleBetasZeroSnr })),
    ),
  );

  it.each(combinations)("samples finite values: %o", (options) => {
    const scheduler = new DDIMScheduler(options);
    for (const steps of [1, 2, 7, 25, 1000]) {
      for (const eta of [0, 0.5, 1]) {
        scheduler.setTimesteps(steps);
        const noise = seeded();
        let x = sample;
        for (const t of scheduler.timesteps) x = scheduler.step(output, t, x, { eta, noise }).prevSample;
        expect(x.data.every(Number.isFinite)).toBe(true);
        const previous = scheduler.previousTimestep(scheduler.timesteps[steps - 1]);
        const exact = options.timestepSpacing !== "trailing" || 1000 % steps === 0;
        if (exact) expect(previous).toBeLessThan(0);
        else expect(previous).toBeLessThanOrEqual(Math.floor(1000 / steps));
      }
    }
  });

  it("draws noise only when eta > 0", () => {
    const scheduler = new DDIMScheduler();
    scheduler.setTimesteps(10);
    const still = scheduler.step(output, 500, sample);
    expect(scheduler.step(output, 500, sample, { noise: seeded() })).toEqual(still);
    expect(() => scheduler.step(output, 500, sample, { eta: 0.5 })).toThrow("give it options.noise");
    expect(() => scheduler.step(output, 500, sample, { eta: 1.5 })).toThrow("eta is 1.5, expected 0 .. 1");
    const varianceNoise = seeded().randn(sample.shape);
    const drawn = scheduler.step(output, 500, sample, { eta: 0.5, noise: seeded() });
    expect(scheduler.step(output, 500, sample, { eta: 0.5, varianceNoise })).toEqual(drawn);
    expect(() => scheduler.step(output, 500, sample, { eta: 1, varianceNoise, noise: seeded() })).toThrow(
      "both",
    );
  });

  it("follows the true noise back to where it came from", () => {
    const [x0, noise] = [dummySampleDeter(), dummyNoiseDeter()];
    for (const predictionType of predictionTypes) {
      const scheduler = new DDIMScheduler({ predictionType });
      scheduler.setTimesteps(10);
      const xt = scheduler.addNoise(x0, noise, [500]);
      const model = { epsilon: noise, sample: x0, v_prediction: scheduler.getVelocity(x0, noise, [500]) };
      const { prevSample } = scheduler.step(model[predictionType], 500, xt);
      const expected = scheduler.addNoise(x0, noise, [400]);
      expect(maxDifference(prevSample, expected)).toBeLessThan(5e-6);
    }
  });

  it.each(predictionTypes)("with eta 1 is DDPM, step by step (%s)", (predictionType) => {
    for (const clipSample of [false, true]) {
      const ddim = new DDIMScheduler({ predictionType, clipSample });
      const ddpm = new DDPMScheduler({ predictionType, clipSample });
      for (const steps of [10, 50, 1000]) {
        ddim.setTimesteps(steps);
        ddpm.setTimesteps(steps);
        let x = dummySampleDeter();
        const noise = seeded();
        for (const t of ddpm.timesteps.filter((_, i) => i % Math.ceil(steps / 25) === 0)) {
          const varianceNoise = noise.randn(x.shape);
          const model = dummyModel(x, t);
          // Clipping changes x_0; DDPM's mean then belongs to the epsilon of the clipped x_0.
          const a = ddim.step(model, t, x, { eta: 1, varianceNoise, useClippedModelOutput: true });
          const b = ddpm.step(model, t, x, { varianceNoise });
          expect(maxDifference(a.prevSample, b.prevSample)).toBeLessThan(1e-5);
          x = b.prevSample;
        }
      }
    }
  });

  it("ends at ᾱ_0 when setAlphaToOne is false", () => {
    const scheduler = new DDIMScheduler({ setAlphaToOne: false });
    expect(scheduler.finalAlphaCumprod).toBe(scheduler.alphasCumprod[0]);
    scheduler.setTimesteps(10);
    const { prevSample } = scheduler.step(output, 0, sample);
    expect(maxDifference(prevSample, sample)).toBeLessThan(1e-6);
  });

  it("refuses an output of another shape", () => {
    const scheduler = new DDIMScheduler();
    scheduler.setTimesteps(10);
    const wide = hostTensor(new Float32Array(8), [1, 2, 2, 2]);
    expect(() => scheduler.step(wide, 0, sample)).toThrow(
      "the model's output has shape [1, 2, 2, 2], expected [1, 2, 2, 1]",
    );
  });
});
