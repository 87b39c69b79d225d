// The pipelines of Stable Diffusion that start from images, and those of Stable Diffusion XL, against the pictures that
// diffusers draws with the same folders and seed (tools/python/make_stable_diffusion_starts.py, make_stable_diffusion_variants.py).

import { cp } from "node:fs/promises";
import { isDeepStrictEqual as isEqual } from "node:util";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import type { HostTensor } from "../../src/engine/host_tensor.ts";
import type { Pixels } from "../../src/io/image/index.ts";
import type { SizeOptions } from "../../src/pipelines/beginning.ts";
import { LDMPipeline } from "../../src/pipelines/ldm_pipeline.ts";
import type { PromptOptions, StableDiffusionLoadOptions } from "../../src/pipelines/prompt_pipeline.ts";
import { StableDiffusionImg2ImgPipeline } from "../../src/pipelines/stable_diffusion_img2img_pipeline.ts";
import { StableDiffusionInpaintPipeline } from "../../src/pipelines/stable_diffusion_inpaint_pipeline.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { StableDiffusionXLImg2ImgPipeline } from "../../src/pipelines/stable_diffusion_xl_img2img_pipeline.ts";
import { StableDiffusionXLInpaintPipeline } from "../../src/pipelines/stable_diffusion_xl_inpaint_pipeline.ts";
import { StableDiffusionXLPipeline } from "../../src/pipelines/stable_diffusion_xl_pipeline.ts";
import type { TextXLOptions } from "../../src/pipelines/text_xl_conditioner.ts";
import { schedulerNames, schedulers } from "../../src/schedulers/index.ts";
import { backends } from "../support/backends.ts";
import { testFolder } from "../support/folder.ts";
import { fixture, readJsonFixture } from "../support/golden.ts";

const folder = testFolder();

const texts = v.union([v.string(), v.array(v.string())]);
const pair = v.tuple([v.number(), v.number()]);
const numbered = v.pipe(
  v.union([v.number(), v.array(v.number())]),
  v.transform((given) => [given].flat()),
);
const optionsSchema = v.strictObject({
  prompt: v.exactOptional(texts, ""),
  batch_size: v.exactOptional(v.number(), 1),
  num_inference_steps: v.number(),
  prompt_2: v.exactOptional(texts),
  negative_prompt: v.exactOptional(texts),
  negative_prompt_2: v.exactOptional(texts),
  image: v.exactOptional(numbered, []),
  mask_image: v.exactOptional(numbered, []),
  strength: v.exactOptional(v.number()),
  height: v.exactOptional(v.number()),
  width: v.exactOptional(v.number()),
  clip_skip: v.exactOptional(v.number()),
  guidance_scale: v.exactOptional(v.number()),
  guidance_rescale: v.exactOptional(v.number()),
  original_size: v.exactOptional(pair),
  crops_coords_top_left: v.exactOptional(pair),
  target_size: v.exactOptional(pair),
  negative_original_size: v.exactOptional(pair),
  negative_crops_coords_top_left: v.exactOptional(pair),
  negative_target_size: v.exactOptional(pair),
  aesthetic_score: v.exactOptional(v.number()),
  negative_aesthetic_score: v.exactOptional(v.number()),
});
const rowSchema = v.object({
  folder: v.picklist([
    "pipeline",
    "pipeline_inpaint",
    "pipeline_xl",
    "pipeline_ldm",
    "pipeline_lcm",
    "pipeline_refiner",
  ]),
  pipeline: v.string(),
  scheduler: v.string(),
  seed: v.number(),
  options: optionsSchema,
  shape: v.array(v.number()),
  pixels: v.string(),
});
const schema = v.object({
  images: v.array(
    v.object({
      width: v.number(),
      height: v.number(),
      channels: v.picklist([1, 3]),
      data: v.pipe(
        v.string(),
        v.transform((base64) => new Uint8Array(Buffer.from(base64, "base64"))),
      ),
    }),
  ),
  rows: v.array(rowSchema),
});
const { images, rows } = v.parse(schema, await readJsonFixture("stable_diffusion/starts.json"));
const variants = v.parse(v.array(rowSchema), await readJsonFixture("stable_diffusion/variants.json"));
const told = [...rows, ...variants].map((row) => {
  const { prompt: _, ...given } = row.options;
  const kind = row.pipeline.replace(/StableDiffusion|Pipeline/g, "");
  const scheduler = schedulerNames.find((known) => schedulers[known].className === row.scheduler);
  if (scheduler === undefined) throw new Error(`there is no ${row.scheduler}`);
  return { ...row, scheduler, name: `${row.folder} ${kind} ${scheduler}`, given };
});
/** One of each kind of call: schedulers are the same on every backend. */
const ofEachKind = told.filter(
  ({ folder, pipeline, given }, k) =>
    told.findIndex((other) =>
      isEqual([folder, pipeline, given], [other.folder, other.pipeline, other.given]),
    ) === k,
);
type Row = (typeof told)[number];

type Call = PromptOptions & TextXLOptions & { readonly strength?: number };

/** A row's call, under the names used here. */
function callOf({ scheduler, seed, options: o }: Row): Call {
  return {
    prompt: o.prompt,
    numInferenceSteps: o.num_inference_steps,
    scheduler,
    seed,
    seedCompat: "torch",
    ...(o.prompt_2 !== undefined && { prompt2: o.prompt_2 }),
    ...(o.negative_prompt !== undefined && { negativePrompt: o.negative_prompt }),
    ...(o.negative_prompt_2 !== undefined && { negativePrompt2: o.negative_prompt_2 }),
    ...(o.strength !== undefined && { strength: o.strength }),
    ...(o.clip_skip !== undefined && { clipSkip: o.clip_skip }),
    ...(o.guidance_scale !== undefined && { guidanceScale: o.guidance_scale }),
    ...(o.guidance_rescale !== undefined && { guidanceRescale: o.guidance_rescale }),
    ...(o.original_size && { originalSize: o.original_size }),
    ...(o.crops_coords_top_left && { cropsCoordsTopLeft: o.crops_coords_top_left }),
    ...(o.target_size && { targetSize: o.target_size }),
    ...(o.negative_original_size && { negativeOriginalSize: o.negative_original_size }),
    ...(o.negative_crops_coords_top_left && { negativeCropsCoordsTopLeft: o.negative_crops_coords_top_left }),
    ...(o.negative_target_size && { negativeTargetSize: o.negative_target_size }),
    ...(o.aesthetic_score !== undefined && { aestheticScore: o.aesthetic_score }),
    ...(o.negative_aesthetic_score !== undefined && { negativeAestheticScore: o.negative_aesthetic_score }),
  };
}

const imagesOf = (numbers: readonly number[]): readonly Pixels[] => numbers.map((k) => images[k]);

const sizeOf = ({ height, width }: Row["options"]): SizeOptions => ({
  ...(height !== undefined && { height }),
  ...(width !== undefined && { width }),
});

type Drawing = (row: Row) => Promise<HostTensor>;

/** How the rows of each class are drawn. */
const DRAWINGS: Readonly<
  Record<string, (path: string, options: StableDiffusionLoadOptions) => Promise<Drawing>>
> = {
  StableDiffusionImg2ImgPipeline: async (path, options) => {
    const pipeline = await StableDiffusionImg2ImgPipeline.fromPretrained(path, options);
    return (row) => pipeline.generate({ ...callOf(row), image: imagesOf(row.options.image) });
  },
  StableDiffusionInpaintPipeline: async (path, options) => {
    const pipeline = await StableDiffusionInpaintPipeline.fromPretrained(path, options);
    return (row) => {
      const { image, mask_image: mask } = row.options;
      return pipeline.generate({ ...callOf(row), image: imagesOf(image), maskImage: imagesOf(mask) });
    };
  },
  LDMPipeline: async (path, options) => {
    const pipeline = await LDMPipeline.fromPretrained(path, options);
    return ({ options: { num_inference_steps: steps, batch_size: count }, scheduler, seed }) =>
      pipeline.generate({ count, steps, scheduler, seed, seedCompat: "torch" });
  },
  StableDiffusionPipeline: async (path, options) => {
    const pipeline = await StableDiffusionPipeline.fromPretrained(path, options);
    return (row) => pipeline.generate({ ...callOf(row), ...sizeOf(row.options) });
  },
  StableDiffusionXLPipeline: async (path, options) => {
    const pipeline = await StableDiffusionXLPipeline.fromPretrained(path, options);
    return (row) => pipeline.generate({ ...callOf(row), ...sizeOf(row.options) });
  },
  StableDiffusionXLImg2ImgPipeline: async (path, options) => {
    const pipeline = await StableDiffusionXLImg2ImgPipeline.fromPretrained(path, options);
    return (row) => pipeline.generate({ ...callOf(row), image: imagesOf(row.options.image) });
  },
  StableDiffusionXLInpaintPipeline: async (path, options) => {
    const pipeline = await StableDiffusionXLInpaintPipeline.fromPretrained(path, options);
    return (row) => {
      const { image, mask_image: mask } = row.options;
      return pipeline.generate({ ...callOf(row), image: imagesOf(image), maskImage: imagesOf(mask) });
    };
  },
};

/** The whole folder of a fixture, which holds only what differs from pipeline/. */
async function wholeFolder(name: Row["folder"]): Promise<string> {
  const path = folder(name);
  const between = name === "pipeline_refiner" ? ["pipeline_xl"] : [];
  for (const part of ["pipeline", ...between, name]) {
    await cp(fixture(`stable_diffusion/${part}`), path, { recursive: true });
  }
  return path;
}

describe.each(backends)("on $name", ({ name, create }) => {
  let backend: Backend;
  const drawings = new Map<string, Promise<Drawing>>();

  beforeAll(async () => {
    backend = await create();
  });
  afterAll(() => backend.close());

  test.each(name === "wasm" || name === "native" ? told : ofEachKind)("$name: $given", async (row) => {
    const key = `${row.folder} ${row.pipeline}`;
    const drawing =
      drawings.get(key) ?? wholeFolder(row.folder).then((path) => DRAWINGS[row.pipeline](path, { backend }));
    drawings.set(key, drawing);
    const expected = Buffer.from(row.pixels, "base64");
    const { data, shape } = await (await drawing)(row);
    expect(shape).toEqual(row.shape);
    const near = data.filter((x, i) => Math.abs(Math.round(x * 255) - expected[i]) <= 1);
    expect(near.length / data.length).toBeGreaterThanOrEqual(0.999);
  });
});
