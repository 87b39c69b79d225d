// Options that the schedulers over betas refuse; and some of their single values.

import { describe, expect, it } from "vitest";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import {
  CMStochasticIterativeScheduler,
  DDIMInverseScheduler,
  DDIMScheduler,
  LCMScheduler,
  makeScheduler,
  PNDMScheduler,
  TCDScheduler,
  UnCLIPScheduler,
} from "../../src/schedulers/index.ts";

describe("refused by name", () => {
  it.each([
    ["ddim-inverse", { prediction_type: "sample" }, 'predictionType "sample" needs setAlphaToOne false'],
    [
      "ddim-inverse",
      { timestep_spacing: "linspace" },
      'timestep_spacing is "linspace", expected "leading" or',
    ],
    [
      "pndm",
      { prediction_type: "sample" },
      'prediction_type is "sample", expected "epsilon" or "v_prediction"',
    ],
    [
      "unclip",
      { prediction_type: "v_prediction" },
      'prediction_type is "v_prediction", expected "epsilon" or',
    ],
    ["unclip", { beta_schedule: "linear" }, 'beta_schedule is "linear", expected "squaredcos_cap_v2"'],
    ["cm", { sigma_min: 90 }, "sigmaMin is 90 and sigmaMax 80, expected sigmaMin < sigmaMax"],
  ] as const)("%s with %o", (name, options, message) => {
    expect(() => makeScheduler(name, options)).toThrow(message);
  });

  it("numbers of steps that a sampler cannot do", () => {
    expect(() => new PNDMScheduler().setTimesteps(3)).toThrow(
      "expected at least 4 for the Runge-Kutta steps",
    );
    expect(() => new UnCLIPScheduler().setTimesteps(1)).toThrow(
      "numInferenceSteps is 1, expected at least 2",
    );
    expect(() => new LCMScheduler().setTimesteps(51)).toThrow("at most originalInferenceSteps = 50");
    expect(() => new TCDScheduler({ originalInferenceSteps: 2000 }).setTimesteps(4)).toThrow(
      "originalInferenceSteps is 2000, expected at most numTrainTimesteps = 1000",
    );
    expect(() => new CMStochasticIterativeScheduler().setTimesteps({ sigmas: [2, 1] })).toThrow(
      "custom sigmas",
    );
  });

  it("steps before the number of steps is known", () => {
    const x = hostTensor(Float32Array.of(0.1, 0.2), [1, 2]);
    for (const scheduler of [
      new PNDMScheduler(),
      new LCMScheduler(),
      new TCDScheduler(),
      new DDIMInverseScheduler(),
    ]) {
      expect(() => scheduler.step(x, 999, x)).toThrow("call setTimesteps first");
    }
  });
});

describe("numbers", () => {
  it("timesteps as diffusers chooses them", () => {
    const pndm = new PNDMScheduler({ stepsOffset: 1 });
    pndm.setTimesteps(10);
    const rungeKutta = [901, 851, 851, 801, 801, 751, 751, 701, 701, 651, 651, 601];
    expect(pndm.timesteps).toEqual([...rungeKutta, 601, 501, 401, 301, 201, 101, 1]);
    const inverse = new DDIMInverseScheduler({ stepsOffset: 1 });
    inverse.setTimesteps(5);
    expect(inverse.timesteps).toEqual([1, 201, 401, 601, 801]);
  });

  it("unCLIP's deviations", () => {
    const scheduler = new UnCLIPScheduler();
    expect(Math.sqrt(scheduler.getVariance(487))).toBeCloseTo(0.0549625, 5);
    expect(Math.sqrt(scheduler.getVariance(999))).toBeCloseTo(0.9994987, 5);
  });

  it("DDIM leads back from where DDIM run backwards has led, for noise that does not depend on the image", () => {
    const [inverse, forward] = [
      new DDIMInverseScheduler({ clipSample: false }),
      new DDIMScheduler({ clipSample: false }),
    ];
    const image = hostTensor(Float32Array.of(-0.9, -0.2, 0.4, 1), [1, 4]);
    const epsilon = hostTensor(Float32Array.of(0.5, -1, 0.1, 2), [1, 4]);
    inverse.setTimesteps(20);
    forward.setTimesteps(20);
    let sample = image;
    for (const t of inverse.timesteps) sample = inverse.step(epsilon, t, sample).prevSample;
    for (const t of forward.timesteps) sample = forward.step(epsilon, t, sample).prevSample;
    for (const [i, value] of sample.data.entries()) expect(value).toBeCloseTo(image.data[i], 4);
  });
});
