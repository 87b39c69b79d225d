// StableDiffusionPipeline against the pictures that diffusers draws with the same folder and seed
// (tools/python/make_stable_diffusion_pipeline.py).

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { STABLE_DIFFUSION } from "../../src/pipelines/families.ts";
import { readPipelineOf } from "../../src/pipelines/folders.ts";
import { loadPipeline } from "../../src/pipelines/load_pipeline.ts";
import {
  type StableDiffusionOptions,
  StableDiffusionPipeline,
} from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { DDIMScheduler, schedulerNames, schedulers } from "../../src/schedulers/index.ts";
import { readInitModel } from "../../src/training/run/init_source.ts";
import { backends } from "../support/backends.ts";
import { testFolder } from "../support/folder.ts";
import { fixture, readJsonFixture } from "../support/golden.ts";

const FOLDER = fixture("stable_diffusion/pipeline");
const folder = testFolder();

const texts = v.union([v.string(), v.array(v.string())]);
const rowSchema = v.object({
  scheduler: v.string(),
  seed: v.number(),
  options: v.strictObject({
    prompt: texts,
    negative_prompt: v.exactOptional(texts),
    num_inference_steps: v.number(),
    height: v.number(),
    width: v.number(),
    clip_skip: v.exactOptional(v.number()),
    guidance_scale: v.exactOptional(v.number()),
    guidance_rescale: v.exactOptional(v.number()),
  }),
  shape: v.array(v.number()),
  pixels: v.string(),
});
const rows = v
  .parse(v.array(rowSchema), await readJsonFixture("stable_diffusion/pictures.json"))
  .flatMap((row) => {
    const { scheduler: className, options, ...more } = row;
    const name = schedulerNames.find((known) => schedulers[known].className === className);
    if (name === undefined) throw new Error(`there is no ${className}`);
    const { prompt: _, ...told } = options;
    return [{ ...more, name, options, told }];
  });

/** A row's call, under the names used here. */
function callOf({ name, seed, options }: (typeof rows)[number]): StableDiffusionOptions {
  const { negative_prompt, clip_skip, guidance_scale, guidance_rescale, num_inference_steps, ...more } =
    options;
  return {
    ...more,
    numInferenceSteps: num_inference_steps,
    ...(negative_prompt !== undefined && { negativePrompt: negative_prompt }),
    ...(clip_skip !== undefined && { clipSkip: clip_skip }),
    ...(guidance_scale !== undefined && { guidanceScale: guidance_scale }),
    ...(guidance_rescale !== undefined && { guidanceRescale: guidance_rescale }),
    scheduler: name,
    seed,
    seedCompat: "torch",
  };
}

describe.each(backends)("on $name", ({ create }) => {
  let backend: Backend;
  let pipeline: StableDiffusionPipeline;
  const warnings: string[] = [];

  beforeAll(async () => {
    backend = await create();
    const warn = (message: string) => warnings.push(message);
    pipeline = await StableDiffusionPipeline.fromPretrained(FOLDER, { backend, warn });
  });
  afterAll(() => backend.close());

  test.each(rows)("$name draws diffusers' pictures: $told", async (row) => {
    warnings.length = 0;
    const expected = Buffer.from(row.pixels, "base64");
    const { data, shape } = await pipeline.generate(callOf(row));
    expect(shape).toEqual(row.shape);
    const near = data.filter((x, i) => Math.abs(Math.round(x * 255) - expected[i]) <= 1);
    expect(near.length / data.length).toBeGreaterThanOrEqual(0.999);
    // The one prompt that is too long is told once.
    const isLong = row.options.prompt.length === 1;
    expect(warnings).toEqual(
      isLong ? [expect.stringMatching(/^a prompt is longer than 75 tokens; not seen .*oil painting/)] : [],
    );
  });
});

describe("a call", async () => {
  const backend = new ReferenceBackend();
  const pipeline = await StableDiffusionPipeline.fromPretrained(FOLDER, { backend });
  const prompt = ["a cat", "a castle", "the dog"];
  const call = { prompt, steps: 2, seed: 3, scheduler: "ddim" } as const;

  test("draws an image for each prompt, the same in any batch and part", async () => {
    const all = await pipeline.generate({ ...call, height: 16, width: 16 });
    expect(all.shape).toEqual([3, 16, 16, 3]);
    const inTwos = await pipeline.generate({ ...call, height: 16, width: 16, batchSize: 2 });
    expect(inTwos).toEqual(all);
    const part = { firstImage: 2, count: 1 };
    const last = await pipeline.generate({ ...call, height: 16, width: 16, part });
    expect(last.data).toEqual(all.data.slice(2 * 16 * 16 * 3));
  });

  test("of the pipeline's own size by default, with prompts in turn", async () => {
    expect(pipeline.imageSize).toEqual({ height: 16, width: 16, channels: 3 });
    const two = await pipeline.generate({ ...call, prompt: "a cat", count: 2, steps: 1, guidanceScale: 1 });
    const other = await pipeline.generate({ ...call, prompt: ["a cat", "it"], steps: 1, guidanceScale: 1 });
    expect(two.shape).toEqual([2, 16, 16, 3]);
    const half = two.data.length / 2;
    expect(other.data.slice(0, half)).toEqual(two.data.slice(0, half));
    expect(other.data.slice(half)).not.toEqual(two.data.slice(half));
  });

  test("is stopped by its signal, and told of each step", async () => {
    const abort = new AbortController();
    const steps: number[] = [];
    const onStep = ({ step }: { step: number }) => {
      steps.push(step);
      abort.abort(new Error("enough"));
    };
    const { signal } = abort;
    await expect(pipeline.generate({ ...call, steps: 3, onStep, signal })).rejects.toThrow("enough");
    expect(steps).toEqual([1]);
  });

  test.each<[Partial<StableDiffusionOptions>, string]>([
    [{ prompt: [] }, "0 prompts were given, expected 1 to 1000"],
    [{ negativePrompt: ["a", "b"] }, "2 negative prompts were given for 3 prompts"],
    [{ negativePrompt: "a", guidanceScale: 1 }, "negativePrompt counts with a guidanceScale above 1"],
    [{ guidanceRescale: 0.5, guidanceScale: 1 }, "a guidance rescale counts beside"],
    [{ guidanceScale: -1 }, "the guidance scale is -1, expected 0 .. 1000"],
    [{ guidanceRescale: 2 }, "the guidance rescale is 2, expected 0 .. 1"],
    [{ clipSkip: 3 }, "clipSkip is 3, expected a whole number from 0 to 2"],
    [{ width: 18 }, "width is 18, expected a multiple of 4 up to 16384"],
    [{ height: 0 }, "height is 0, expected a multiple of 4"],
    [{ numInferenceSteps: 3 }, "steps and numInferenceSteps mean the same; give one"],
    [{ prompt: "a".repeat(70000) }, "a prompt of 70000 characters"],
  ])("what does not fit is refused in one line, %#", async (wrong, message) => {
    await expect(pipeline.generate({ ...call, ...wrong })).rejects.toThrow(message);
  });
});

test("the class of a folder decides how it is read; others refuse it in one line", async () => {
  const loaded = await loadPipeline(FOLDER, { backend: new ReferenceBackend() });
  expect(loaded).toBeInstanceOf(StableDiffusionPipeline);
  const refusal =
    "a pipeline of the class StableDiffusionPipeline, expected a UNet2DModel and a scheduler alone";
  await expect(DDPMPipeline.fromPretrained(FOLDER)).rejects.toThrow(refusal);
  await expect(readInitModel(FOLDER)).rejects.toThrow(refusal);
});

test("a safety checker is passed over with one warning, other components are refused", async () => {
  const path = folder("more");
  await cp(FOLDER, path, { recursive: true });
  const index = JSON.parse(await readFile(join(FOLDER, "model_index.json"), "utf8"));
  const write = (more: object) =>
    writeFile(join(path, "model_index.json"), JSON.stringify({ ...index, ...more }));
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const checker = ["stable_diffusion", "StableDiffusionSafetyChecker"];
  await write({ safety_checker: checker, feature_extractor: ["transformers", "CLIPImageProcessor"] });
  await StableDiffusionPipeline.fromPretrained(path, { warn });
  expect(warnings).toEqual([
    `${path}: safety_checker and feature_extractor passed over; images are drawn, and not checked`,
  ]);
  await write({ text_encoder_2: ["transformers", "CLIPTextModelWithProjection"] });
  await expect(StableDiffusionPipeline.fromPretrained(path)).rejects.toThrow(
    "the pipeline has a text_encoder_2 (CLIPTextModelWithProjection), without which its images would be wrong",
  );
  await write({ vae: [null, null] });
  await expect(StableDiffusionPipeline.fromPretrained(path)).rejects.toThrow("without vae");
});

test("schedulers of old folders are corrected, and keep to what their files say", async () => {
  const { unet, codec, scheduler, textEncoder, tokenizer } = await readPipelineOf(STABLE_DIFFUSION, FOLDER);
  if (!codec || !textEncoder || !tokenizer) throw new Error("not read");
  const parts = { unet, codec, textEncoder, tokenizer };
  expect(new StableDiffusionPipeline({ ...parts, scheduler }).scheduler).toBe(scheduler);
  const old = new StableDiffusionPipeline({ ...parts, scheduler: new DDIMScheduler() });
  expect(old.scheduler.toConfig()).toMatchObject({ steps_offset: 1, clip_sample: false });
});
