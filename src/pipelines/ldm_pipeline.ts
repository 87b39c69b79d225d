// LDMPipeline: draws latents from noise with a model that sees no prompt, and decodes them (Rombach et al. 2022, arXiv
// 2112.10752, section 4.2).

import type { Codec } from "../codecs/codec.ts";
import type { HostTensor } from "../engine/host_tensor.ts";
import type { Pixels } from "../io/image/index.ts";
import type { Scheduler } from "../schedulers/index.ts";
import type { PipelineModel } from "./components.ts";
import { asPipelineError } from "./errors.ts";
import { LATENT_DIFFUSION } from "./families.ts";
import { type LatentLoadOptions, type LatentPipelineOptions, readLatents } from "./latents.ts";
import { type GenerateOptions, SchedulerPipeline } from "./scheduler_pipeline.ts";

/** The parts of a pipeline of latents without prompts, with their weights. */
export interface LDMParts {
  /** The model of latents. */
  readonly unet: PipelineModel;
  /** As saved with the model. */
  readonly scheduler: Scheduler;
  /** The autoencoder: see `autoencoder`. */
  readonly codec: Codec;
}

/** Draws images by latents, like diffusers' LDMPipeline; of classes, if the model takes them. */
export class LDMPipeline extends SchedulerPipeline<PipelineModel, GenerateOptions> {
  /** @throws PipelineError for parts that do not belong together */
  constructor({ unet, scheduler, codec }: LDMParts, options: LatentPipelineOptions = {}) {
    const { inChannels: channels, sizeFactor } = unet;
    asPipelineError(() => codec.imageSize({ height: sizeFactor, width: sizeFactor, channels }));
    super(unet, scheduler, { ...options, codec, className: "LDMPipeline" });
  }

  /**
   * Loads the folder of an LDMPipeline as diffusers saves it.
   * @param source a pipeline's folder (with model_index.json), or the name of a repository on the Hugging Face Hub:
   *   "OWNER/NAME" if there is no such folder, or "hf:OWNER/NAME"
   * @throws PipelineError, FileError or HubError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromPretrained(source: string, options: LatentLoadOptions = {}): Promise<LDMPipeline> {
    const { options: computing, ...parts } = await readLatents(LATENT_DIFFUSION, source, options);
    return new LDMPipeline(parts, computing);
  }

  override generate(options: GenerateOptions = {}): Promise<HostTensor> {
    return super.generate(options);
  }

  override generateImages(options: GenerateOptions = {}): Promise<Pixels[]> {
    return super.generateImages(options);
  }
}
