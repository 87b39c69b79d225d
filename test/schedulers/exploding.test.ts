// The schedulers for samples x = x_0 + σ ε with all their spacings, and the options that they refuse.

import { describe, expect, it } from "vitest";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import {
  DPMSolverSDEScheduler,
  EDMEulerScheduler,
  EulerAncestralDiscreteScheduler,
  EulerDiscreteScheduler,
  HeunDiscreteScheduler,
  KDPM2AncestralDiscreteScheduler,
  KDPM2DiscreteScheduler,
  LMSDiscreteScheduler,
  type Scheduler,
  torchNoise,
} from "../../src/schedulers/index.ts";
import { dummyModel } from "./harness.ts";

const spaced = [
  EulerDiscreteScheduler,
  HeunDiscreteScheduler,
  LMSDiscreteScheduler,
  KDPM2DiscreteScheduler,
  KDPM2AncestralDiscreteScheduler,
  DPMSolverSDEScheduler,
];
const all = [...spaced, EulerAncestralDiscreteScheduler];
const twoStage = [
  HeunDiscreteScheduler,
  KDPM2DiscreteScheduler,
  KDPM2AncestralDiscreteScheduler,
  DPMSolverSDEScheduler,
];
const name = (scheduler: { className: string }) => scheduler.className;
const sigmaOptions = [{}, { useKarrasSigmas: true }, { useExponentialSigmas: true }, { useBetaSigmas: true }];
const start = hostTensor(Float32Array.of(0.1, -0.4, 0.7, 0.2), [1, 2, 2, 1]);

function ends(scheduler: Scheduler, steps: number): void {
  scheduler.setTimesteps(steps);
  expect(scheduler.numInferenceSteps).toBe(steps);
  expect(scheduler.timesteps.length).toBe(scheduler.order * steps - (scheduler.order - 1));
  const noise = torchNoise(new TorchGenerator(0));
  let x = hostTensor(
    start.data.map((value) => value * scheduler.initNoiseSigma),
    start.shape,
  );
  expect(scheduler.timesteps.every((t) => t >= 0 && t < scheduler.numTrainTimesteps)).toBe(true);
  for (const t of scheduler.timesteps) {
    x = scheduler.step(dummyModel(scheduler.scaleModelInput(x, t), t), t, x, { noise }).prevSample;
  }
  expect(x.shape).toEqual(start.shape);
  expect(x.data.every(Number.isFinite)).toBe(true);
  expect(() => scheduler.step(start, 0, start, { noise })).toThrow("all its steps");
}

describe("sampling", () => {
  const cases = all.map((type) => ({ type, className: name(type) }));

  it.each(cases)("$className is finite at every spacing, prediction and number of steps", ({ type }) => {
    for (const timestepSpacing of ["leading", "trailing", "linspace"] as const) {
      for (const predictionType of ["epsilon", "sample", "v_prediction"] as const) {
        const ways = type === EulerAncestralDiscreteScheduler ? [{}] : sigmaOptions;
        for (const options of ways) {
          const scheduler = new type({ timestepSpacing, predictionType, ...options });
          for (const steps of [1, 2, 7, 25]) ends(scheduler, steps);
        }
        ends(new type({ timestepSpacing, predictionType }), 1000);
      }
    }
  });

  it.each(cases)("$className reads what it wrote", ({ type }) => {
    const scheduler = new type({ predictionType: "v_prediction", stepsOffset: 1, betaSchedule: "exp" });
    const read = type.fromConfig(JSON.parse(JSON.stringify(scheduler.toConfig())));
    expect(read.config).toEqual(scheduler.config);
    expect(read.toConfig()._class_name).toBe(name(type));
  });

  it.each(cases)("$className takes custom timesteps and sigmas", ({ type }) => {
    const scheduler = new type();
    scheduler.setTimesteps({ timesteps: [900, 500, 100] });
    expect(scheduler.numInferenceSteps).toBe(3);
    expect(scheduler.timesteps).toContain(500);
    scheduler.setTimesteps({ sigmas: [10, 2, 0.5, 0] });
    expect(scheduler.numInferenceSteps).toBe(3);
    expect([...scheduler.sigmas]).toContain(2);
    expect(() => scheduler.setTimesteps({ timesteps: [5, 7] })).toThrow("expected descending order");
    expect(() => scheduler.setTimesteps({ timesteps: [1000] })).toThrow("hold 1000");
    expect(() => scheduler.setTimesteps({ sigmas: [1] })).toThrow("expected at least a start and an end");
    expect(() => scheduler.setTimesteps({ numInferenceSteps: 3, mu: 1 })).toThrow("useDynamicShifting");
    expect(() => scheduler.setTimesteps(0)).toThrow("numInferenceSteps is 0");
  });

  it.each(spaced.map((type) => ({ type, className: name(type) })))(
    "$className refuses two spacings, and custom timesteps with one",
    ({ type }) => {
      expect(() => new type({ useKarrasSigmas: true, useBetaSigmas: true })).toThrow(
        "useKarrasSigmas and useBetaSigmas are true, expected at most one of them",
      );
      const karras = new type({ useKarrasSigmas: true });
      expect(() => karras.setTimesteps({ timesteps: [5] })).toThrow("do not go with a spacing of sigmas");
    },
  );

  it("EulerAncestralDiscreteScheduler has no spacing of sigmas", () => {
    const options: object = { useKarrasSigmas: true };
    expect(() => new EulerAncestralDiscreteScheduler(options)).toThrow("has no option useKarrasSigmas");
  });

  it.each(twoStage.map((type) => ({ type, className: name(type) })))(
    "$className begins runs at the beginning of a step",
    ({ type }) => {
      const scheduler = new type();
      const noise = torchNoise(new TorchGenerator(0));
      scheduler.setTimesteps(5);
      scheduler.setBeginIndex(3);
      expect(() => scheduler.step(start, scheduler.timesteps[3], start, { noise })).toThrow(
        "sampling starts in the second half of a step; start at an even index of timesteps",
      );
      scheduler.setTimesteps(5);
      const fourth = scheduler.timesteps[4];
      scheduler.step(start, fourth, start, { noise });
      expect(scheduler.stepIndex).toBe(5);
    },
  );
});

describe("EDMEulerScheduler", () => {
  it("is finite for every number of steps", () => {
    for (const sigmaSchedule of ["karras", "exponential"] as const) {
      for (const finalSigmasType of ["zero", "sigma_min"] as const) {
        const scheduler = new EDMEulerScheduler({ sigmaSchedule, finalSigmasType });
        for (const steps of [1, 2, 7, 25, 1000]) {
          scheduler.setTimesteps(steps);
          expect(scheduler.sigmas[0]).toBeCloseTo(80, 4);
          expect(scheduler.sigmas[steps]).toBe(finalSigmasType === "zero" ? 0 : Math.fround(0.002));
          let x = start;
          for (const t of scheduler.timesteps) x = scheduler.step(x, t, x).prevSample;
          expect(x.data.every(Number.isFinite)).toBe(true);
        }
      }
    }
  });

  it("takes sigmas, whose timesteps are log(σ) / 4", () => {
    const scheduler = new EDMEulerScheduler();
    scheduler.setTimesteps({ sigmas: [10, 1, 0] });
    expect(scheduler.timesteps).toEqual([Math.fround(Math.log(10) / 4), 0]);
    expect(() => scheduler.setTimesteps({ timesteps: [3] })).toThrow("give sigmas");
    expect(() => new EDMEulerScheduler({ sigmaMin: 90 })).toThrow(
      "sigmaMin is 90, expected less than sigmaMax",
    );
    const sample: object = { predictionType: "sample" };
    expect(() => new EDMEulerScheduler(sample)).toThrow('predictionType is "sample"');
  });

  it("adds noise back where sChurn asks for it", () => {
    const scheduler = new EDMEulerScheduler();
    scheduler.setTimesteps(10);
    const t = scheduler.timesteps[0];
    expect(() => scheduler.step(start, t, start, { sChurn: 1 })).toThrow("give it options.noise");
    expect(() => scheduler.step(start, t, start, { sChurn: 1, sTmax: 1 })).not.toThrow();
  });
});
