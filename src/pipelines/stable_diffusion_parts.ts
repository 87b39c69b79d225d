// The parts of a pipeline of Stable Diffusion 1 or 2: how they are read, and what prompts mean to the UNet.

import { autoencoder } from "../codecs/autoencoder.ts";
import type { Codec } from "../codecs/codec.ts";
import type { UNet2DConditionModel } from "../models/unet_2d_condition_model.ts";
import type { Scheduler } from "../schedulers/index.ts";
import { PipelineError } from "./errors.ts";
import { STABLE_DIFFUSION } from "./families.ts";
import { pipelineClass, readPipelineOf } from "./folders.ts";
import {
  computingOptions,
  type StableDiffusionLoadOptions,
  type StableDiffusionPipelineOptions,
} from "./prompt_pipeline.ts";
import { type ExpectedVersions, readSingleFile, type SingleFileOptions } from "./single_file.ts";
import { withPipelineFolder } from "./source.ts";
import { TEXT_ENCODER } from "./text_components.ts";
import { type OneTextEncoder, TextConditioner } from "./text_conditioner.ts";

/** The parts of a Stable Diffusion pipeline, with their weights. */
export interface StableDiffusionParts extends OneTextEncoder {
  /** The model of latents. */
  readonly unet: UNet2DConditionModel;
  /** As saved with the model. */
  readonly scheduler: Scheduler;
  /** The autoencoder: see `autoencoder`. */
  readonly codec: Codec;
  /**
   * Whether it is saved as a LatentConsistencyModelPipeline, whose calls take 4 steps and a guidance scale of 8.5 if they
   * say nothing else. Default false.
   */
  readonly isConsistencyModel?: boolean;
}

/** A class of diffusers, and that for latent consistency models. */
interface ClassNames {
  readonly usual: string;
  readonly consistency?: string;
}

/** Parts of a pipeline whose UNet sees the tokens of a prompt. @param names which class it is in diffusers */
export const seeingTokens = (
  { unet, scheduler, codec, isConsistencyModel = false, ...encoder }: StableDiffusionParts,
  { warn }: StableDiffusionPipelineOptions,
  { usual, consistency = usual }: ClassNames,
) => {
  const className = isConsistencyModel ? consistency : usual;
  const defaultScale = className === usual ? DEFAULT_GUIDANCE : CONSISTENCY_GUIDANCE;
  const settings = { defaultScale, embeddingWidth: unet.config.timeCondProjDim, warn };
  return { unet, scheduler, codec, className, conditioner: new TextConditioner(encoder, settings) };
};

/** diffusers' defaults. */
const DEFAULT_GUIDANCE = 7.5;
const CONSISTENCY_GUIDANCE = 8.5;

/**
 * Reads the folder of a pipeline of Stable Diffusion 1 or 2; each of their classes can draw with any of them.
 * @returns the arguments of such a class
 * @throws PipelineError, FileError or HubError, in one line
 */
export async function readStableDiffusion(
  source: string,
  options: StableDiffusionLoadOptions,
): Promise<[StableDiffusionParts, StableDiffusionPipelineOptions]> {
  const { codec, tokenizer, textEncoder, isConsistencyModel, ...parts } = await withPipelineFolder(
    source,
    { ...options, families: [STABLE_DIFFUSION] },
    async (folder) => ({
      ...(await readPipelineOf(STABLE_DIFFUSION, folder, options)),
      isConsistencyModel: (await pipelineClass(folder)).startsWith("LatentConsistencyModel"),
    }),
  );
  if (codec === undefined || tokenizer === undefined || textEncoder === undefined) {
    throw new PipelineError(`${source}: the pipeline lacks its autoencoder, tokenizer or text encoder`);
  }
  return [
    { ...parts, codec, tokenizer, textEncoder, isConsistencyModel },
    computingOptions(options, parts.sampling),
  ];
}

const FILES: ExpectedVersions = { versions: ["v1", "v2"], title: "Stable Diffusion 1 or 2" };

/**
 * Reads a single file in the original layout of Stable Diffusion 1 or 2.
 * @returns the arguments of one of their classes
 * @throws PipelineError, FileError, in one line
 */
export async function readStableDiffusionFile(
  path: string,
  options: SingleFileOptions & StableDiffusionPipelineOptions,
): Promise<[StableDiffusionParts, StableDiffusionPipelineOptions]> {
  const { unet, vae, textEncoders, scheduler, tokenizer } = await readSingleFile(path, options, FILES);
  const textEncoder = textEncoders.get(TEXT_ENCODER);
  if (textEncoder === undefined || tokenizer === undefined) {
    throw new PipelineError(`${path}: there is no text encoder in the file`);
  }
  return [
    { unet, scheduler, codec: autoencoder(vae), tokenizer, textEncoder },
    computingOptions(options, undefined),
  ];
}
