// The draws of a training program: timesteps and their distribution, offset noise, input perturbation.

import { describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import type { Tensor } from "../../src/engine/tensor.ts";
import { DDPMScheduler } from "../../src/schedulers/ddpm.ts";
import { type DrawFeeds, type DrawOptions, makeDraws } from "../../src/training/step/draws.ts";
import type { Objective } from "../../src/training/step/objective.ts";
import { ProgramInputs } from "../../src/training/step/program_inputs.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { maxDifference } from "../support/compare.ts";

const diffusion: Objective = {
  predictionType: "epsilon",
  alphasCumprod: new DDPMScheduler().alphasCumprod,
};
const flow: Objective = { predictionType: "flow_prediction", numTrainTimesteps: 1000, shift: 1 };
const options = (more: Partial<DrawOptions>): DrawOptions => ({
  model: tinyUNet(),
  objective: diffusion,
  batchSize: 4096,
  height: 2,
  width: 2,
  draws: "philox",
  ...more,
});

type Drawn = "timesteps" | "noise" | "mixedNoise";

async function draw(
  given: DrawOptions,
  what: readonly Drawn[],
  feeds = {},
  backend: Backend = new ReferenceBackend(),
): Promise<Float32Array[]> {
  const fed = new ProgramInputs<DrawFeeds>();
  const draws = makeDraws(given, fed);
  const outputs: Tensor[] = what.map((name) => draws[name].cast());
  const inputs = fed.tensors;
  const executable = await backend.compile({ name: "draws", inputs, outputs });
  return executable.run(fed.pack({ key: Int32Array.of(11, 0, 3), ...feeds }));
}

const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: Float32Array) => {
  const m = mean(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - m) ** 2, 0) / values.length);
};

/** The largest distance of a sample's distribution function from `cdf` (Kolmogorov & Smirnov). */
function distance(values: Float32Array, cdf: (x: number) => number): number {
  const sorted = values.toSorted();
  return Math.max(
    ...sorted.map((x, i) => Math.max(cdf(x) - i / sorted.length, (i + 1) / sorted.length - cdf(x))),
  );
}
/** 1.63 / √n is passed by one sample in a hundred; seeds are fixed. */
const CLOSE = 1.63 / Math.sqrt(4096);

/** Φ(z), by the trapezoidal rule from -12. */
function normalCdf(z: number): number {
  const steps = 2000;
  const width = (Math.max(z, -12) + 12) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const x = -12 + i * width;
    sum += Math.exp((-x * x) / 2) * (i === 0 || i === steps ? 0.5 : 1);
  }
  return (sum * width) / Math.sqrt(2 * Math.PI);
}

describe("timesteps", () => {
  test("uniform: whole for diffusion, any for a flow", async () => {
    const [whole] = await draw(options({}), ["timesteps"]);
    expect(whole.every((t) => Number.isInteger(t) && t >= 0 && t <= 999)).toBe(true);
    const [any] = await draw(options({ objective: flow }), ["timesteps"]);
    expect(distance(any, (t) => t / 1000)).toBeLessThan(CLOSE);
    expect(whole).toEqual(any.map(Math.floor));
  });

  test.each([
    { name: "logit-normal", mean: 0, std: 1 },
    { name: "logit-normal", mean: -0.5, std: 0.8 },
  ] as const)("logit-normal, mean $mean, std $std", async (timestepSampling) => {
    const { mean: m, std } = timestepSampling;
    const cdf = (t: number) => normalCdf((Math.log(t / (1000 - t)) - m) / std);
    const [any] = await draw(options({ objective: flow, timestepSampling }), ["timesteps"]);
    expect(distance(any, cdf)).toBeLessThan(CLOSE);
    const [whole] = await draw(options({ timestepSampling }), ["timesteps"]);
    expect(whole).toEqual(any.map(Math.floor));
  });

  test("logit-normal with a huge deviation stays in range", async () => {
    const timestepSampling = { name: "logit-normal", mean: 0, std: 100 } as const;
    const [whole] = await draw(options({ timestepSampling }), ["timesteps"]);
    expect([Math.min(...whole), Math.max(...whole)]).toEqual([0, 999]);
  });

  test("loss-second-moment takes what is fed; a flow fills the gap to the next", async () => {
    const timestepSampling = { name: "loss-second-moment" } as const;
    const timesteps = Int32Array.from({ length: 4096 }, (_, i) => i % 1000);
    const feeds = { timesteps, importance: new Float32Array(4096) };
    const [whole] = await draw(options({ timestepSampling }), ["timesteps"], feeds);
    expect(Int32Array.from(whole)).toEqual(timesteps);
    const [any] = await draw(options({ timestepSampling, objective: flow }), ["timesteps"], feeds);
    expect(Int32Array.from(any, Math.floor)).toEqual(timesteps);
    expect(
      distance(
        any.map((t) => t % 1),
        (x) => x,
      ),
    ).toBeLessThan(CLOSE);
  });
});

describe("noise", () => {
  test("an offset is one number for a channel of an image", async () => {
    const [plain] = await draw(options({}), ["noise"]);
    const [noise, mixed] = await draw(options({ noiseOffset: 0.1 }), ["noise", "mixedNoise"]);
    expect(mixed).toEqual(noise);
    const offset = noise.map((x, i) => x - plain[i]); // [N, 2, 2, 3]
    const ofPixel = (pixel: number) => offset.filter((_, i) => Math.floor(i / 3) % 4 === pixel);
    const first = ofPixel(0);
    for (const pixel of [1, 2, 3]) expect(maxDifference(ofPixel(pixel), first)).toBeLessThan(1e-6);
    expect(deviation(first)).toBeCloseTo(0.1, 2);
    expect(mean(first)).toBeCloseTo(0, 2);
  });

  test("a perturbation is seen, not asked for", async () => {
    const [plain] = await draw(options({}), ["noise"]);
    const [noise, mixed] = await draw(options({ inputPerturbation: 0.2 }), ["noise", "mixedNoise"]);
    expect(noise).toEqual(plain);
    const more = mixed.map((x, i) => x - noise[i]);
    expect(deviation(more)).toBeCloseTo(0.2, 2);
    expect(distance(more.slice(0, 4096), (x) => normalCdf(x / 0.2))).toBeLessThan(CLOSE);
  });

  test("neither moves the timesteps", async () => {
    const [timesteps] = await draw(options({}), ["timesteps"]);
    const [same] = await draw(options({ noiseOffset: 0.1, inputPerturbation: 0.2 }), ["timesteps"]);
    expect(same).toEqual(timesteps);
  });
});

test.each([
  { noiseOffset: 0.1 },
  { inputPerturbation: 0.1 },
  { timestepSampling: { name: "loss-second-moment" } },
] as const)("fed draws with %o are refused", (more) => {
  expect(() => makeDraws(options({ draws: "fed", ...more }), new ProgramInputs<DrawFeeds>())).toThrow(
    'use draws "philox"',
  );
});

describe("a part of a batch", () => {
  // 12 and 9 numbers an image: in whole blocks of four, and not.
  test.each([
    { name: "whole blocks", height: 2, width: 2 },
    { name: "numbers that do not fill blocks", height: 1, width: 3 },
  ])("draws what the whole batch has for its images: $name", async ({ height, width }) => {
    const more = { height, width, noiseOffset: 0.1, inputPerturbation: 0.2 } as const;
    const what = ["timesteps", "noise", "mixedNoise"] as const;
    const backends = [new ReferenceBackend(), new WasmBackend({ threads: 2 })];
    for (const backend of backends) {
      const whole = await draw(options({ ...more, batchSize: 6 }), what, {}, backend);
      for (const [first, count] of [
        [0, 1],
        [1, 3],
        [4, 2],
      ] as const) {
        const key = Int32Array.of(11, 0, 3, first);
        const part = await draw(
          options({ ...more, batchSize: count, wholeBatch: 6 }),
          what,
          { key },
          backend,
        );
        for (const [i, values] of part.entries()) {
          const ofImage = whole[i].length / 6;
          expect(values).toEqual(whole[i].slice(first * ofImage, (first + count) * ofImage));
        }
      }
      await backend.close();
    }
  });
});
