// Samplers that choose their own steps, on a target whose score is known in closed form. Seeds are fixed; each bound
// states its standard error, for 8 images of 1024 values: 0.0055 for a mean, 0.8 % for a deviation.

import { describe, expect, test } from "vitest";
import { hostTensor } from "../../../src/engine/host_tensor.ts";
import { imageNoise } from "../../../src/pipelines/image_noise.ts";
import { langevinStep } from "../../../src/schedulers/adaptive/predictor_corrector.ts";
import {
  DDPMScheduler,
  type DDPMSchedulerConfig,
  Diffusion,
  drive,
  isSamplerName,
  makeSampler,
  type SamplerName,
  type SamplerOptions,
  samplerNames,
} from "../../../src/schedulers/index.ts";
import { drawGaussian, gaussianModel, moments, normals, VALUES, zeroSnr } from "./gaussian.ts";

const target = { mean: 0.3, deviation: 0.5 };
const plain: Partial<DDPMSchedulerConfig> = { clipSample: false };

const EXACT: readonly (readonly [SamplerName, SamplerOptions])[] = [
  ["pc", { steps: 100 }],
  ["pc", { steps: 100, sde: "ve" }],
  ["pc", { steps: 100, predictor: "reverse_diffusion" }],
  ["pc", { steps: 100, predictor: "reverse_diffusion", sde: "ve", snr: 0.1 }],
  ["pc", { steps: 400, correctorSteps: 0 }],
  ["dpm-adaptive", { rtol: 0.005, atol: 0.001 }],
  ["dpm-adaptive", { rtol: 0.005, atol: 0.001, order: 2 }],
  ["dpm-adaptive", { rtol: 0.005, atol: 0.001, eta: 1 }],
  ["dpm-adaptive", { rtol: 0.005, atol: 0.001, pcoeff: 0.4, icoeff: 0.3, dcoeff: 0.1 }],
  ["gotta-go-fast", {}],
  ["gotta-go-fast", { sde: "ve" }],
];

describe.each(EXACT)("%s %j", (name, options) => {
  test.each([
    ["zero terminal SNR, v", zeroSnr],
    ["linear betas, epsilon", plain],
    ["scaled linear betas, sample", { ...plain, betaSchedule: "scaled_linear", predictionType: "sample" }],
  ] as const)("draws the target's mean and deviation (%s)", async (_, config) => {
    const { mean, variance } = await drawGaussian(makeSampler(name, options), target, { config });
    // Three standard errors, and what the discretisation and the corrector's r² leave.
    expect(Math.abs(mean - target.mean)).toBeLessThan(0.0165);
    expect(Math.abs(Math.sqrt(variance) / target.deviation - 1)).toBeLessThan(0.045);
  });
});

describe("error control", () => {
  test.each([
    ["dpm-adaptive", {}],
    ["dpm-adaptive", { order: 2 }],
    ["gotta-go-fast", {}],
    ["gotta-go-fast", { sde: "ve" }],
  ] as const)("%s %j: a tighter tolerance takes more calls", async (name, options) => {
    const calls = async (rtol: number) => {
      const { modelCalls, steps } = await drawGaussian(
        makeSampler(name, { ...options, rtol, atol: rtol / 6 }),
        target,
      );
      const errors = steps.flatMap(({ error }) => (error === null ? [] : [error]));
      expect(errors.length).toBeGreaterThan(0);
      // What acceptSafety = 0.81 lets pass: 1.24^order.
      expect(Math.max(...errors)).toBeLessThan(2);
      return Math.max(...modelCalls);
    };
    const [loose, middle, tight] = [await calls(0.1), await calls(0.03), await calls(0.01)];
    expect(middle).toBeGreaterThan(loose);
    expect(tight).toBeGreaterThan(middle);
  });

  // The ODE's solution is known: it maps the noise linearly onto the target, x_0 = mean + deviation z (up to what is
  // left of the noise at the first timestep).
  test.each([2, 3])(
    "dpm-adaptive of order %i: a tighter tolerance is nearer to the solution",
    async (order) => {
      const noise = imageNoise(0, 0).randn([1, 16, 16, VALUES / 256]).data;
      const distance = async (rtol: number) => {
        const sampler = makeSampler("dpm-adaptive", { order, rtol, atol: rtol / 6 });
        const { sample } = await drawGaussian(sampler, target, { count: 1 });
        let sum = 0;
        for (const [i, x] of sample.data.entries())
          sum += (x - target.mean - target.deviation * noise[i]) ** 2;
        return Math.sqrt(sum / VALUES);
      };
      const [loose, middle, tight] = [await distance(0.2), await distance(0.02), await distance(0.001)];
      expect(middle).toBeLessThan(loose / 2);
      expect(tight).toBeLessThan(middle / 2);
      expect(tight).toBeLessThan(2e-3);
    },
  );

  test("a step that the model makes impossible ends with a reason", async () => {
    const broken = { mean: Number.NaN, deviation: 1 };
    for (const name of ["dpm-adaptive", "gotta-go-fast", "pc"] as const) {
      await expect(drawGaussian(makeSampler(name), broken, { count: 1 })).rejects.toThrow(/not finite/);
    }
  });
});

describe("the corrector", () => {
  test.each([0.05, 0.16])(
    "with r = %f leaves a noise level's distribution as it is, but for r²",
    async (snr) => {
      const scheduler = new DDPMScheduler(plain);
      const diffusion = new Diffusion(scheduler);
      const model = gaussianModel(scheduler, target);
      const level = diffusion.level(300, "vp");
      const variance = (level.alpha * target.deviation) ** 2 + level.sigma ** 2;
      const count = 32 * VALUES;
      const noise = normals(1, count);
      let x: Float32Array = noise.map((z) => level.alpha * target.mean + Math.sqrt(variance) * z);
      for (let step = 0; step < 60; step++) {
        const work = langevinStep(diffusion, x, level, snr, 1, normals(step + 2, count));
        const asked = work.next();
        if (asked.done) throw new Error("expected a question to the model");
        const { sample, timestep } = asked.value;
        const answer = await model(hostTensor(sample, [1, count]), Float32Array.of(timestep));
        const done = work.next(answer.data);
        if (!done.done) throw new Error("expected one evaluation of the model");
        x = done.value.sample;
        expect(done.value.noise / Math.sqrt(variance)).toBeCloseTo(2 * snr, 1);
      }
      const after = moments(x);
      // Standard errors: 0.0055 of a deviation for the mean, 0.8 % for the variance, less than 1 % of which remains.
      expect(Math.abs(after.mean - level.alpha * target.mean)).toBeLessThan(0.0165);
      expect(Math.abs((after.variance * (1 - snr ** 2)) / variance - 1)).toBeLessThan(0.025);
    },
  );

  test("brings back a sample whose predictor took too long a step", async () => {
    const off = async (correctorSteps: number) => {
      const { variance } = await drawGaussian(makeSampler("pc", { steps: 20, correctorSteps }), target);
      return Math.abs(Math.sqrt(variance) - target.deviation);
    };
    expect(await off(3)).toBeLessThan((await off(0)) / 2);
  });
});

describe("images", () => {
  test.each(samplerNames)("%s: an image is the same in batches of 1 and 16", async (name) => {
    const sampler = makeSampler(name, name === "pc" ? { steps: 10 } : { rtol: 0.1, atol: 0.02 });
    const all = await drawGaussian(sampler, target, { count: 16, seed: 5 });
    const one = await drawGaussian(sampler, target, { count: 1, seed: 5, firstImage: 11 });
    expect(one.sample.data).toEqual(all.sample.data.slice(11 * VALUES, 12 * VALUES));
    expect(one.modelCalls).toEqual([all.modelCalls[11]]);
  });

  test("have a pace of their own", async () => {
    const { modelCalls } = await drawGaussian(makeSampler("gotta-go-fast"), target, { count: 16 });
    expect(new Set(modelCalls).size).toBeGreaterThan(1);
  });

  test("report every step, from noise to image", async () => {
    for (const name of samplerNames) {
      const { steps, modelCalls } = await drawGaussian(makeSampler(name), target, {
        count: 2,
        config: zeroSnr,
      });
      const own = steps.filter(({ image }) => image === 1);
      expect(own.map(({ step }) => step)).toEqual(own.map((_, i) => i + 1));
      expect(own[0].timestep).toBe(999);
      expect(own.at(-1)).toMatchObject({ nextTimestep: -1, share: 1, modelCalls: modelCalls[1], noise: 0 });
      for (const [i, step] of own.entries()) {
        expect(step.nextTimestep).toBeLessThan(step.timestep);
        expect(step.sample.data.every(Number.isFinite)).toBe(true);
        expect(step.sample.shape).toEqual([1, 16, 16, VALUES / 256]);
        if (i > 0) expect(step.share).toBeGreaterThan(own[i - 1].share);
      }
    }
  });
});

test("pc evaluates the model once a predictor and once a corrector step", async () => {
  for (const [steps, correctorSteps, calls] of [
    [1, 3, 1],
    [10, 0, 10],
    [10, 1, 19],
    [25, 2, 73],
  ]) {
    const { modelCalls } = await drawGaussian(makeSampler("pc", { steps, correctorSteps }), target, {
      count: 1,
    });
    expect(modelCalls).toEqual([calls]);
  }
});

describe("every prediction type and spacing ends finite", () => {
  for (const predictionType of ["epsilon", "sample", "v_prediction"] as const) {
    for (const timestepSpacing of ["leading", "linspace", "trailing"] as const) {
      for (const rescaleBetasZeroSnr of [false, true]) {
        test(`${predictionType}, ${timestepSpacing}, zero terminal SNR: ${rescaleBetasZeroSnr}`, async () => {
          const config = { predictionType, timestepSpacing, rescaleBetasZeroSnr, clipSample: true };
          for (const sde of ["vp", "ve"] as const) {
            for (const predictor of ["ancestral", "reverse_diffusion"] as const) {
              for (const steps of [1, 2, 7, 25]) {
                const sampler = makeSampler("pc", { steps, sde, predictor });
                const { sample } = await drawGaussian(sampler, target, { config, count: 1 });
                expect(sample.data.every(Number.isFinite)).toBe(true);
              }
            }
            const sampler = makeSampler("gotta-go-fast", { sde, rtol: 0.2 });
            const { sample } = await drawGaussian(sampler, target, { config, count: 1 });
            expect(sample.data.every(Number.isFinite)).toBe(true);
          }
          const { sample } = await drawGaussian(makeSampler("adaptive"), target, { config, count: 1 });
          expect(sample.data.every(Number.isFinite)).toBe(true);
        });
      }
    }
  }
});

test("options that are wrong, or another sampler's, are named", () => {
  for (const [name, options, message] of [
    ["pc", { snr: 0 }, "pc: snr is 0, expected >0"],
    ["pc", { correctorSteps: -1 }, "pc: correctorSteps is -1, expected >=0"],
    ["pc", { rtol: 0.1 }, "pc has no option rtol; its options are steps, snr"],
    ["dpm-adaptive", { snr: 0.1 }, "dpm-adaptive has no option snr"],
    ["dpm-adaptive", { atol: 0 }, "dpm-adaptive: atol is 0, expected >0"],
    ["dpm-adaptive", { order: 4 }, "dpm-adaptive: order is 4, expected 2 or 3"],
    ["dpm-adaptive", { icoeff: 0 }, "pcoeff, icoeff and dcoeff are all 0"],
    ["gotta-go-fast", { steps: 10 }, "gotta-go-fast has no option steps"],
    ["gotta-go-fast", { exponent: 2 }, "gotta-go-fast: exponent is 2, expected <=1"],
    ["adaptive", { steps: 10 }, "adaptive has no option steps"],
  ] as const) {
    expect(() => makeSampler(name, options)).toThrow(message);
  }
  expect(isSamplerName("pc")).toBe(true);
  expect(isSamplerName("ddim")).toBe(false);
});

test("what cannot be sampled is refused", async () => {
  const pureNoise = new DDPMScheduler({ rescaleBetasZeroSnr: true, clipSample: false });
  expect(() => new Diffusion(pureNoise)).toThrow(/epsilon says nothing of x_0; use predictionType/);
  const noNoise = new DDPMScheduler({ numTrainTimesteps: 2, trainedBetas: [0, 0.5] });
  expect(() => new Diffusion(noNoise)).toThrow(/ᾱ is 1 at timestep 0/);
  const diffusion = new Diffusion(new DDPMScheduler(plain));
  const shape = [1, 2, 2, 3] as const;
  const denoise = async () => hostTensor(new Float32Array(24), [1, 2, 2, 6]);
  const sampler = makeSampler("pc");
  await expect(drive({ denoise, diffusion, sampler, shape, noise: [imageNoise(0)] })).rejects.toThrow(
    "the model's output has shape [1, 2, 2, 6], expected [1, 2, 2, 3]: pc takes no learned variance",
  );
  await expect(drive({ denoise, diffusion, sampler, shape, noise: [] })).rejects.toThrow(
    /0 sources of noise/,
  );
});
