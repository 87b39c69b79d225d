// Properties of every registered scheduler, whatever its formula.

import { describe, expect, it } from "vitest";
import { type HostTensor, hostTensor, numel } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { parsePythonJson, toPythonJson } from "../../src/io/diffusers_json.ts";
import {
  makeScheduler,
  type NoiseSource,
  RePaintScheduler,
  type Scheduler,
  type SchedulerName,
  ScoreSdeVeScheduler,
  schedulerFloatKeys,
  schedulerFromConfig,
  schedulerNames,
  schedulers,
  torchNoise,
} from "../../src/schedulers/index.ts";
import { dummyModel, normalScore } from "./harness.ts";

const names = schedulerNames;
const SHAPE = [2, 4, 4, 3];
const STEPS = 7;
/** For RePaint: a grey image, of which every second pixel is known. */
function halfKnown([, ...image]: readonly number[]): { originalImage: HostTensor; mask: HostTensor } {
  const size = numel(image);
  const everySecond = Float32Array.from({ length: size }, (_, i) => Math.floor(i / (image.at(-1) ?? 1)) % 2);
  const shape = [1, ...image];
  return { originalImage: hostTensor(new Float32Array(size), shape), mask: hostTensor(everySecond, shape) };
}

/** diffusers' KarrasDiffusionSchedulers: made from each other's configs. */
const compatibleClasses = new Set([
  "DDIMScheduler",
  "DDPMScheduler",
  "PNDMScheduler",
  "LMSDiscreteScheduler",
  "EulerDiscreteScheduler",
  "HeunDiscreteScheduler",
  "EulerAncestralDiscreteScheduler",
  "DPMSolverMultistepScheduler",
  "DPMSolverSinglestepScheduler",
  "KDPM2DiscreteScheduler",
  "KDPM2AncestralDiscreteScheduler",
  "DEISMultistepScheduler",
  "UniPCMultistepScheduler",
  "DPMSolverSDEScheduler",
  "EDMEulerScheduler",
]);
const compatible = names.filter((name) => compatibleClasses.has(schedulers[name].className));
const pairs = compatible.flatMap((from) => compatible.map((to) => [from, to] as const));

function randn(shape: readonly number[], seed: number): HostTensor {
  return torchNoise(new TorchGenerator(seed)).randn(shape);
}

/** The same noise for each image of a batch. */
function imageWiseNoise(): NoiseSource {
  const source = torchNoise(new TorchGenerator(1));
  return {
    randn(shape) {
      const { data } = source.randn([1, ...shape.slice(1)]);
      const count = shape[0] ?? 1;
      const out = new Float32Array(data.length * count);
      for (let n = 0; n < count; n++) out.set(data, n * data.length);
      return hostTensor(out, shape);
    },
  };
}

/** The first `steps` calls of a run, or all of them. */
function run(scheduler: Scheduler, start: HostTensor, steps?: number): HostTensor {
  const options = { noise: imageWiseNoise(), ...halfKnown(start.shape) };
  let sample = start;
  for (const [i, t] of scheduler.timesteps.slice(0, steps).entries()) {
    const last = scheduler.timesteps[i - 1] ?? t;
    if (scheduler instanceof RePaintScheduler && t > last) {
      sample = scheduler.undoStep(sample, last, options);
      continue;
    }
    const model = scheduler instanceof ScoreSdeVeScheduler ? normalScore : dummyModel;
    const output = model(scheduler.scaleModelInput(sample, t), t);
    sample = scheduler.step(output, t, sample, options).prevSample;
  }
  return sample;
}

function asFile(scheduler: Scheduler): Readonly<Record<string, unknown>> {
  const json = parsePythonJson(
    toPythonJson(scheduler.toConfig(), schedulerFloatKeys),
    "scheduler_config.json",
  );
  return Object.fromEntries(Object.entries(Object(json)));
}

describe.each(names)("%s", (name) => {
  it("starts with all timesteps, falling except where noise is put in", () => {
    const scheduler = makeScheduler(name);
    const { timesteps } = scheduler;
    expect(timesteps.length).toBeGreaterThanOrEqual(scheduler.numTrainTimesteps);
    expect(scheduler.numInferenceSteps).toBeNull();
    expect([1, 2]).toContain(scheduler.order);
    expect(scheduler.initNoiseSigma).toBeGreaterThan(0);
    scheduler.setTimesteps(STEPS);
    expect(scheduler.numInferenceSteps).toBe(STEPS);
    expect(scheduler.timesteps.length).toBeGreaterThanOrEqual(STEPS);
    const falling = !name.endsWith("-inverse");
    expect(scheduler.timesteps[0] >= (scheduler.timesteps.at(-1) ?? 0)).toBe(falling);
  });

  it("is read from the file that it is saved in", () => {
    const scheduler = makeScheduler(name);
    const read = schedulerFromConfig(asFile(scheduler), {
      warn: (message) => expect.fail(`a file of its own is not understood: ${message}`),
    });
    expect(read.constructor).toBe(scheduler.constructor);
    expect(read.config).toEqual(scheduler.config);
    scheduler.setTimesteps(STEPS);
    read.setTimesteps(STEPS);
    expect(read.timesteps).toEqual(scheduler.timesteps);
    const start = randn(SHAPE, 0);
    expect(run(read, start)).toEqual(run(scheduler, start));
  });

  it("keeps options that belong to others", () => {
    const json = { ...asFile(makeScheduler(name)), an_option_of_others: [1, "two", null], _private: 1 };
    const copy = asFile(makeScheduler(name, makeScheduler(name, json)));
    const { _private, ...expected } = json;
    expect(copy).toEqual(expected);
  });

  it("gives samples of the given shape, and the same ones for the same noise", () => {
    const scheduler = makeScheduler(name);
    scheduler.setTimesteps(STEPS);
    const start = randn(SHAPE, 0);
    const before = start.data.slice();
    const first = run(scheduler, start);
    expect(first.shape).toEqual(SHAPE);
    expect(first.data.every(Number.isFinite)).toBe(true);
    expect(start.data).toEqual(before);
    scheduler.setTimesteps(STEPS);
    expect(run(scheduler, start)).toEqual(first);
  });

  it("forgets a run that was broken off", () => {
    const scheduler = makeScheduler(name);
    const start = randn(SHAPE, 0);
    scheduler.setTimesteps(STEPS);
    const whole = run(scheduler, start);
    scheduler.setTimesteps(STEPS);
    run(scheduler, start, 3);
    scheduler.setTimesteps(STEPS);
    expect(run(scheduler, start)).toEqual(whole);
  });

  it("treats an image as it would alone", () => {
    const scheduler = makeScheduler(name);
    const start = randn(SHAPE, 0);
    const size = start.data.length / 2;
    scheduler.setTimesteps(STEPS);
    const both = run(scheduler, start);
    for (const n of [0, 1]) {
      scheduler.setTimesteps(STEPS);
      const alone = hostTensor(start.data.slice(n * size, (n + 1) * size), [1, ...SHAPE.slice(1)]);
      expect(run(scheduler, alone).data).toEqual(both.data.slice(n * size, (n + 1) * size));
    }
  });

  it("noises images, each to its own timestep", () => {
    const scheduler = makeScheduler(name);
    scheduler.setTimesteps(STEPS);
    const [images, noise] = [randn(SHAPE, 0), randn(SHAPE, 1)];
    const [t, u] = [scheduler.timesteps[1], scheduler.timesteps[4]];
    const noised = scheduler.addNoise(images, noise, [t, u]);
    const half = images.data.length / 2;
    expect(noised.shape).toEqual(SHAPE);
    expect(noised.data.slice(0, half)).toEqual(scheduler.addNoise(images, noise, [t]).data.slice(0, half));
    expect(noised.data.slice(half)).toEqual(scheduler.addNoise(images, noise, [u]).data.slice(half));
    expect(() => scheduler.addNoise(images, noise, [t, u, u])).toThrow("3 timesteps for 2 images");
  });

  it.each([
    ["empty", []],
    ["rising", [3, 5]],
    ["repeated", [5, 5]],
    ["beyond those of training", [makeScheduler(name).numTrainTimesteps + 1]],
    ["negative", [5, -1]],
    ["not finite", [Number.NaN]],
  ])("refuses custom timesteps that are %s", (_, timesteps) => {
    expect(() => makeScheduler(name).setTimesteps({ timesteps })).toThrow(RangeError);
  });

  it("refuses timesteps together with their number, and numbers of steps that cannot be", () => {
    const scheduler = makeScheduler(name);
    const both = { numInferenceSteps: 2, timesteps: [5, 3] };
    expect(() => scheduler.setTimesteps(both)).toThrow(RangeError);
    for (const steps of [0, -1, 1.5, Number.NaN, scheduler.numTrainTimesteps + 1]) {
      expect(() => scheduler.setTimesteps(steps)).toThrow(/numInferenceSteps/);
    }
  });

  it("refuses an output of another shape", () => {
    const scheduler = makeScheduler(name);
    scheduler.setTimesteps(STEPS);
    const noise = imageWiseNoise();
    const t = scheduler.timesteps[0];
    const step = () => scheduler.step(randn([2, 4, 4, 4], 0), t, randn(SHAPE, 0), { noise });
    expect(step).toThrow(/model's output has shape 2x4x4x4|model's output.* shape/);
  });
});

/** IPNDM's are no betas of a noise schedule: they are the noise levels of a run. */
const takesBetas = (scheduler: Scheduler) => "betas" in scheduler && "trainedBetas" in scheduler.config;

describe("betas", () => {
  it.each(names.filter((name) => takesBetas(makeScheduler(name))))("%s takes trained ones", (name) => {
    const trained = Array.from({ length: 100 }, (_, i) => 0.001 + 0.0001 * i);
    const scheduler = makeScheduler(name, { trained_betas: trained, num_train_timesteps: 100 });
    expect(Reflect.get(scheduler, "betas")).toEqual(Float32Array.from(trained));
    expect(() => makeScheduler(name, { trained_betas: trained })).toThrow(/trainedBetas has 100 values/);
  });
});

describe("schedulers made from each other's configs", () => {
  it.each(pairs)("%s to %s: what was given is taken over, what was left is not", (from, to) => {
    const given = { num_train_timesteps: 500, prediction_type: "v_prediction" };
    const made = makeScheduler(to, makeScheduler(from, given));
    expect(made.config).toEqual(makeScheduler(to, given).config);
    expect(makeScheduler(to, makeScheduler(from)).config).toEqual(makeScheduler(to).config);
    made.setTimesteps(STEPS);
    expect(run(made, randn(SHAPE, 0)).data.every(Number.isFinite)).toBe(true);
  });

  it.each(pairs)("%s to %s and back: nothing is lost", (from, to) => {
    // A file names every option, so that all of them count as given.
    const original = schedulerFromConfig(asFile(makeScheduler(from)));
    const there = makeScheduler(to, original);
    expect(makeScheduler(from, there).config).toEqual(original.config);
    expect(makeScheduler(from, asFile(there)).config).toEqual(original.config);
  });
});

const spacings = ["leading", "trailing", "linspace"];
const predictions = ["epsilon", "sample", "v_prediction", "flow_prediction"];
const stepCounts = [1, 2, 7, 25, 1000];

/** Every combination of the two options, where the scheduler has them. */
function settings(name: SchedulerName): Record<string, string>[] {
  const { config } = makeScheduler(name);
  const spaced = "timestepSpacing" in config ? spacings.map((value) => ({ timestep_spacing: value })) : [{}];
  const predicted =
    "predictionType" in config ? predictions.map((value) => ({ prediction_type: value })) : [{}];
  return spaced.flatMap((a) => predicted.map((b) => ({ ...a, ...b })));
}

/** A scheduler that is ready, or the error with which it refuses. */
function prepared(name: SchedulerName, options: Record<string, string>, steps: number): Scheduler | Error {
  try {
    const scheduler = makeScheduler(name, options);
    // The "model" is none: what it gets wrong grows past all numbers where RePaint walks a thousand steps again.
    if (scheduler instanceof RePaintScheduler) {
      scheduler.setTimesteps({ numInferenceSteps: steps, jumpNSample: steps < 1000 ? 10 : 1 });
    } else {
      scheduler.setTimesteps(steps);
    }
    return scheduler;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

const snakeCase = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

describe.each(names)("%s with every spacing and prediction", (name) => {
  const { config } = makeScheduler(name);
  const optionNames = ["numInferenceSteps", ...Object.keys(config)].flatMap((key) => [key, snakeCase(key)]);

  it.each(stepCounts)("in %d steps samples to a finite end, or names the option that forbids it", (steps) => {
    const start = randn([1, 2, 2, 2], 0);
    for (const options of settings(name)) {
      const what = JSON.stringify(options);
      const scheduler = prepared(name, options, steps);
      if (scheduler instanceof Error) {
        expect(scheduler, what).toBeInstanceOf(RangeError);
        expect(
          optionNames.some((option) => scheduler.message.includes(option)),
          `${what}: ${scheduler.message}`,
        ).toBe(true);
        continue;
      }
      const scaled = hostTensor(
        start.data.map((x) => x * scheduler.initNoiseSigma),
        start.shape,
      );
      const end = run(scheduler, scaled);
      expect(end.shape, what).toEqual(start.shape);
      expect(end.data.every(Number.isFinite), what).toBe(true);
    }
  });

  it("can do what it does by default", () => {
    expect(prepared(name, {}, STEPS)).not.toBeInstanceOf(Error);
  });
});
