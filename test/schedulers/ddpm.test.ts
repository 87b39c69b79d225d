// DDPMScheduler's variances, timesteps and edge cases.

import { describe, expect, it } from "vitest";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { DDPMScheduler, type NoiseSource, torchNoise } from "../../src/schedulers/index.ts";
import { dummyNoiseDeter, dummySampleDeter, fullLoop, maxDifference } from "./harness.ts";

const seeded = () => torchNoise(new TorchGenerator(0));
const stepCounts = [1, 2, 7, 25, 1000];
const spacings = ["leading", "trailing", "linspace"] as const;
const predictionTypes = ["epsilon", "sample", "v_prediction"] as const;
const fixedTypes = ["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log"] as const;
const learnedTypes = ["learned", "learned_range"] as const;

/** A sample [1, 2, 2, 1] and its model output, with the variance channel behind if given. */
const sample = hostTensor(Float32Array.of(0.1, -0.4, 0.7, 0.2), [1, 2, 2, 1]);
const plain = hostTensor(Float32Array.of(0.3, 0.1, -0.2, 0.5), [1, 2, 2, 1]);
const withVariance = (variance: number) =>
  hostTensor(
    plain.data.reduce((out, x, i) => out.fill(x, 2 * i, 2 * i + 1), new Float32Array(8).fill(variance)),
    [1, 2, 2, 2],
  );

describe("variance", () => {
  it("matches diffusers at 0, 487 and 999", () => {
    const scheduler = new DDPMScheduler();
    expect(scheduler.getVariance(0)).toBeCloseTo(0, 5);
    expect(scheduler.getVariance(487)).toBeCloseTo(0.00979, 5);
    expect(scheduler.getVariance(999)).toBeCloseTo(0.02, 5);
  });

  it("fixed_small_log's deviation is the small values of the cosine schedule", () => {
    const scheduler = new DDPMScheduler({
      betaSchedule: "squaredcos_cap_v2",
      varianceType: "fixed_small_log",
    });
    expect(Math.sqrt(scheduler.getVariance(487))).toBeCloseTo(0.0549625, 5);
    expect(Math.sqrt(scheduler.getVariance(999))).toBeCloseTo(0.9994987, 5);
  });

  it.each([
    ["fixed_small", "fixed_small_log"],
    ["fixed_large", "fixed_large_log"],
  ] as const)("%s and %s step alike", (linear, log) => {
    const [a, b] = [linear, log].map((varianceType) =>
      new DDPMScheduler({ varianceType }).step(plain, 600, sample, { noise: seeded() }),
    );
    expect(maxDifference(a.prevSample, b.prevSample)).toBeLessThan(1e-6);
  });

  it("learned_range at -1 and 1 is fixed_small and fixed_large", () => {
    for (const [v, varianceType] of [
      [-1, "fixed_small"],
      [1, "fixed_large"],
    ] as const) {
      const learned = new DDPMScheduler({ varianceType: "learned_range" });
      const fixed = new DDPMScheduler({ varianceType });
      const a = learned.step(withVariance(v), 300, sample, { noise: seeded() }).prevSample;
      const b = fixed.step(plain, 300, sample, { noise: seeded() }).prevSample;
      expect(maxDifference(a, b)).toBeLessThan(1e-6);
    }
  });

  it("learned takes the variance as it is", () => {
    const learned = new DDPMScheduler({ varianceType: "learned" });
    const a = learned.step(withVariance(0.25), 300, sample, { noise: seeded() }).prevSample;
    const still = learned.step(withVariance(0), 300, sample, { noise: seeded() }).prevSample;
    const z = seeded().randn(sample.shape).data;
    for (const [i, x] of a.data.entries()) expect(x - still.data[i]).toBeCloseTo(0.5 * z[i], 5);
    expect(() => learned.step(withVariance(-1), 300, sample, { noise: seeded() })).toThrow("learned_range");
    expect(() => learned.getVariance(3)).toThrow("the model gives the variance");
  });

  it("wants twice the channels for learned variances, and only for them", () => {
    const learned = new DDPMScheduler({ varianceType: "learned_range" });
    expect(() => learned.step(plain, 1, sample, { noise: seeded() })).toThrow("expected [1, 2, 2, 2]");
    expect(() => new DDPMScheduler().step(withVariance(0), 1, sample)).toThrow("expected [1, 2, 2, 1]");
  });
});

describe("sampling", () => {
  const combinations = spacings.flatMap((timestepSpacing) =>
    predictionTypes.flatMap((predictionType) =>
      [false, true].map((rescaleBetasZeroSnr) => ({ timestepSpacing, predictionType, rescaleBetasZeroSnr })),
    ),
  );

  it.each(combinations)("is finite and ends at -1: %o", (options) => {
    for (const varianceType of [...fixedTypes, ...learnedTypes]) {
      const scheduler = new DDPMScheduler({ ...options, varianceType });
      const learned = learnedTypes.some((type) => type === varianceType);
      for (const steps of stepCounts) {
        scheduler.setTimesteps(steps);
        expect(scheduler.timesteps.length).toBe(steps);
        const noise = seeded();
        let x = sample;
        const visited = [scheduler.timesteps[0]];
        for (const t of scheduler.timesteps) {
          visited.push(scheduler.previousTimestep(t));
          x = scheduler.step(learned ? withVariance(0.01) : plain, t, x, { noise }).prevSample;
        }
        expect(visited).toEqual([...scheduler.timesteps, -1]);
        expect(x.data.every(Number.isFinite)).toBe(true);
      }
    }
  });

  it("draws no noise at timestep 0, one draw at every other", () => {
    let draws = 0;
    const noise: NoiseSource = {
      randn: (shape) => {
        draws++;
        return hostTensor(new Float32Array(4), shape);
      },
    };
    const scheduler = new DDPMScheduler();
    scheduler.setTimesteps(10);
    for (const t of scheduler.timesteps) scheduler.step(plain, t, sample, { noise });
    expect(draws).toBe(9);
    expect(() => scheduler.step(plain, 100, sample)).toThrow("give it options.noise");
    expect(() => scheduler.step(plain, 100, sample, { noise, varianceNoise: plain })).toThrow("not both");
    const wrong = { varianceNoise: hostTensor(new Float32Array(3), [3]) };
    expect(() => scheduler.step(plain, 100, sample, wrong)).toThrow("noise has shape [3]");
  });

  it("is the same for given noise and for a source of it", () => {
    const scheduler = new DDPMScheduler();
    const varianceNoise = seeded().randn(sample.shape);
    const a = scheduler.step(plain, 500, sample, { noise: seeded() });
    expect(scheduler.step(plain, 500, sample, { varianceNoise })).toEqual(a);
  });

  it("recovers x_0 from the true noise, whatever the model predicts", () => {
    const x0 = dummySampleDeter();
    const noise = dummyNoiseDeter();
    for (const t of [0, 10, 500, 900]) {
      const outputs = (scheduler: DDPMScheduler) => ({
        epsilon: noise,
        sample: x0,
        v_prediction: scheduler.getVelocity(x0, noise, [t]),
      });
      for (const predictionType of predictionTypes) {
        const scheduler = new DDPMScheduler({ predictionType });
        const xt = scheduler.addNoise(x0, noise, [t]);
        const output = outputs(scheduler)[predictionType];
        const { predOriginalSample } = scheduler.step(output, t, xt, { noise: seeded() });
        expect(maxDifference(predOriginalSample, x0)).toBeLessThan(1e-4);
      }
    }
  });

  it("leaves its inputs alone", () => {
    const scheduler = new DDPMScheduler({ predictionType: "sample", clipSampleRange: 0.1 });
    const before = [plain, sample].map(({ data }) => [...data]);
    const { predOriginalSample } = scheduler.step(plain, 9, sample, { noise: seeded() });
    expect([plain, sample].map(({ data }) => [...data])).toEqual(before);
    expect([...predOriginalSample.data]).toEqual([0.1, 0.1, -0.1, 0.1].map(Math.fround));
  });
});

describe("zero terminal SNR", () => {
  const zero = { rescaleBetasZeroSnr: true, timestepSpacing: "trailing" } as const;

  it("starts from pure noise", () => {
    const scheduler = new DDPMScheduler({ ...zero, predictionType: "v_prediction" });
    expect(scheduler.alphasCumprod[999]).toBe(0);
    const { predOriginalSample } = scheduler.step(plain, 999, sample, { noise: seeded() });
    expect([...predOriginalSample.data]).toEqual([...plain.data].map((v) => -v)); // v = -x_0
    expect(scheduler.addNoise(plain, sample, [999]).data).toEqual(sample.data);
  });

  it("clips what epsilon gives there, and refuses without clipping", () => {
    const { predOriginalSample } = new DDPMScheduler(zero).step(plain, 999, sample, { noise: seeded() });
    expect([...predOriginalSample.data]).toEqual([-1, -1, 1, -1]);
    const exact = new DDPMScheduler(zero).step(sample, 999, sample, { noise: seeded() });
    expect([...exact.predOriginalSample.data]).toEqual([0, 0, 0, 0]);
    const unclipped = new DDPMScheduler({ ...zero, clipSample: false });
    expect(() => unclipped.step(plain, 999, sample, { noise: seeded() })).toThrow(
      "timestep 999 is pure noise, where epsilon says nothing of x_0; use predictionType",
    );
  });
});

describe("thresholding", () => {
  it("scales each image by its own quantile", () => {
    const options = { thresholding: true, predictionType: "sample", dynamicThresholdingRatio: 0.5 } as const;
    const output = hostTensor(Float32Array.of(0.1, -0.2, 0.3, -0.4, 1, -2, 3, -4), [2, 2, 2, 1]);
    const xt = hostTensor(new Float32Array(8), [2, 2, 2, 1]);
    const original = (sampleMaxValue: number) => {
      const scheduler = new DDPMScheduler({ ...options, sampleMaxValue });
      return [...scheduler.step(output, 5, xt, { noise: seeded() }).predOriginalSample.data];
    };
    const rounded = (values: number[]) => values.map(Math.fround);
    // medians 0.25 and 2.5; the first counts as 1
    expect(original(10)).toEqual(rounded([0.1, -0.2, 0.3, -0.4, 0.4, -0.8, 1, -1]));
    expect(original(2)).toEqual(rounded([0.1, -0.2, 0.3, -0.4, 0.5, -1, 1, -1]));
    expect(original(1)).toEqual(rounded([0.1, -0.2, 0.3, -0.4, 1, -1, 1, -1]));
  });
});

describe("timesteps", () => {
  it("steps by one before setTimesteps", () => {
    const scheduler = new DDPMScheduler({ numTrainTimesteps: 10 });
    expect(scheduler.timesteps).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(scheduler.numInferenceSteps).toBe(null);
    expect(scheduler.previousTimestep(7)).toBe(6);
  });

  it("takes custom timesteps", () => {
    const scheduler = new DDPMScheduler();
    const timesteps = [100, 87, 50, 1, 0];
    scheduler.setTimesteps({ timesteps });
    expect(timesteps.map((t) => scheduler.previousTimestep(t))).toEqual([87, 50, 1, 0, -1]);
    expect(scheduler.numInferenceSteps).toBe(5);
    const end = fullLoop(scheduler, scheduler.timesteps, dummySampleDeter(), { noise: seeded() });
    expect(end.data.every(Number.isFinite)).toBe(true);
    expect(() => scheduler.previousTimestep(51)).toThrow("timestep 51 is not among the 5 timesteps");
  });

  it("refuses wrong timesteps, and says why", () => {
    const scheduler = new DDPMScheduler();
    const custom = (timesteps: number[]) => () => scheduler.setTimesteps({ timesteps });
    expect(custom([100, 87, 50, 51, 0])).toThrow("go from 50 to 51, expected descending order");
    expect(custom([5, 5])).toThrow("descending");
    expect(custom([1000])).toThrow("hold 1000, expected whole numbers, 0 .. 999");
    expect(custom([3, -1])).toThrow("hold -1");
    expect(custom([2.5])).toThrow("hold 2.5");
    expect(custom([])).toThrow("empty");
    const both = { numInferenceSteps: 5, timesteps: [100, 87, 50, 1, 0] };
    expect(() => scheduler.setTimesteps(both)).toThrow("not both");
    for (const steps of [0, -1, 1001, 2.5, Number.NaN]) {
      expect(() => scheduler.setTimesteps(steps)).toThrow(`numInferenceSteps is ${steps}, expected`);
    }
    const offset = new DDPMScheduler({ stepsOffset: 1 });
    expect(() => offset.setTimesteps(1000)).toThrow("start at timestep 1000, past the last, 999");
    expect(() => scheduler.step(plain, 1000, sample)).toThrow("timestep is 1000, expected");
  });
});

describe("noising a batch", () => {
  it("takes one timestep per image, or one for all", () => {
    const scheduler = new DDPMScheduler();
    const [x0, noise] = [dummySampleDeter(), dummyNoiseDeter()];
    const each = scheduler.addNoise(x0, noise, [0, 250, 500, 999]);
    const all = scheduler.addNoise(x0, noise, [500]);
    expect([...each.data.subarray(384, 576)]).toEqual([...all.data.subarray(384, 576)]);
    const alphaProd = scheduler.alphasCumprod[250];
    const expected = Math.sqrt(alphaProd) * x0.data[200] + Math.sqrt(1 - alphaProd) * noise.data[200];
    expect(each.data[200]).toBeCloseTo(expected, 6);
    expect(() => scheduler.addNoise(x0, noise, [1, 2])).toThrow("got 2 timesteps for 4 images");
    expect(() => scheduler.addNoise(x0, noise, [1000])).toThrow("timestep is 1000");
    expect(() => scheduler.addNoise(x0, plain, [1])).toThrow("noise has shape [1, 2, 2, 1]");
  });
});
