// Plans with models that draw what a prompt says: from noise, from an image, or a part of an image anew.

import type { Codec, ImageSize } from "../../codecs/codec.ts";
import type { Communicator } from "../../distributed/communicator.ts";
import type { Extent } from "../../io/image/index.ts";
import { STABLE_DIFFUSION_XL } from "../../pipelines/families.ts";
import type {
  PromptOptions,
  StableDiffusionLoadOptions,
  StableDiffusionPipelineOptions,
} from "../../pipelines/prompt_pipeline.ts";
import type { SingleFileOptions } from "../../pipelines/single_file.ts";
import {
  type StableDiffusionImg2ImgOptions,
  StableDiffusionImg2ImgPipeline,
} from "../../pipelines/stable_diffusion_img2img_pipeline.ts";
import {
  type StableDiffusionInpaintOptions,
  StableDiffusionInpaintPipeline,
} from "../../pipelines/stable_diffusion_inpaint_pipeline.ts";
import {
  type StableDiffusionOptions,
  StableDiffusionPipeline,
} from "../../pipelines/stable_diffusion_pipeline.ts";
import { StableDiffusionXLImg2ImgPipeline } from "../../pipelines/stable_diffusion_xl_img2img_pipeline.ts";
import { StableDiffusionXLInpaintPipeline } from "../../pipelines/stable_diffusion_xl_inpaint_pipeline.ts";
import { StableDiffusionXLPipeline } from "../../pipelines/stable_diffusion_xl_pipeline.ts";
import { checkCount, type Sampled } from "../drawing_plan.ts";
import type { Event } from "../output.ts";
import { commonOptions, type Drawer, drawingWith, imagesOf, ofWalkers } from "./drawing.ts";
import { readFitted } from "./fitted_image.ts";
import type { SampleFlags } from "./flags.ts";
import { addLoras, type LoraPipeline, loraFiles } from "./loras.ts";
import type { ModelPlace } from "./open_model.ts";
import type { SampleMeans, SamplePlan } from "./sample_plan.ts";
import { samplerOptions } from "./sampler_options.ts";

/** The classes of a kind of models: for images from noise, from an image, and of which a part is drawn anew. */
interface PipelineClasses {
  readonly fromNoise: PipelineClass<StableDiffusionOptions>;
  readonly fromImage: PipelineClass<StableDiffusionImg2ImgOptions>;
  readonly inpainting: PipelineClass<StableDiffusionInpaintOptions>;
}
const STABLE_DIFFUSION_PIPELINES: PipelineClasses = {
  fromNoise: StableDiffusionPipeline,
  fromImage: StableDiffusionImg2ImgPipeline,
  inpainting: StableDiffusionInpaintPipeline,
};
const XL_PIPELINES: PipelineClasses = {
  fromNoise: StableDiffusionXLPipeline,
  fromImage: StableDiffusionXLImg2ImgPipeline,
  inpainting: StableDiffusionXLInpaintPipeline,
};

/** Reads the model and plans what is drawn with it. @throws UsageError; errors of reading the model, LoRAs and images */
export async function planPrompts(
  place: ModelPlace,
  reading: StableDiffusionLoadOptions,
  flags: SampleFlags,
  { communicator, output, signal }: SampleMeans,
): Promise<SamplePlan> {
  const { fromNoise, fromImage, inpainting } =
    place.family === STABLE_DIFFUSION_XL ? XL_PIPELINES : STABLE_DIFFUSION_PIPELINES;
  const { image, mask, strength, size = {}, lora = [], tokenizer, config } = flags;
  const options = { ...reading, tilesWhereNeeded: true };
  // Before the model is read, which takes longer.
  const loras = await loraFiles(lora, { signal }, output);
  const opened = async <Options>(kind: PipelineClass<Options>): Promise<Opened<Options>> => {
    const ofFile = { ...options, ...(tokenizer && { tokenizer }), ...(config && { config }) };
    const pipeline = await ("file" in place
      ? kind.fromSingleFile(place.file, ofFile)
      : kind.fromPretrained(place.folder, options));
    await addLoras(pipeline, loras);
    return pipeline;
  };
  if (image === undefined) return planWith(await opened(fromNoise), size, flags, communicator);
  const startFor = async ({ imageSize }: { readonly imageSize: ImageSize }) => ({
    image: await readFitted("--image", image, { ...imageSize, ...size }),
    ...(strength !== undefined && { strength }),
  });
  if (mask === undefined) {
    const pipeline = await opened(fromImage);
    return planWith(pipeline, await startFor(pipeline), flags, communicator);
  }
  const pipeline = await opened(inpainting);
  const maskImage = await readFitted("--mask", mask, { ...pipeline.imageSize, ...size, channels: 1 });
  return planWith(pipeline, { ...(await startFor(pipeline)), maskImage }, flags, communicator);
}

/** A class of pipelines. Options: those of their calls. */
interface PipelineClass<Options> {
  fromPretrained(folder: string, options: StableDiffusionLoadOptions): Promise<Opened<Options>>;
  fromSingleFile(
    path: string,
    options: SingleFileOptions & StableDiffusionPipelineOptions,
  ): Promise<Opened<Options>>;
}

type Opened<Options> = Prompted<Options> & LoraPipeline;

/** A pipeline that sees prompts. Options: those of its calls. */
type Prompted<Options> = Drawer<Options> &
  Sampled & { readonly imageSize: ImageSize; readonly codec: Codec; enableVaeTiling(): void };

/** @param beginning the options that say where the images start */
function planWith<Beginning extends object>(
  pipeline: Prompted<PromptOptions & NoInfer<Beginning>>,
  beginning: Beginning,
  flags: SampleFlags,
  communicator: Communicator,
): SamplePlan {
  const { prompt = [], guidance, guidanceRescale, clipSkip, tiled } = flags;
  if (tiled) pipeline.enableVaeTiling();
  const imageSize = { ...pipeline.imageSize, ...flags.size };
  checkCount(imagesOf(flags), imageSize);
  const { told, options } = samplerOptions(pipeline, flags);
  const asked = {
    ...commonOptions(flags),
    ...options,
    prompt: ofWalkers(flags, prompt),
    ...negativesOf(flags, prompt),
    ...(guidance !== undefined && { guidanceScale: guidance }),
    ...(guidanceRescale !== undefined && { guidanceRescale }),
    ...(clipSkip !== undefined && { clipSkip }),
    ...beginning,
  };
  return {
    ...told,
    ...drawingWith(pipeline, asked, told.isAdaptive, communicator),
    prompts: asked.prompt,
    report: () => ({
      ...reportOf(flags, asked.prompt, imageSize),
      ...(pipeline.codec.division?.useTiling && { tiled: true }),
    }),
    remarks: [],
    imageSize,
  };
}

/** What the images do not show: those of each prompt stay with it. */
function negativesOf(
  flags: SampleFlags,
  prompts: readonly string[],
): { readonly negativePrompt?: readonly string[] } {
  const { negative } = flags;
  if (negative === undefined) return {};
  return { negativePrompt: negative.length === prompts.length ? ofWalkers(flags, negative) : negative };
}

/** What else says how the images were drawn. */
function reportOf(
  { count, negative, guidance, guidanceRescale, clipSkip, lora, image, mask, strength }: SampleFlags,
  prompts: readonly string[],
  { width, height }: Extent,
): Event {
  return {
    // Those of the sheet's images, or of the walkers.
    prompts: Array.from({ length: count }, (_, k) => prompts[k % prompts.length]),
    ...(negative && { negative }),
    width,
    height,
    ...(guidance !== undefined && { guidance }),
    ...(guidanceRescale !== undefined && { guidance_rescale: guidanceRescale }),
    ...(clipSkip !== undefined && { clip_skip: clipSkip }),
    ...(lora && { lora }),
    ...(image !== undefined && { image }),
    ...(mask !== undefined && { mask }),
    ...(strength !== undefined && { strength }),
  };
}
