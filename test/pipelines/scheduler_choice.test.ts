// The scheduler that a pipeline draws with.

import { describe, expect, test } from "vitest";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { chosenScheduler } from "../../src/pipelines/scheduler_choice.ts";
import {
  DDPMScheduler,
  EDMEulerScheduler,
  EulerDiscreteScheduler,
  FlowMatchEulerDiscreteScheduler,
  HeunDiscreteScheduler,
  makeScheduler,
  SCMScheduler,
} from "../../src/schedulers/index.ts";

const linear = new DDPMScheduler();
const noisy = new DDPMScheduler({
  betaSchedule: "squaredcos_cap_v2",
  predictionType: "v_prediction",
  rescaleBetasZeroSnr: true,
});

describe("options", () => {
  test("are the model's where nothing else is said, by either kind of name", () => {
    const plain = chosenScheduler("dpm++", noisy, "ddpm");
    expect(plain.config).toEqual(makeScheduler("dpm++", noisy).config);
    const options = { use_karras_sigmas: true, solverOrder: 3 };
    expect(chosenScheduler("dpm++", noisy, "ddpm", { options }).config).toEqual({
      ...plain.config,
      useKarrasSigmas: true,
      solverOrder: 3,
    });
    expect(chosenScheduler(undefined, noisy, "ddpm").config).toEqual(noisy.config);
  });

  test("that are wrong are named", () => {
    for (const [name, options, message] of [
      ["euler", { solverOrder: 2 }, "euler has no option solverOrder; its options are numTrainTimesteps, "],
      ["euler", { useKarrasSigmas: 1 }, "EulerDiscreteScheduler: use_karras_sigmas is 1, expected boolean"],
      ["eulr", {}, 'scheduler is "eulr", expected ddpm or ddim'],
      ["repaint", {}, "give image and mask to a RePaintPipeline"],
      ["cm", {}, "cm draws with models of consistency, which this one is not; use ddpm"],
    ] as const) {
      expect(() => chosenScheduler(name, linear, "ddpm", { options })).toThrow(message);
    }
  });
});

describe.each(["heun", "dpm2", "dpm2-ancestral"] as const)("%s", (name) => {
  const sigmaMax = (scheduler: { initNoiseSigma: number }) => scheduler.initNoiseSigma;

  test("starts where a trace of the image is left, at the model's own noise levels", () => {
    const scheduler = chosenScheduler(name, noisy, "ddpm");
    scheduler.setTimesteps(10);
    expect(sigmaMax(scheduler)).toBeGreaterThan(70);
    expect(sigmaMax(scheduler)).toBeLessThanOrEqual(80.01);
    expect(scheduler.config).toMatchObject({ useKarrasSigmas: true, numTrainTimesteps: 991 });
    expect(scheduler.timesteps[0]).toBeCloseTo(990, 3);
    const spaced = chosenScheduler(name, noisy, "ddpm", { options: { useKarrasSigmas: false } });
    spaced.setTimesteps(10);
    expect(spaced.config).toMatchObject({ useKarrasSigmas: false, numTrainTimesteps: 991 });
    expect(sigmaMax(spaced)).toBeLessThanOrEqual(80.01);
  });

  test("is diffusers' for other models, and where its numbers are asked for", () => {
    expect(chosenScheduler(name, linear, "ddpm").config).toEqual(makeScheduler(name, linear).config);
    const asThere = chosenScheduler(name, noisy, "ddpm", { seedCompat: "torch" });
    expect(asThere.config).toEqual(makeScheduler(name, noisy).config);
    asThere.setTimesteps(10);
    expect(sigmaMax(asThere)).toBeGreaterThan(4000);
  });
});

test("dpm++-singlestep starts from less noise where the model answers with epsilon", () => {
  const epsilon = new DDPMScheduler({ betaSchedule: "squaredcos_cap_v2" });
  const scheduler = chosenScheduler("dpm++-singlestep", epsilon, "ddpm");
  scheduler.setTimesteps(10);
  expect(scheduler.config).toMatchObject({ lambdaMinClipped: -3, numTrainTimesteps: 1000 });
  expect(scheduler.timesteps[0]).toBeLessThan(980);
  const velocity = chosenScheduler("dpm++-singlestep", noisy, "ddpm");
  expect(velocity.config).toEqual(makeScheduler("dpm++-singlestep", noisy).config);
});

describe("a flow", () => {
  const flow = new FlowMatchEulerDiscreteScheduler({ shift: 3 });

  test.each(["dpm++", "dpm++-singlestep", "unipc"] as const)("is followed by %s", (name) => {
    const scheduler = chosenScheduler(name, flow, "flow-match-euler");
    expect(scheduler.config).toMatchObject({
      useFlowSigmas: true,
      predictionType: "flow_prediction",
      flowShift: 3,
    });
    // Where noise and the velocity are known, every solver goes straight to the image.
    scheduler.setTimesteps(10);
    const image = [0.5, -0.25, 0, 1];
    let sample = hostTensor(Float32Array.of(1, -2, 0.5, 0.1), [1, 4]);
    const velocity = hostTensor(
      sample.data.map((x, i) => x - image[i]),
      [1, 4],
    );
    for (const t of scheduler.timesteps) sample = scheduler.step(velocity, t, sample).prevSample;
    for (const [i, x] of sample.data.entries()) expect(Math.abs(x - image[i])).toBeLessThan(2e-3);
  });

  test("is not followed by the others", () => {
    for (const name of ["ddim", "deis", "sa-solver", "euler"]) {
      expect(() => chosenScheduler(name, flow, "flow-match-euler")).toThrow(
        `${name} draws with models over betas, which this one is not; use flow-match-euler`,
      );
    }
  });
});

test("a model of angles is not drawn with by the others, nor others by its schedulers", () => {
  const scm = new SCMScheduler();
  expect(chosenScheduler(undefined, scm, "scm").config).toEqual(scm.config);
  expect(() => chosenScheduler("ddim", scm, "scm")).toThrow(
    "ddim draws with models over betas, which this one is not",
  );
  const betas = new DDPMScheduler();
  expect(() => chosenScheduler("scm", betas, "ddpm")).toThrow(
    "scm draws with models of TrigFlow, which this one is not",
  );
  expect(() => chosenScheduler("ipndm", betas, "ddpm")).toThrow("ipndm draws with models of v over angles");
});

test("a model over other things than betas keeps its levels", () => {
  const edm = new EDMEulerScheduler();
  expect(chosenScheduler(undefined, edm, "edm-euler").config).toEqual(edm.config);
  expect(() => chosenScheduler("heun", edm, "edm-euler")).toThrow("heun draws with models over betas");
  const saved = HeunDiscreteScheduler.fromConfig(EulerDiscreteScheduler.fromConfig(noisy));
  expect(chosenScheduler("heun", saved, "heun").config).toMatchObject({ numTrainTimesteps: 991 });
});
