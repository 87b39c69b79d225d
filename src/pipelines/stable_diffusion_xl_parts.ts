// The parts of a pipeline of Stable Diffusion XL: how they are read, and what prompts mean to the UNet.

import { PipelineError } from "./errors.ts";
import { STABLE_DIFFUSION_XL } from "./families.ts";
import { readPipelineOf } from "./folders.ts";
import {
  computingOptions,
  type StableDiffusionLoadOptions,
  type StableDiffusionPipelineOptions,
} from "./prompt_pipeline.ts";
import { withPipelineFolder } from "./source.ts";
import type { StableDiffusionParts } from "./stable_diffusion_parts.ts";
import { TextXLConditioner, type TwoTextEncoders } from "./text_xl_conditioner.ts";

/** The parts of a Stable Diffusion XL pipeline, with their weights. */
export interface StableDiffusionXLParts extends StableDiffusionParts, TwoTextEncoders {
  /** Without a negative prompt, guidance leads away from zeros, and not from the empty text. Default true. */
  readonly forceZerosForEmptyPrompt?: boolean;
}

/** Parts of a pipeline whose UNet sees what two text encoders give. @param defaultScale the guidance scale of calls that give none */
export const seeingTwoEncoders = (
  { unet, scheduler, codec, forceZerosForEmptyPrompt = true, ...encoders }: StableDiffusionXLParts,
  { warn }: StableDiffusionPipelineOptions,
  defaultScale: number,
) => ({
  unet,
  scheduler,
  codec,
  conditioner: new TextXLConditioner(encoders, {
    defaultScale,
    embeddingWidth: unet.config.timeCondProjDim,
    forceZerosForEmptyPrompt,
    warn,
  }),
});

/**
 * Reads the folder of a pipeline of Stable Diffusion XL; each of their classes can draw with any of them.
 * @returns the arguments of such a class
 * @throws PipelineError, FileError or HubError, in one line
 */
export async function readStableDiffusionXL(
  source: string,
  options: StableDiffusionLoadOptions,
): Promise<[StableDiffusionXLParts, StableDiffusionPipelineOptions]> {
  const { unet, scheduler, codec, tokenizer, textEncoder, tokenizer2, textEncoder2, settings, sampling } =
    await withPipelineFolder(source, { ...options, families: [STABLE_DIFFUSION_XL] }, (folder) =>
      readPipelineOf(STABLE_DIFFUSION_XL, folder, options),
    );
  if (!codec || !tokenizer || !textEncoder || !tokenizer2 || !textEncoder2) {
    throw new PipelineError(`${source}: the pipeline lacks its autoencoder, a tokenizer or a text encoder`);
  }
  if (settings.requires_aesthetics_score === true) {
    throw new PipelineError(
      `${source}: the model is told an aesthetic score, as the refiner is, which is not supported`,
    );
  }
  const forceZerosForEmptyPrompt = settings.force_zeros_for_empty_prompt !== false;
  return [
    { unet, scheduler, codec, tokenizer, textEncoder, tokenizer2, textEncoder2, forceZerosForEmptyPrompt },
    computingOptions(options, sampling),
  ];
}
