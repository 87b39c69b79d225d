// Common to the pipelines that draw what a prompt says: their options, the parts that belong together, and the size of
// their images. What prompts mean to the model is the conditioner's; where the images start is a `Beginning`.

import type { Division, ImageSize } from "../codecs/codec.ts";
import { MemoryError } from "../engine/backend.ts";
import type { HostTensor } from "../engine/host_tensor.ts";
import { sameShape, showShape } from "../engine/shape.ts";
import type { Pixels } from "../io/image/index.ts";
import { mapConditions } from "../models/denoiser.ts";
import { overridden } from "../schedulers/bases/options.ts";
import { makeScheduler, type Scheduler } from "../schedulers/index.ts";
import type { Beginning } from "./beginning.ts";
import type { Warn } from "./components.ts";
import type { FromPretrainedOptions, PipelineOptions } from "./diffusion_pipeline.ts";
import { asPipelineError, PipelineError } from "./errors.ts";
import type { SamplingDefaults } from "./sampling_defaults.ts";
import { schedulerNameOf } from "./scheduler_choice.ts";
import type { GenerateOptions } from "./scheduler_pipeline.ts";
import type { Start } from "./start.ts";
import { promptsOf, type TextOptions } from "./text_options.ts";
import { WeightsPipeline, type WeightsPipelineParts } from "./weights_pipeline.ts";

/** Options of `generate` of all pipelines that see prompts. */
export interface PromptOptions
  extends Omit<GenerateOptions, "classLabels" | "guidanceScale" | "guidanceRescale">,
    TextOptions {
  /** The same as `steps`, under diffusers' name. */
  readonly numInferenceSteps?: number;
  /**
   * Number of images; image k has prompt k of the list, in turn, and starts from image k, if it starts from images.
   * Default: one for each prompt, or for each of the images if they are more.
   */
  readonly count?: number;
}

/** How a pipeline that sees prompts computes. */
export interface StableDiffusionPipelineOptions
  extends Pick<PipelineOptions, "backend" | "threads" | "precision" | "sampling">,
    Pick<FromPretrainedOptions, "warn"> {
  /**
   * Whether an image that the autoencoder has no memory for is computed in tiles instead, as after `enableVaeTiling`;
   * `warn` is told. Default false: then it is a MemoryError.
   */
  readonly tilesWhereNeeded?: boolean;
}

/** Options for loading a pipeline that sees prompts. */
export interface StableDiffusionLoadOptions
  extends Omit<FromPretrainedOptions, "className" | "codec" | "conditioner" | "id2label">,
    Pick<StableDiffusionPipelineOptions, "tilesWhereNeeded"> {}

/** How a loaded pipeline computes. @param own how its folder says that its images are drawn */
export const computingOptions = (
  { backend, threads, precision, warn, tilesWhereNeeded, sampling }: StableDiffusionLoadOptions,
  own: SamplingDefaults | undefined,
): StableDiffusionPipelineOptions => ({
  sampling: sampling ?? own,
  ...(backend !== undefined && { backend }),
  ...(threads !== undefined && { threads }),
  ...(precision !== undefined && { precision }),
  ...(warn !== undefined && { warn }),
  ...(tilesWhereNeeded !== undefined && { tilesWhereNeeded }),
});

/** What a pipeline that sees prompts is made of. Asked: the options of its calls. */
interface PromptPipelineParts<Asked extends TextOptions> extends WeightsPipelineParts<Asked> {
  readonly beginning: Beginning<Asked>;
}

/** Longest side of an image, pixels. */
const MOST_SIDE = 2 ** 14;

/** Draws what a prompt says. */
export abstract class PromptPipeline<Options extends PromptOptions> extends WeightsPipeline<Options> {
  readonly #beginning: Beginning<Options>;
  readonly #tilesWhereNeeded: boolean;
  readonly #warn: Warn | undefined;

  /** @throws PipelineError for parts that do not belong together */
  protected constructor(parts: PromptPipelineParts<Options>, options: StableDiffusionPipelineOptions) {
    const { scheduler, beginning, ...more } = parts;
    const { warn, tilesWhereNeeded = false, ...computing } = options;
    checkParts(parts);
    super({ ...more, scheduler: corrected(scheduler) }, computing);
    this.#beginning = beginning;
    this.#tilesWhereNeeded = tilesWhereNeeded;
    this.#warn = warn;
  }

  /** Computes the autoencoder image by image: so it always decodes, and now encodes too. @throws PipelineError */
  enableVaeSlicing(): void {
    this.#division.useSlicing = true;
  }

  /** The reverse of `enableVaeSlicing`. @throws PipelineError */
  disableVaeSlicing(): void {
    this.#division.useSlicing = false;
  }

  /**
   * Computes the autoencoder in overlapping tiles where images are larger than one, so that its memory does not grow
   * with them. Images differ a little from those that are computed whole.
   * @throws PipelineError for an autoencoder that does not work in tiles
   */
  enableVaeTiling(): void {
    this.#division.useTiling = true;
  }

  /** The reverse of `enableVaeTiling`. @throws PipelineError */
  disableVaeTiling(): void {
    this.#division.useTiling = false;
  }

  get #division(): Division {
    const { division, saved } = this.codec;
    if (division !== undefined) return division;
    throw new PipelineError(
      `the pipeline's ${saved?.className ?? "codec"} does not divide its work; an AutoencoderKL does`,
    );
  }

  override async decode(latents: HostTensor): Promise<HostTensor> {
    return this.#dividedIfNeeded(() => super.decode(latents));
  }

  protected override async encode(images: HostTensor, noise?: HostTensor): Promise<HostTensor> {
    return this.#dividedIfNeeded(() => super.encode(images, noise));
  }

  /** Computes again in tiles what does not fit into memory. */
  async #dividedIfNeeded(compute: () => Promise<HostTensor>): Promise<HostTensor> {
    try {
      return await compute();
    } catch (error) {
      // Programs that do not fit are refused before they run; only then is it known what else the memory holds.
      const { division } = this.codec;
      const canDivide = this.#tilesWhereNeeded && division?.useTiling === false;
      if (!(canDivide && error instanceof MemoryError)) throw error;
      this.enableVaeTiling();
      this.#warn?.(`${error.message}; images are encoded and decoded in tiles, whose seams may show`);
      return compute();
    }
  }

  /**
   * Draws images of the prompts.
   * @returns [count, H, W, C], values in [0, 1]; count is that of the part, if one is asked for
   * @throws PipelineError for options out of range
   */
  override async generate(options: Options): Promise<HostTensor> {
    return super.generate(this.#completed(options));
  }

  override async generateLatents(options: Options): Promise<HostTensor> {
    return super.generateLatents(this.#completed(options));
  }

  override async generateImages(options: Options): Promise<Pixels[]> {
    return super.generateImages(this.#completed(options));
  }

  override checkOptions(options: Options): void {
    super.checkOptions(this.#completed(options));
  }

  protected override get latentChannels(): number {
    return this.unet.outChannels;
  }

  protected override latentSize(options: Options): ImageSize {
    const { unet, codec, latentChannels: channels } = this;
    const { height: factor } = codec.imageSize({ height: 1, width: 1, channels });
    const { height, width } = this.#beginning.size(options, factor);
    if (height === undefined && width === undefined) return super.latentSize(options);
    const most = factor * unet.sizeFactor;
    const inLatents = (name: "height" | "width", given: number | undefined): number => {
      const side = given ?? this.imageSize[name];
      if (side >= 1 && side <= MOST_SIDE && side % most === 0) return side / factor;
      throw new PipelineError(
        `${this.#beginning.sizeOf}${name} is ${side}, expected a multiple of ${most} up to ${MOST_SIDE}`,
      );
    };
    return { height: inLatents("height", height), width: inLatents("width", width), channels };
  }

  protected override start(options: Options): Start | null {
    const { unet, codec, latentChannels } = this;
    const encode = (images: HostTensor, noise?: HostTensor) => this.encode(images, noise);
    return this.#beginning.start(options, { unet, codec, latentChannels, encode });
  }

  /** The options with what they leave open. @throws PipelineError */
  #completed(options: Options): Options {
    const { numInferenceSteps, steps = numInferenceSteps } = options;
    if (numInferenceSteps !== undefined && options.steps !== undefined) {
      throw new PipelineError("steps and numInferenceSteps mean the same; give one");
    }
    const count = Math.max(promptsOf(options).length, this.#beginning.count(options));
    return { count, ...options, ...(steps !== undefined && { steps }) };
  }
}

/**
 * The scheduler with steps_offset 1 and clip_sample false, which diffusers' pipeline sets too: folders of the first
 * months have them otherwise, though the models were always drawn with these.
 */
function corrected(scheduler: Scheduler): Scheduler {
  const { steps_offset: offset = 1, clip_sample: clips = false } = scheduler.toConfig();
  if (offset === 1 && clips === false) return scheduler;
  const right = { ...(offset !== 1 && { stepsOffset: 1 }), ...(clips !== false && { clipSample: false }) };
  return makeScheduler(schedulerNameOf(scheduler), overridden(scheduler, right));
}

/** @throws PipelineError for parts that are not of one model */
function checkParts<Asked extends TextOptions>(parts: PromptPipelineParts<Asked>): void {
  const { unet, codec, conditioner, beginning, className } = parts;
  const { inChannels, outChannels: channels, sizeFactor } = unet;
  const given = conditioner.shapes;
  const wanted = unet.conditionsFor(1, conditioner.sizes);
  const elsewhere =
    wanted.timeIds === undefined ? "" : "; it is Stable Diffusion XL's: StableDiffusionXLPipeline";
  mapConditions(wanted, (_, name) => {
    if (given[name] !== undefined) return;
    throw new PipelineError(
      `the UNet is conditioned on ${name} too, which a ${className} does not give${elsewhere}`,
    );
  });
  mapConditions(given, (shape, name) => {
    const [, ...seen] = wanted[name]?.shape ?? [];
    if (sameShape(shape, seen)) return;
    const expected = wanted[name] === undefined ? "none" : showShape(seen);
    throw new PipelineError(
      `the prompts of a ${className} become ${name} of ${showShape(shape)}, expected ${expected}, which the UNet sees; text encoder and UNet are of different models`,
    );
  });
  if (!beginning.inputChannels(channels).includes(inChannels)) {
    throw new PipelineError(
      `the UNet sees ${inChannels} channels of which it predicts ${channels}, expected ${beginning.inputChannels(channels).join(" or ")}; ` +
        "one that sees more than it predicts may be for inpainting: StableDiffusionInpaintPipeline",
    );
  }
  asPipelineError(() => codec.imageSize({ height: sizeFactor, width: sizeFactor, channels }));
}
