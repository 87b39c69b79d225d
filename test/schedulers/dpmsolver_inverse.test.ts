// DPM-Solver from images to noise: it undoes what DPM-Solver does, and refuses what has no inverse.

import { describe, expect, it } from "vitest";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import {
  DPMSolverMultistepInverseScheduler,
  DPMSolverMultistepScheduler,
  makeScheduler,
} from "../../src/schedulers/index.ts";
import type { NoiseLevel } from "../../src/schedulers/math/prediction.ts";
import { flowError, observedOrders } from "./gaussian.ts";

const preserving = (sigma: number): NoiseLevel => {
  const alpha = 1 / Math.hypot(sigma, 1);
  return { alpha, sigma: sigma * alpha };
};
const measurement = { target: { mean: 0.4, deviation: 0.6 }, type: "epsilon", levelOf: preserving } as const;

describe("DPMSolverMultistepInverseScheduler", () => {
  it.each(["dpmsolver", "dpmsolver++"] as const)(
    "%s follows the probability flow to noise",
    (algorithmType) => {
      const errorOf = (steps: number) => {
        const scheduler = new DPMSolverMultistepInverseScheduler({
          algorithmType,
          useExponentialSigmas: true,
        });
        scheduler.setTimesteps(steps);
        return flowError(scheduler, measurement);
      };
      for (const observed of observedOrders(errorOf, [50, 100, 200])) {
        expect(observed).toBeGreaterThan(1.7);
        expect(observed).toBeLessThan(2.5);
      }
    },
  );

  it("leads to where DPM-Solver leads back from, for noise that does not depend on the image", () => {
    const [inverse, forward] = [
      new DPMSolverMultistepInverseScheduler({ algorithmType: "dpmsolver" }),
      new DPMSolverMultistepScheduler({ algorithmType: "dpmsolver", finalSigmasType: "sigma_min" }),
    ];
    const image = hostTensor(Float32Array.of(-0.9, -0.2, 0.4, 1), [1, 4]);
    const epsilon = hostTensor(Float32Array.of(0.5, -1, 0.1, 2), [1, 4]);
    inverse.setTimesteps(20);
    forward.setTimesteps(20);
    expect(inverse.timesteps.slice(1)).toEqual(forward.timesteps.slice(1).toReversed());
    expect(inverse.sigmas).toEqual(forward.sigmas.toReversed());
    let sample = image;
    for (const t of inverse.timesteps) sample = inverse.step(epsilon, t, sample).prevSample;
    for (const t of forward.timesteps) sample = forward.step(epsilon, t, sample).prevSample;
    for (const [i, value] of sample.data.entries()) expect(value).toBeCloseTo(image.data[i], 4);
  });

  it("keeps timesteps that repeat when rounded, each with its noise level", () => {
    const scheduler = new DPMSolverMultistepInverseScheduler({ useKarrasSigmas: true });
    scheduler.setTimesteps(200);
    expect(scheduler.timesteps.length).toBe(200);
    expect(new Set(scheduler.timesteps).size).toBeLessThan(200);
    const sigmas = Array.from(scheduler.sigmas.subarray(0, 200));
    expect(sigmas).toEqual(sigmas.toSorted((a, b) => a - b));
  });

  it.each([
    [{ algorithm_type: "sde-dpmsolver++" }, /algorithm_type is "sde-dpmsolver\+\+", expected "dpmsolver"/],
    [{ use_flow_sigmas: true }, "use_flow_sigmas is true, expected false"],
    [{ prediction_type: "flow_prediction" }, 'prediction_type is "flow_prediction"'],
    [{ solver_order: 4 }, "solver_order is 4"],
  ])("refuses %j", (options, message) => {
    expect(() => makeScheduler("dpm++-inverse", options)).toThrow(message);
  });

  it("refuses custom timesteps and sigmas", () => {
    const scheduler = new DPMSolverMultistepInverseScheduler();
    for (const spec of [{ timesteps: [5, 3] }, { sigmas: [2, 1] }]) {
      expect(() => scheduler.setTimesteps(spec)).toThrow("takes no custom timesteps or sigmas");
    }
  });
});
