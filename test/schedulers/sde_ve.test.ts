// The variance exploding SDE: its plan, its steps with a known score, and what it refuses.

import { describe, expect, it } from "vitest";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { makeScheduler, ScoreSdeVeScheduler, torchNoise } from "../../src/schedulers/index.ts";
import { normalScore } from "./harness.ts";

const SHAPE = [8, 16, 16, 1];

describe("ScoreSdeVeScheduler", () => {
  it("visits each noise level for its correctors and its predictor, from sigmaMax to sigmaMin", () => {
    const scheduler = new ScoreSdeVeScheduler({
      correctSteps: 2,
      sigmaMin: 0.1,
      sigmaMax: 10,
      samplingEps: 0,
    });
    scheduler.setTimesteps(3);
    expect(scheduler.order).toBe(3);
    expect(scheduler.numInferenceSteps).toBe(3);
    expect(scheduler.timesteps.length).toBe(9);
    for (const [i, sigma] of [10, 10, 10, 1, 1, 1, 0.1, 0.1, 0.1].entries()) {
      expect(scheduler.sigmas[i]).toBeCloseTo(sigma, 5);
      expect(scheduler.timesteps[i]).toBeCloseTo(sigma, 5);
    }
    expect(scheduler.sigmas[9]).toBe(0);
    scheduler.setTimesteps({ sigmas: [5, 2, 0] });
    expect(scheduler.timesteps).toEqual([5, 5, 5, 2, 2, 2]);
    expect(scheduler.numInferenceSteps).toBe(2);
  });

  it.each([0, 1, 2])(
    "draws a normal distribution with its score, with %d corrector steps",
    (correctSteps) => {
      const scheduler = new ScoreSdeVeScheduler({ sigmaMax: 50, correctSteps });
      scheduler.setTimesteps(300);
      const noise = torchNoise(new TorchGenerator(3));
      let x = hostTensor(
        noise.randn(SHAPE).data.map((z) => z * scheduler.initNoiseSigma),
        SHAPE,
      );
      for (const t of scheduler.timesteps) x = scheduler.step(normalScore(x, t), t, x, { noise }).prevSample;
      const variance = x.data.reduce((sum, value) => sum + value * value, 0) / x.data.length;
      expect(variance).toBeGreaterThan(0.85);
      expect(variance).toBeLessThan(1.15);
    },
  );

  it("says which image a score means", () => {
    const scheduler = new ScoreSdeVeScheduler({ correctSteps: 0 });
    scheduler.setTimesteps({ sigmas: [2, 1, 0] });
    const image = [0.5, -0.25];
    const x = hostTensor(Float32Array.of(2.5, -1.25), [1, 2]);
    const score = hostTensor(
      x.data.map((value, i) => (image[i] - value) / 4),
      [1, 2],
    );
    const zero = hostTensor(new Float32Array(2), [1, 2]);
    const { predOriginalSample, prevSample } = scheduler.step(score, 2, x, { varianceNoise: zero });
    expect([...predOriginalSample.data]).toEqual(image);
    expect([...prevSample.data]).toEqual([2.5 - 3 * 0.5, -1.25 + 3 * 0.25]); // (σ² - σ'²) score
  });

  it("refuses", () => {
    expect(() => new ScoreSdeVeScheduler({ sigmaMin: 5, sigmaMax: 5 })).toThrow(
      "sigmaMin is 5, expected less than",
    );
    expect(() => makeScheduler("sde-ve", { correct_steps: -1 })).toThrow("correct_steps is -1, expected >=0");
    const scheduler = new ScoreSdeVeScheduler();
    expect(() => scheduler.setTimesteps({ timesteps: [3, 2] })).toThrow("its timesteps are σ; give sigmas");
    scheduler.setTimesteps(2);
    const zero = hostTensor(new Float32Array(2), [1, 2]);
    const still = () => scheduler.step(zero, scheduler.timesteps[0], zero, { varianceNoise: zero });
    expect(still).toThrow("the model's score is zero or not finite");
  });
});
