import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { createBackend } from "../../src/engine/backends/create.ts";
import { type HostTensor, hostTensor, numel } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { logNormalCdf } from "../../src/metrics/variational_bound.ts";
import { bitsPerDim } from "../../src/pipelines/bits_per_dim.ts";
import { PipelineError } from "../../src/pipelines/errors.ts";
import {
  DDIMScheduler,
  DDPMScheduler,
  FlowMatchEulerDiscreteScheduler,
  type NoiseSource,
} from "../../src/schedulers/index.ts";
import { readJsonFixture } from "../support/golden.ts";
import { nchwToNhwc } from "../support/nchw.ts";
import { tinyUNet } from "./support.ts";

const rowsSchema = v.array(
  v.object({
    prediction_type: v.picklist(["epsilon", "v_prediction"]),
    variance_type: v.picklist(["fixed_small", "fixed_large"]),
    clip_sample: v.boolean(),
    prior: v.number(),
    terms: v.array(v.number()),
    total: v.number(),
  }),
);
const rows = v.parse(rowsSchema, await readJsonFixture("metrics/bits_per_dim.json"));

const SHAPE = [2, 8, 8, 3] as const;
/** As in tools/python/bits_per_dim_goldens.py. */
const images = hostTensor(
  Float32Array.from({ length: numel(SHAPE) }, (_, i) => ((i * 37) % 256) / 127.5 - 1),
  SHAPE,
);
const schedule = { numTrainTimesteps: 25, betaStart: 0.002, betaEnd: 0.35 };

/** torch's noise, drawn channels first. */
function torchNoise(seed: number): NoiseSource {
  const generator = new TorchGenerator(seed);
  return {
    randn(shape): HostTensor {
      const [n, h, w, c] = shape;
      return hostTensor(nchwToNhwc(generator.randn(numel(shape)), [n, c, h, w]), shape);
    },
  };
}

let backend: Backend;
beforeAll(async () => {
  backend = await createBackend();
});
afterAll(() => backend.close());

test.each(rows)("Python's bound, term by term: $prediction_type, $variance_type", async (row) => {
  const scheduler = new DDPMScheduler({
    ...schedule,
    predictionType: row.prediction_type,
    varianceType: row.variance_type,
    clipSample: row.clip_sample,
  });
  const found = await bitsPerDim(tinyUNet(), scheduler, { backend, images, noise: torchNoise(7) });
  expect(found.prior).toBeCloseTo(row.prior, 8);
  expect(found.terms.map(({ timestep }) => timestep)).toEqual(row.terms.map((_, t) => t));
  for (const [t, expected] of row.terms.entries()) {
    expect(Math.abs(found.terms[t].bits - expected) / expected).toBeLessThan(1e-4);
  }
  expect(Math.abs(found.total - row.total) / row.total).toBeLessThan(1e-5);
});

describe("fewer timesteps", () => {
  test("stand for all of them", async () => {
    const scheduler = new DDPMScheduler(schedule);
    const bound = (seed: number, timesteps?: number) =>
      bitsPerDim(tinyUNet(), scheduler, { backend, images, seed, ...(timesteps && { timesteps }) });
    const few = await bound(0, 8);
    expect(few.terms).toHaveLength(8);
    expect(few).toEqual(await bound(0, 8));
    const whole = (await bound(0)).total;
    let mean = 0;
    for (let seed = 0; seed < 12; seed++) mean += (await bound(seed, 8)).total / 12;
    expect(Math.abs(mean - whole) / whole).toBeLessThan(0.1);
  });

  test("out of range", async () => {
    for (const timesteps of [1, 26, 2.5]) {
      await expect(
        bitsPerDim(tinyUNet(), new DDPMScheduler(schedule), { backend, images, timesteps }),
      ).rejects.toThrow("expected a whole number from 2 to 25");
    }
  });
});

test("a pipeline with another sampler is measured as the diffusion that it is; a flow is refused", async () => {
  const options = { backend, images };
  const { total } = await bitsPerDim(tinyUNet(), new DDPMScheduler(schedule), options);
  expect((await bitsPerDim(tinyUNet(), new DDIMScheduler(schedule), options)).total).toBe(total);
  await expect(bitsPerDim(tinyUNet(), new FlowMatchEulerDiscreteScheduler(), options)).rejects.toThrow(
    PipelineError,
  );
  const learned = new DDPMScheduler({ ...schedule, varianceType: "learned_range" });
  await expect(bitsPerDim(tinyUNet(), learned, options)).rejects.toThrow("variance is learned_range");
});

test("log Φ of SciPy", () => {
  for (const [z, expected] of [
    [-40, -804.6084420137539],
    [-9, -43.62814911333212],
    [-2.5, -5.081648277278691],
    [-2, -3.7831843336820317],
    [-1, -1.8410216450092634],
    [0, -Math.LN2],
    [0.3, -0.4814101615884813],
    [1.9, -0.02913694784510576],
    [2.1, -0.01802591555772773],
    [6, -9.86587645524372e-10],
  ]) {
    expect(Math.abs(logNormalCdf(z) / expected - 1)).toBeLessThan(1e-12);
  }
  expect([logNormalCdf(Infinity), logNormalCdf(-Infinity)]).toEqual([0, -Infinity]);
});
