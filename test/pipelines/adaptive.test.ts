// Pipelines with samplers that choose their own steps.

import { expect, test } from "vitest";
import type { BackendName } from "../../src/engine/backends/create.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import type { GeneratedStep } from "../../src/pipelines/adaptive.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import type { GenerateOptions } from "../../src/pipelines/scheduler_pipeline.ts";
import { DDPMScheduler, makeSampler, samplerNames, torchNoise } from "../../src/schedulers/index.ts";
import { tinyUNet } from "./support.ts";

/** An untrained model has no way to follow: a wide tolerance keeps it short. */
const LOOSE = { rtol: 1, atol: 0.5 };
const pipeline = (backend: BackendName = "reference") =>
  new DDPMPipeline(
    tinyUNet(),
    new DDPMScheduler({ rescaleBetasZeroSnr: true, predictionType: "v_prediction" }),
    {
      backend,
    },
  );

test.each<[BackendName, number]>([
  ["wasm", 16],
  ["reference", 4],
])("image k of a seed is the same in any batch, on %s", async (backend, count) => {
  const shared = pipeline(backend);
  for (const scheduler of samplerNames) {
    const options = { scheduler, seed: 3, ...(scheduler === "pc" ? { steps: 3 } : LOOSE) };
    const all = await shared.generate({ ...options, count, batchSize: count });
    const split = await shared.generate({ ...options, count, batchSize: 3 });
    expect(split.data).toEqual(all.data);
    const one = await shared.generate({ ...options, count: 1 });
    expect(one.data).toEqual(all.data.slice(0, 192));
  }
  await shared.close();
});

test("onImageStep sees every step of every image that was asked for, and its model calls", async () => {
  const steps: GeneratedStep[] = [];
  await pipeline().generate({
    scheduler: "pc",
    steps: 3,
    correctorSteps: 2,
    count: 5,
    batchSize: 2,
    onImageStep: (step) => steps.push(step),
  });
  for (let image = 0; image < 5; image++) {
    const own = steps.filter((step) => step.image === image);
    expect(own.map(({ step }) => step)).toEqual([1, 2, 3]);
    expect(own.map(({ modelCalls }) => modelCalls)).toEqual([3, 6, 7]);
    expect(own.map(({ correctorNoise }) => correctorNoise.length)).toEqual([2, 2, 0]);
    expect(own[0]).toMatchObject({ firstImage: 2 * Math.floor(image / 2) });
  }
});

test("a sampler may be given ready made", async () => {
  const options = { steps: 2, sde: "ve" } as const;
  const a = await pipeline().generate({ scheduler: makeSampler("pc", options) });
  const b = await pipeline().generate({ scheduler: "pc", steps: 2 });
  expect(a.shape).toEqual([1, 8, 8, 3]);
  expect(a.data).not.toEqual(b.data);
});

test("the signal ends the work", async () => {
  const abort = new AbortController();
  const drawn = pipeline().generate({
    scheduler: "pc",
    steps: 5,
    signal: abort.signal,
    onImageStep: () => abort.abort(),
  });
  await expect(drawn).rejects.toThrow("This operation was aborted");
});

test.each<[GenerateOptions, string]>([
  [{ scheduler: "ddim", snr: 0.1 }, "snr counts for pc, not for ddim; leave it out"],
  [
    { rtol: 0.1 },
    "rtol counts for dpm-adaptive, gotta-go-fast, adaptive, not for the pipeline's own scheduler",
  ],
  [{ scheduler: "pc", rtol: 0.1 }, "rtol counts for dpm-adaptive, gotta-go-fast, adaptive, not for pc"],
  [{ scheduler: "adaptive", steps: 20 }, "steps does not go with adaptive, which chooses its own"],
  [{ scheduler: "pc", eta: 1 }, "eta does not go with pc"],
  [{ scheduler: "pc", snr: -1 }, "pc: snr is -1, expected >0"],
  [{ scheduler: "pc", steps: 1001 }, "1001"],
  [
    { scheduler: makeSampler("pc"), steps: 3 },
    "steps is given beside a sampler that has its options already",
  ],
  [{ scheduler: "pc", noise: torchNoise(new TorchGenerator(0)) }, "noise does not go with pc"],
  [{ scheduler: "pc", onStep: () => {} }, "give onImageStep"],
  [{ scheduler: "ddim", onImageStep: () => {} }, "onImageStep is for samplers; with a scheduler give onStep"],
])("options that do not go together: %j", async (options, message) => {
  await expect(pipeline().generate(options)).rejects.toMatchObject({
    name: "PipelineError",
    message: expect.stringContaining(message),
  });
});
