// Common to the pipelines of latents that see no prompts: their options, and how they are read.

import type { Codec } from "../codecs/codec.ts";
import type { Denoiser } from "../models/denoiser.ts";
import type { Scheduler } from "../schedulers/index.ts";
import type { FromPretrainedOptions, PipelineOptions } from "./diffusion_pipeline.ts";
import { PipelineError } from "./errors.ts";
import type { PipelineFamily } from "./families.ts";
import { readPipelineOf } from "./folders.ts";
import { withPipelineFolder } from "./source.ts";

/** How a pipeline of latents computes, and the names of its classes. */
export interface LatentPipelineOptions
  extends Pick<PipelineOptions, "backend" | "threads" | "precision" | "id2label" | "sampling"> {}

/** Options for loading a pipeline of latents. */
export interface LatentLoadOptions
  extends Omit<FromPretrainedOptions, "className" | "codec" | "conditioner"> {}

/** A pipeline of latents that was read. D: its model. */
interface ReadLatents<D extends Denoiser> {
  readonly unet: D;
  readonly scheduler: Scheduler;
  readonly codec: Codec;
  /** Those given, and what the folder says besides. */
  readonly options: LatentPipelineOptions;
}

/**
 * Reads a pipeline of latents.
 * @param source as in `DDPMPipeline.fromPretrained`
 * @throws PipelineError, FileError or HubError, in one line
 */
export async function readLatents<D extends Denoiser>(
  family: PipelineFamily<D>,
  source: string,
  options: LatentLoadOptions,
): Promise<ReadLatents<D>> {
  const { unet, scheduler, codec, sampling, id2label } = await withPipelineFolder(
    source,
    { ...options, families: [family] },
    (folder) => readPipelineOf(family, folder, options),
  );
  if (codec === undefined) throw new PipelineError(`${source}: the pipeline lacks its autoencoder`);
  return { unet, scheduler, codec, options: { sampling, ...(id2label && { id2label }), ...options } };
}
