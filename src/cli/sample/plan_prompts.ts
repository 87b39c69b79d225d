// Plans with models that draw what a prompt says: from noise, from an image, or a part of an image anew.

import type { Codec, ImageSize } from "../../codecs/codec.ts";
import type { Communicator } from "../../distributed/communicator.ts";
import type { Extent, Pixels } from "../../io/image/index.ts";
import type { Denoiser } from "../../models/denoiser.ts";
import { STABLE_DIFFUSION_XL } from "../../pipelines/families.ts";
import type { PromptOptions, StableDiffusionLoadOptions } from "../../pipelines/prompt_pipeline.ts";
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
import {
  commonOptions,
  type DrawingOptions,
  drawingWith,
  imagesOf,
  ofPrompts,
  ofWalkers,
} from "./drawing.ts";
import { readFitted } from "./fitted_image.ts";
import type { SampleFlags } from "./flags.ts";
import { drawingOver, type Leaving, type Refining } from "./handover.ts";
import { addLoras, type LoraPipeline, loraFiles } from "./loras.ts";
import type { ModelPlace } from "./open_model.ts";
import { type PipelineClass, readPipeline } from "./read_pipeline.ts";
import { DENOISING_END, openRefiner, type RefinerCall, type RefinerPlace } from "./refiner.ts";
import type { SampleMeans, SamplePlan } from "./sample_plan.ts";
import { samplerOptions } from "./sampler_options.ts";
import { xlOptions, xlReport } from "./xl_flags.ts";

/** The classes of a kind of models: for images from noise, from an image, and of which a part is drawn anew. */
interface PipelineClasses {
  readonly fromNoise: PipelineClass<Opened<StableDiffusionOptions>>;
  readonly fromImage: PipelineClass<Opened<StableDiffusionImg2ImgOptions>>;
  readonly inpainting: PipelineClass<Opened<StableDiffusionInpaintOptions>>;
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

/** What a plan is made with, besides the flags. */
interface PromptMeans extends SampleMeans {
  /** The model that draws the last steps, if there is one. */
  readonly refiner: RefinerPlace | undefined;
}

/** Reads the model and plans what is drawn with it. @throws UsageError; errors of reading the model, LoRAs and images */
export async function planPrompts(
  place: ModelPlace,
  reading: StableDiffusionLoadOptions,
  flags: SampleFlags,
  { communicator, refiner, output, signal }: PromptMeans,
): Promise<SamplePlan> {
  const { fromNoise, fromImage, inpainting } =
    place.family === STABLE_DIFFUSION_XL ? XL_PIPELINES : STABLE_DIFFUSION_PIPELINES;
  const { image, mask, strength, size = {}, lora = [], tokenizer, config } = flags;
  const options = { ...reading, tilesWhereNeeded: true };
  // Before the model is read, which takes longer.
  const loras = await loraFiles(lora, { signal }, output);
  const opened = async <Options>(kind: PipelineClass<Opened<Options>>): Promise<Opened<Options>> => {
    const ofFile = { ...(tokenizer && { tokenizer }), ...(config && { config }) };
    const pipeline = await readPipeline(kind, place, options, ofFile);
    await addLoras(pipeline, loras);
    return pipeline;
  };
  const drawn: PromptDrawing = {
    communicator,
    ...(refiner && { refine: (call) => openRefiner(refiner, options, call) }),
  };
  if (image === undefined) return planWith(await opened(fromNoise), size, flags, drawn);
  const startFor = async ({ imageSize }: { readonly imageSize: ImageSize }) => ({
    image: await readFitted("--image", image, { ...imageSize, ...size }),
    ...(strength !== undefined && { strength }),
  });
  if (mask === undefined) {
    const pipeline = await opened(fromImage);
    return planWith(pipeline, await startFor(pipeline), flags, drawn);
  }
  const pipeline = await opened(inpainting);
  const maskImage = await readFitted("--mask", mask, { ...pipeline.imageSize, ...size, channels: 1 });
  const beginning = { ...(await startFor(pipeline)), maskImage };
  // A model that sees the mask draws all of the image itself.
  const seesMask = pipeline.unet.inChannels > pipeline.unet.outChannels;
  return planWith(pipeline, beginning, flags, { ...drawn, ...(!seesMask && { maskImage }) });
}

/** A pipeline that sees prompts. Options: those of its calls. */
type Prompted<Options> = Leaving<Options> &
  Sampled & {
    readonly unet: Pick<Denoiser, "inChannels" | "outChannels">;
    readonly imageSize: ImageSize;
    readonly codec: Codec;
    enableVaeTiling(): void;
  };
type Opened<Options> = Prompted<Options> & LoraPipeline;

/** Who draws, besides the model. */
interface PromptDrawing extends Pick<PromptMeans, "communicator"> {
  /** Reads the refiner, if there is one. */
  readonly refine?: (call: RefinerCall) => Promise<Refining>;
  /** What is drawn anew, if the rest is put back after each step. */
  readonly maskImage?: Pixels;
}

/** @param beginning the options that say where the images start */
function planWith<Beginning extends object>(
  pipeline: Prompted<PromptOptions & NoInfer<Beginning>>,
  beginning: Beginning,
  flags: SampleFlags,
  { communicator, refine, maskImage }: PromptDrawing,
): SamplePlan {
  const { prompt = [], negative, guidance, guidanceRescale, clipSkip, tiled = false } = flags;
  if (tiled) pipeline.enableVaeTiling();
  const imageSize = { ...pipeline.imageSize, ...flags.size };
  checkCount(imagesOf(flags), imageSize);
  const { told, options } = samplerOptions(pipeline, flags);
  const shared = {
    ...commonOptions(flags),
    ...options,
    prompt: ofWalkers(flags, prompt),
    ...(negative && { negativePrompt: ofPrompts(flags, negative) }),
    ...(guidance !== undefined && { guidanceScale: guidance }),
    ...(guidanceRescale !== undefined && { guidanceRescale }),
    ...(clipSkip !== undefined && { clipSkip }),
  };
  const asked = { ...shared, ...xlOptions(flags), ...beginning };
  const { denoisingEnd = DENOISING_END } = flags;
  const { isTiled, ...drawing } =
    refine === undefined
      ? drawingAlone(pipeline, asked, told.isAdaptive, communicator)
      : drawingOver(
          pipeline,
          asked,
          denoisingEnd,
          () => refine({ options: shared, denoisingStart: denoisingEnd, maskImage, isTiled: tiled }),
          communicator,
        );
  return {
    ...told,
    ...drawing,
    prompts: shared.prompt,
    report: () => ({
      ...reportOf(flags, shared.prompt, imageSize),
      ...xlReport(flags),
      ...(refine && { refiner: flags.refiner, denoising_end: denoisingEnd }),
      ...(isTiled() && { tiled: true }),
    }),
    remarks: [],
    imageSize,
  };
}

/** With one model. A function by itself, as what it makes holds the model. */
const drawingAlone = <Options extends DrawingOptions>(
  pipeline: Prompted<NoInfer<Options>>,
  options: Options,
  isAdaptive: boolean,
  communicator: Communicator,
) => ({
  ...drawingWith(pipeline, options, isAdaptive, communicator),
  isTiled: () => pipeline.codec.division?.useTiling ?? false,
});

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
