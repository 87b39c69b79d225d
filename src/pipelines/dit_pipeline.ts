// DiTPipeline: draws latents of a class with a transformer, and decodes them (Peebles & Xie 2023, arXiv 2212.09748).

import type { Codec } from "../codecs/codec.ts";
import type { HostTensor } from "../engine/host_tensor.ts";
import type { Pixels } from "../io/image/index.ts";
import type { DiTTransformer2DModel } from "../models/dit_transformer_2d_model.ts";
import type { Scheduler } from "../schedulers/index.ts";
import { type GuidanceKind, ModelClasses } from "./class_labels.ts";
import { asPipelineError, PipelineError } from "./errors.ts";
import { DIFFUSION_TRANSFORMER } from "./families.ts";
import { type LatentLoadOptions, type LatentPipelineOptions, readLatents } from "./latents.ts";
import { type GenerateOptions, SchedulerPipeline } from "./scheduler_pipeline.ts";
import { isGuiding } from "./text_options.ts";

/** The parts of a DiTPipeline, with their weights. */
export interface DiTParts {
  /** The model of latents. */
  readonly transformer: DiTTransformer2DModel;
  /** As saved with the model. */
  readonly scheduler: Scheduler;
  /** The autoencoder: see `autoencoder`. */
  readonly codec: Codec;
}

const GUIDANCE: GuidanceKind = { scale: 4, isGuiding, guiding: "above 1" };

/**
 * Draws images of classes by latents, like diffusers' DiTPipeline: with a guidance of 4 by default, and, of a model that
 * learned the variance too, by its mean alone. Schedulers over sigmas (Euler, Heun) work here; diffusers' pipeline gives
 * them noise that is too weak.
 */
export class DiTPipeline extends SchedulerPipeline<DiTTransformer2DModel, GenerateOptions> {
  /** @throws PipelineError for parts that do not belong together, and names of classes that the model does not have */
  constructor({ transformer, scheduler, codec }: DiTParts, options: LatentPipelineOptions = {}) {
    const { inChannels: channels, outChannels, sizeFactor, classEmbedding } = transformer;
    asPipelineError(() => codec.imageSize({ height: sizeFactor, width: sizeFactor, channels }));
    if (outChannels !== channels && outChannels !== 2 * channels) {
      throw new PipelineError(
        `the transformer predicts ${outChannels} channels for ${channels}, expected as many, or twice as many with a learned variance`,
      );
    }
    const { id2label, ...computing } = options;
    const conditioner = new ModelClasses(classEmbedding, id2label, GUIDANCE);
    super(transformer, scheduler, { ...computing, codec, conditioner, className: "DiTPipeline" });
  }

  /**
   * Loads the folder of a DiTPipeline as diffusers saves it.
   * @param source a pipeline's folder (with model_index.json), or the name of a repository on the Hugging Face Hub:
   *   "OWNER/NAME" if there is no such folder, or "hf:OWNER/NAME"
   * @throws PipelineError, FileError or HubError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromPretrained(source: string, options: LatentLoadOptions = {}): Promise<DiTPipeline> {
    const {
      unet: transformer,
      options: computing,
      ...parts
    } = await readLatents(DIFFUSION_TRANSFORMER, source, options);
    return new DiTPipeline({ transformer, ...parts }, computing);
  }

  /** The model, under diffusers' name. */
  get transformer(): DiTTransformer2DModel {
    return this.unet;
  }

  override generate(options: GenerateOptions = {}): Promise<HostTensor> {
    return super.generate(options);
  }

  override generateImages(options: GenerateOptions = {}): Promise<Pixels[]> {
    return super.generateImages(options);
  }

  protected override get meanOnly(): boolean {
    return true;
  }

  /** With guidance diffusers' scheduler also steps, with noise of their own, the copies without a class. */
  protected override stepNoise({ guidanceScale = GUIDANCE.scale }: GenerateOptions): number {
    return isGuiding(guidanceScale) ? 2 : 1;
  }
}
