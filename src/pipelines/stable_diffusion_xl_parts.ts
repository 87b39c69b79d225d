// The parts of a pipeline of Stable Diffusion XL: how they are read, and what prompts mean to the UNet.

import { autoencoder } from "../codecs/autoencoder.ts";
import { readModelIndex } from "../io/diffusers_folder.ts";
import { CLIPTextModelWithProjection } from "../models/clip_text_model.ts";
import { ORIGINAL_LAYOUTS, type OriginalConfig } from "../models/original/layouts.ts";
import { PipelineError } from "./errors.ts";
import { STABLE_DIFFUSION_XL } from "./families.ts";
import { readPipelineOf } from "./folders.ts";
import {
  computingOptions,
  type StableDiffusionLoadOptions,
  type StableDiffusionPipelineOptions,
} from "./prompt_pipeline.ts";
import { type ExpectedVersions, readSingleFile, type SingleFileOptions } from "./single_file.ts";
import { withPipelineFolder } from "./source.ts";
import type { StableDiffusionParts } from "./stable_diffusion_parts.ts";
import { TEXT_ENCODER, TEXT_ENCODER_2 } from "./text_components.ts";
import type { OneTextEncoder } from "./text_conditioner.ts";
import { TextXLConditioner, type TwoTextEncoders } from "./text_xl_conditioner.ts";

/** The parts of a Stable Diffusion XL pipeline, with their weights. */
export interface StableDiffusionXLParts
  extends Omit<StableDiffusionParts, keyof OneTextEncoder>,
    TwoTextEncoders {
  /** Without a negative prompt, guidance leads away from zeros, and not from the empty text. Default true. */
  readonly forceZerosForEmptyPrompt?: boolean;
  /** The model is told an aesthetic score in place of the image's size, as the refiner is. Default false. */
  readonly requiresAestheticsScore?: boolean;
}

/** Parts of a pipeline whose UNet sees what two text encoders give. @param defaultScale the guidance scale of calls that give none */
export const seeingTwoEncoders = (
  parts: StableDiffusionXLParts,
  { warn }: StableDiffusionPipelineOptions,
  defaultScale: number,
) => {
  const { unet, scheduler, codec, ...more } = parts;
  const { forceZerosForEmptyPrompt = true, requiresAestheticsScore = false, ...encoders } = more;
  const { timeCondProjDim: embeddingWidth } = unet.config;
  const settings = { defaultScale, embeddingWidth, forceZerosForEmptyPrompt, requiresAestheticsScore, warn };
  return { unet, scheduler, codec, conditioner: new TextXLConditioner(encoders, settings) };
};

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
  const isOneMissing = (tokenizer === undefined) !== (textEncoder === undefined);
  if (!codec || !tokenizer2 || !textEncoder2 || isOneMissing) {
    throw new PipelineError(`${source}: the pipeline lacks its autoencoder, a tokenizer or a text encoder`);
  }
  const parts = {
    ...{ unet, scheduler, codec, tokenizer2, textEncoder2 },
    ...(tokenizer && textEncoder && { tokenizer, textEncoder }),
    ...toldBy(settings),
  };
  return [parts, computingOptions(options, sampling)];
}

const FILES: ExpectedVersions = { versions: ["xl", "xl-refiner"], title: "Stable Diffusion XL" };

/**
 * Reads a single file in the original layout of Stable Diffusion XL.
 * @returns the arguments of one of their classes
 * @throws PipelineError, FileError, in one line
 */
export async function readStableDiffusionXLFile(
  path: string,
  options: SingleFileOptions & StableDiffusionPipelineOptions,
): Promise<[StableDiffusionXLParts, StableDiffusionPipelineOptions]> {
  const { config } = options;
  const index = config === undefined ? undefined : await readModelIndex(config);
  const { version, unet, vae, textEncoders, scheduler, tokenizer, tokenizer2 } = await readSingleFile(
    path,
    options,
    FILES,
  );
  const textEncoder = textEncoders.get(TEXT_ENCODER);
  const textEncoder2 = textEncoders.get(TEXT_ENCODER_2);
  if (!(textEncoder2 instanceof CLIPTextModelWithProjection) || !tokenizer2) {
    throw new PipelineError(`${path}: the file lacks the second text encoder`);
  }
  const parts = {
    ...{ unet, scheduler, codec: autoencoder(vae), tokenizer2, textEncoder2 },
    ...(tokenizer && textEncoder && { tokenizer, textEncoder }),
    ...toldBy(index?.settings ?? ORIGINAL_LAYOUTS[version].settings),
  };
  return [parts, computingOptions(options, undefined)];
}

/** What a model_index.json says of the model. */
const toldBy = (settings: OriginalConfig) => ({
  forceZerosForEmptyPrompt: settings.force_zeros_for_empty_prompt !== false,
  requiresAestheticsScore: settings.requires_aesthetics_score === true,
});
