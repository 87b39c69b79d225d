// Calls of pipelines as diffusers drew them with tiny models (tools/python/make_stable_diffusion_*.py), and how they are
// drawn here.

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import type { HostTensor } from "../../src/engine/host_tensor.ts";
import type { Pixels } from "../../src/io/image/index.ts";
import type { SizeOptions } from "../../src/pipelines/beginning.ts";
import { LDMPipeline } from "../../src/pipelines/ldm_pipeline.ts";
import type { PromptOptions, StableDiffusionLoadOptions } from "../../src/pipelines/prompt_pipeline.ts";
import type { DenoisingOptions } from "../../src/pipelines/schedule_part.ts";
import { StableDiffusionImg2ImgPipeline } from "../../src/pipelines/stable_diffusion_img2img_pipeline.ts";
import { StableDiffusionInpaintPipeline } from "../../src/pipelines/stable_diffusion_inpaint_pipeline.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { StableDiffusionXLImg2ImgPipeline } from "../../src/pipelines/stable_diffusion_xl_img2img_pipeline.ts";
import { StableDiffusionXLInpaintPipeline } from "../../src/pipelines/stable_diffusion_xl_inpaint_pipeline.ts";
import { StableDiffusionXLPipeline } from "../../src/pipelines/stable_diffusion_xl_pipeline.ts";
import type { TextXLOptions } from "../../src/pipelines/text_xl_conditioner.ts";
import { type SchedulerName, schedulerNames, schedulers } from "../../src/schedulers/index.ts";
import { fixture, readJsonFixture } from "./golden.ts";

const texts = v.union([v.string(), v.array(v.string())]);
const pair = v.tuple([v.number(), v.number()]);
const numbered = v.pipe(
  v.union([v.number(), v.array(v.number())]),
  v.transform((given) => [given].flat()),
);
const optionsSchema = v.strictObject({
  prompt: v.exactOptional(texts, ""),
  batch_size: v.exactOptional(v.number(), 1),
  num_inference_steps: v.exactOptional(v.number()),
  prompt_2: v.exactOptional(texts),
  negative_prompt: v.exactOptional(texts),
  negative_prompt_2: v.exactOptional(texts),
  image: v.exactOptional(v.union([v.literal("latents"), numbered]), []),
  mask_image: v.exactOptional(numbered, []),
  strength: v.exactOptional(v.number()),
  denoising_start: v.exactOptional(v.number()),
  denoising_end: v.exactOptional(v.number()),
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

/** A call of a pipeline, and whose folder it is. */
export const stageSchema = v.object({
  folder: v.picklist([
    "pipeline",
    "pipeline_inpaint",
    "pipeline_xl",
    "pipeline_ldm",
    "pipeline_lcm",
    "pipeline_refiner",
    "pipeline_xl_lcm",
    "pipeline_xl_inpaint",
  ]),
  pipeline: v.string(),
  options: optionsSchema,
});
export type Stage = v.InferOutput<typeof stageSchema>;

/** How the calls of a row draw, and what they give. */
export const drawnSchema = v.object({
  scheduler: v.pipe(
    v.string(),
    v.transform((className): SchedulerName => {
      const name = schedulerNames.find((known) => schedulers[known].className === className);
      if (name === undefined) throw new Error(`there is no ${className}`);
      return name;
    }),
  ),
  seed: v.number(),
  shape: v.array(v.number()),
  pixels: v.string(),
});
type Drawn = v.InferOutput<typeof drawnSchema>;

const imagesSchema = v.object({
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
});
const { images } = v.parse(imagesSchema, await readJsonFixture("stable_diffusion/starts.json"));

type Call = PromptOptions & TextXLOptions & DenoisingOptions & { readonly strength?: number };

/** A call under the names used here. */
function callOf({ options: o }: Stage, { scheduler, seed }: Drawn): Call {
  return {
    prompt: o.prompt,
    scheduler,
    seed,
    seedCompat: "torch",
    ...(o.num_inference_steps !== undefined && { numInferenceSteps: o.num_inference_steps }),
    ...(o.prompt_2 !== undefined && { prompt2: o.prompt_2 }),
    ...(o.negative_prompt !== undefined && { negativePrompt: o.negative_prompt }),
    ...(o.negative_prompt_2 !== undefined && { negativePrompt2: o.negative_prompt_2 }),
    ...(o.strength !== undefined && { strength: o.strength }),
    ...(o.denoising_start !== undefined && { denoisingStart: o.denoising_start }),
    ...(o.denoising_end !== undefined && { denoisingEnd: o.denoising_end }),
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

const sizeOf = ({ height, width }: Stage["options"]): SizeOptions => ({
  ...(height !== undefined && { height }),
  ...(width !== undefined && { width }),
});

const imagesOf = (numbers: readonly number[]): readonly Pixels[] => numbers.map((k) => images[k]);

function imageOf({ image }: Stage["options"], latents: HostTensor | undefined) {
  if (image !== "latents") return imagesOf(image);
  if (latents === undefined) throw new Error("there are no latents to start from");
  return latents;
}

/** What a call gives: images, or what the next call goes on from. */
export interface Called {
  pixels(): Promise<HostTensor>;
  latents(): Promise<HostTensor>;
}

/** Makes the call of a stage. @param latents of the stage before */
export type Drawing = (stage: Stage, drawn: Drawn, latents?: HostTensor) => Called;

interface Pipeline<Options> {
  generate(options: Options): Promise<HostTensor>;
  generateLatents(options: Options): Promise<HostTensor>;
}

const called = <Options>(pipeline: Pipeline<Options>, options: NoInfer<Options>): Called => ({
  pixels: () => pipeline.generate(options),
  latents: () => pipeline.generateLatents(options),
});

/** Calls that start from noise. */
export const fromNoise =
  (pipeline: Pipeline<Call & SizeOptions>): Drawing =>
  (stage, drawn) =>
    called(pipeline, { ...callOf(stage, drawn), ...sizeOf(stage.options) });

/** Calls that start from images. */
export const fromImages =
  (pipeline: Pipeline<Call & { readonly image: readonly Pixels[] | HostTensor }>): Drawing =>
  (stage, drawn, latents) =>
    called(pipeline, { ...callOf(stage, drawn), image: imageOf(stage.options, latents) });

type Masked = Call & {
  readonly image: readonly Pixels[] | HostTensor;
  readonly maskImage: readonly Pixels[];
};

const inpainting =
  (pipeline: Pipeline<Masked>): Drawing =>
  (stage, drawn, latents) =>
    called(pipeline, {
      ...callOf(stage, drawn),
      image: imageOf(stage.options, latents),
      maskImage: imagesOf(stage.options.mask_image),
    });

type Open = (path: string, options: StableDiffusionLoadOptions) => Promise<Drawing>;

/** Names the class in a folder. */
async function setClass(path: string, className: string): Promise<void> {
  const index = join(path, "model_index.json");
  const text = await readFile(index, "utf8");
  await writeFile(index, text.replace(/"_class_name": "\w+"/, `"_class_name": "${className}"`));
}

/** How the calls of each class are made. */
const CLASSES: Readonly<Record<string, Open>> = {
  LDMPipeline: async (path, options) => {
    const pipeline = await LDMPipeline.fromPretrained(path, options);
    return ({ options: { num_inference_steps: steps = 50, batch_size: count } }, { scheduler, seed }) =>
      called(pipeline, { count, steps, scheduler, seed, seedCompat: "torch" });
  },
  StableDiffusionPipeline: async (path, options) =>
    fromNoise(await StableDiffusionPipeline.fromPretrained(path, options)),
  StableDiffusionImg2ImgPipeline: async (path, options) =>
    fromImages(await StableDiffusionImg2ImgPipeline.fromPretrained(path, options)),
  StableDiffusionInpaintPipeline: async (path, options) =>
    inpainting(await StableDiffusionInpaintPipeline.fromPretrained(path, options)),
  LatentConsistencyModelPipeline: async (path, options) => {
    await setClass(path, "LatentConsistencyModelPipeline");
    return fromNoise(await StableDiffusionPipeline.fromPretrained(path, options));
  },
  StableDiffusionXLPipeline: async (path, options) =>
    fromNoise(await StableDiffusionXLPipeline.fromPretrained(path, options)),
  StableDiffusionXLImg2ImgPipeline: async (path, options) =>
    fromImages(await StableDiffusionXLImg2ImgPipeline.fromPretrained(path, options)),
  StableDiffusionXLInpaintPipeline: async (path, options) =>
    inpainting(await StableDiffusionXLInpaintPipeline.fromPretrained(path, options)),
};

/** Makes the whole folder of a fixture, which holds only what differs from pipeline/. */
export async function copyWhole(name: Stage["folder"], path: string): Promise<string> {
  const isBesideXL = name === "pipeline_refiner" || name.startsWith("pipeline_xl_");
  const between = isBesideXL ? ["pipeline_xl"] : [];
  for (const part of ["pipeline", ...between, name]) {
    await cp(fixture(`stable_diffusion/${part}`), path, { recursive: true });
  }
  return path;
}

/** The pipelines of stages, each loaded once. @param pathOf where the folder of a fixture is made */
export function openDrawings(
  pathOf: (name: string) => string,
  options: () => StableDiffusionLoadOptions,
): (stage: Stage) => Promise<Drawing> {
  const opened = new Map<string, Promise<Drawing>>();
  return ({ folder, pipeline }) => {
    const key = `${folder} ${pipeline}`;
    const drawing =
      opened.get(key) ?? copyWhole(folder, pathOf(key)).then((path) => CLASSES[pipeline](path, options()));
    opened.set(key, drawing);
    return drawing;
  };
}

/** The share of pixels that are within a level of diffusers'. */
export function nearness({ data }: HostTensor, { pixels }: Pick<Drawn, "pixels">): number {
  const expected = Buffer.from(pixels, "base64");
  const near = data.filter((x, i) => Math.abs(Math.round(x * 255) - expected[i]) <= 1);
  return near.length / expected.length;
}
