// Plans with models that draw what a prompt says.

import type { Communicator } from "../../distributed/communicator.ts";
import type { Extent } from "../../io/image/index.ts";
import type { StableDiffusionPipeline } from "../../pipelines/stable_diffusion_pipeline.ts";
import { checkCount } from "../drawing_plan.ts";
import { commonOptions, drawingWith, imagesOf, ofWalkers } from "./drawing.ts";
import type { SampleFlags } from "./flags.ts";
import type { SamplePlan } from "./sample_plan.ts";
import { samplerOptions } from "./sampler_options.ts";

/** Plans new images. */
export function planPrompts(
  pipeline: StableDiffusionPipeline,
  flags: SampleFlags,
  communicator: Communicator,
): SamplePlan {
  const { prompt = [], size, guidance, guidanceRescale, clipSkip } = flags;
  const imageSize = { ...pipeline.imageSize, ...size };
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
    ...size,
  };
  return {
    ...told,
    ...drawingWith(pipeline, asked, told.isAdaptive, communicator),
    prompts: asked.prompt,
    report: reportOf(flags, asked.prompt, imageSize),
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
  { count, negative, guidance, guidanceRescale, clipSkip }: SampleFlags,
  prompts: readonly string[],
  { width, height }: Extent,
): SamplePlan["report"] {
  return {
    // Those of the sheet's images, or of the walkers.
    prompts: Array.from({ length: count }, (_, k) => prompts[k % prompts.length]),
    ...(negative && { negative }),
    width,
    height,
    ...(guidance !== undefined && { guidance }),
    ...(guidanceRescale !== undefined && { guidance_rescale: guidanceRescale }),
    ...(clipSkip !== undefined && { clip_skip: clipSkip }),
  };
}
