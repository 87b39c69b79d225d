// StableDiffusionPipeline: draws what a prompt says (Rombach et al. 2022, arXiv 2112.10752), as Stable Diffusion 1 and 2 do.

import { files } from "#platform";
import { autoencoder, autoencoderOf } from "../codecs/autoencoder.ts";
import type { Codec, ImageSize } from "../codecs/codec.ts";
import type { HostTensor } from "../engine/host_tensor.ts";
import type { Pixels } from "../io/image/index.ts";
import type { CLIPTextModel } from "../models/clip_text_model.ts";
import type { CLIPTokenizer } from "../models/clip_tokenizer.ts";
import { ORIGINAL_LAYOUTS } from "../models/original/layouts.ts";
import type { UNet2DConditionModel } from "../models/unet_2d_condition_model.ts";
import { overridden } from "../schedulers/bases/options.ts";
import { makeScheduler, type Scheduler } from "../schedulers/index.ts";
import { savedComponents } from "./components.ts";
import type { FromPretrainedOptions, PipelineOptions } from "./diffusion_pipeline.ts";
import { asPipelineError, PipelineError } from "./errors.ts";
import { STABLE_DIFFUSION } from "./families.ts";
import { checkReplaceable, readPipelineOf, writePipeline } from "./folders.ts";
import { LoraAdapters } from "./lora/adapters.ts";
import { readLora } from "./lora/file.ts";
import type { LoraComponent } from "./lora/names.ts";
import { type SavedDtype, weightDtype } from "./saved_dtype.ts";
import { schedulerNameOf } from "./scheduler_choice.ts";
import { type GenerateOptions, SchedulerPipeline } from "./scheduler_pipeline.ts";
import { readSingleFile, type SingleFileOptions } from "./single_file.ts";
import { type SaveSingleFileOptions, writeSingleFile } from "./single_file_writer.ts";
import { withPipelineFolder } from "./source.ts";
import { TEXT_ENCODER } from "./text_components.ts";
import { promptsOf, TextConditioner, type TextOptions } from "./text_conditioner.ts";

/** Options of `generate`: the prompt, the size, and how the images are drawn. */
export interface StableDiffusionOptions
  extends Omit<GenerateOptions, "classLabels" | "guidanceScale" | "guidanceRescale">,
    TextOptions {
  /** The same as `steps`, under diffusers' name. */
  readonly numInferenceSteps?: number;
  /** Pixels. Default: as the UNet's config says, 512 for Stable Diffusion 1. */
  readonly height?: number;
  /** Pixels. Default: as the UNet's config says. */
  readonly width?: number;
  /** Number of images; image k has prompt k of the list, in turn. Default: one for each prompt. */
  readonly count?: number;
}

/** The parts of a Stable Diffusion pipeline, with their weights. */
export interface StableDiffusionParts {
  /** The model of latents. */
  readonly unet: UNet2DConditionModel;
  /** As saved with the model. */
  readonly scheduler: Scheduler;
  /** The autoencoder: see `autoencoder`. */
  readonly codec: Codec;
  /** Makes tokens of prompts. */
  readonly tokenizer: CLIPTokenizer;
  /** What the tokens mean to the UNet. */
  readonly textEncoder: CLIPTextModel;
}

/** How a Stable Diffusion pipeline computes. */
export interface StableDiffusionPipelineOptions
  extends Pick<PipelineOptions, "backend" | "threads" | "precision" | "sampling">,
    Pick<FromPretrainedOptions, "warn"> {}

/** Options for loading a Stable Diffusion pipeline. */
export interface StableDiffusionLoadOptions
  extends Omit<FromPretrainedOptions, "className" | "codec" | "conditioner" | "id2label"> {}

/** How a pipeline is saved. */
export interface SavePretrainedOptions {
  /** The type of the weights: "fp16" and "bf16" take half the room. Default "fp32". */
  readonly dtype?: SavedDtype;
  /** Names the weights NAME.VARIANT.safetensors, which `fromPretrained` reads with the same option. */
  readonly variant?: string;
  /** Largest weights file (bytes); larger models are written as several. Default 10 GB, as in diffusers. */
  readonly maxShardSize?: number;
}

/** How a LoRA is loaded. */
export interface LoraOptions {
  /** Its name for `setAdapters`. Default: default_0, default_1, ... */
  readonly adapterName?: string;
  /** How strong it is. Default 1. */
  readonly weight?: number;
}

/** Which LoRAs are fused. */
export interface FuseLoraOptions {
  /** Times their weights. Default 1. */
  readonly loraScale?: number;
  /** Default: those that take part. */
  readonly adapterNames?: readonly string[];
}

/** What diffusers wants to be told of a pipeline without a safety checker. */
const WITHOUT_CHECKER = {
  safety_checker: [null, null],
  feature_extractor: [null, null],
  requires_safety_checker: false,
};

/** Longest side of an image, pixels. */
const MOST_SIDE = 2 ** 14;

/** Draws what a prompt says, like diffusers' StableDiffusionPipeline: text to image. */
export class StableDiffusionPipeline extends SchedulerPipeline<UNet2DConditionModel, StableDiffusionOptions> {
  /** Makes tokens of prompts. */
  readonly tokenizer: CLIPTokenizer;
  /** What the tokens mean to the UNet. */
  readonly textEncoder: CLIPTextModel;
  readonly #texts: TextConditioner;
  readonly #lora: LoraAdapters;

  /** @throws PipelineError for parts that do not belong together */
  constructor(parts: StableDiffusionParts, options: StableDiffusionPipelineOptions = {}) {
    const { unet, scheduler, codec, tokenizer, textEncoder } = parts;
    const { warn, ...more } = options;
    const conditioner = new TextConditioner(tokenizer, textEncoder, warn);
    checkParts(unet, codec, conditioner);
    super(unet, corrected(scheduler), {
      ...more,
      codec,
      conditioner,
      className: "StableDiffusionPipeline",
    });
    this.tokenizer = tokenizer;
    this.textEncoder = textEncoder;
    this.#texts = conditioner;
    this.#lora = new LoraAdapters({ unet, text_encoder: textEncoder });
  }

  /**
   * Loads the folder of a StableDiffusionPipeline as diffusers saves it.
   * @param source a pipeline's folder (with model_index.json), or the name of a repository on the Hugging Face Hub:
   *   "OWNER/NAME" if there is no such folder, or "hf:OWNER/NAME"
   * @throws PipelineError, FileError or HubError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromPretrained(
    source: string,
    options: StableDiffusionLoadOptions = {},
  ): Promise<StableDiffusionPipeline> {
    const { codec, tokenizer, textEncoder, ...parts } = await withPipelineFolder(
      source,
      { ...options, families: [STABLE_DIFFUSION] },
      (folder) => readPipelineOf(STABLE_DIFFUSION, folder, options),
    );
    if (codec === undefined || tokenizer === undefined || textEncoder === undefined) {
      throw new PipelineError(`${source}: the pipeline lacks its autoencoder, tokenizer or text encoder`);
    }
    const { sampling = parts.sampling } = options;
    return new StableDiffusionPipeline(
      { ...parts, codec, tokenizer, textEncoder },
      { ...computing(options), sampling },
    );
  }

  /**
   * Loads a single file in the original layout of Stable Diffusion 1 or 2 (diffusers' from_single_file).
   * @param path of a .safetensors file
   * @throws PipelineError, FileError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromSingleFile(
    path: string,
    options: SingleFileOptions & StableDiffusionPipelineOptions = {},
  ): Promise<StableDiffusionPipeline> {
    const { version, unet, vae, textEncoders, scheduler, tokenizer } = await readSingleFile(path, options);
    const textEncoder = textEncoders.get(TEXT_ENCODER);
    if (textEncoder === undefined || textEncoders.size !== 1) {
      throw new PipelineError(
        `${path}: a file of ${ORIGINAL_LAYOUTS[version].title}, where one of Stable Diffusion 1 or 2 was expected`,
      );
    }
    return new StableDiffusionPipeline(
      { unet, scheduler, codec: autoencoder(vae), tokenizer, textEncoder },
      { ...computing(options), sampling: options.sampling },
    );
  }

  /**
   * Writes a folder that `fromPretrained` and diffusers' StableDiffusionPipeline.from_pretrained load; it replaces an
   * existing pipeline.
   * @throws FileError; PipelineError when the folder holds anything else
   */
  async savePretrained(folder: string, options: SavePretrainedOptions = {}): Promise<void> {
    const { dtype, variant, maxShardSize } = options;
    const written = { dtype: weightDtype(dtype), variant, maxShardSize };
    const weights = this.unet.stateDict();
    const { className } = this;
    await checkReplaceable(folder, savedComponents(this, weights));
    await files.replaceDirAtomic(folder, (aside) =>
      writePipeline(aside, this, weights, { className, settings: WITHOUT_CHECKER, written }),
    );
  }

  /**
   * Writes all weights into a single file in the original layout, which `fromSingleFile` and diffusers' from_single_file
   * load. Tokenizer, scheduler and configs are not in it.
   * @throws FileError; PipelineError for models that the layout does not have
   */
  async saveSingleFile(path: string, options: SaveSingleFileOptions = {}): Promise<void> {
    const { unet, codec } = this;
    const textEncoders = new Map([[TEXT_ENCODER, this.textEncoder]]);
    await writeSingleFile(path, { unet, vae: autoencoderOf(codec), textEncoders }, options);
  }

  /**
   * Loads a LoRA for the UNet and the text encoder, in a spelling of diffusers, PEFT or kohya; it is then the only one
   * that takes part, as in diffusers, until `setAdapters` chooses several.
   * @param path of a .safetensors file, or of a folder with pytorch_lora_weights.safetensors
   * @throws FileError, PipelineError, in one line, for what is no LoRA of this model
   */
  async loadLoraWeights(path: string, options: LoraOptions = {}): Promise<void> {
    const { adapterName, weight = 1 } = options;
    const layers = await readLora(path);
    this.#changeLora((lora) => lora.add(layers, path, adapterName, weight));
  }

  /**
   * Chooses the LoRAs that take part, and how strong each is.
   * @param weights one for all, or one for each. Default 1
   * @throws PipelineError for names that are not loaded
   */
  setAdapters(names: string | readonly string[], weights: number | readonly number[] = 1): void {
    const chosen = typeof names === "string" ? [names] : names;
    const strengths = typeof weights === "number" ? chosen.map(() => weights) : weights;
    this.#changeLora((lora) => lora.activate(chosen, strengths));
  }

  /** Names of the LoRAs that take part. */
  getActiveAdapters(): readonly string[] {
    return this.#lora.activeNames;
  }

  /** Names of all LoRAs, by the models that they change. */
  getListAdapters(): Partial<Record<LoraComponent, string[]>> {
    return this.#lora.byComponent();
  }

  /** Draws without LoRAs until `enableLora`. */
  disableLora(): void {
    this.#changeLora((lora) => lora.enable(false));
  }

  /** Draws with the active LoRAs again. */
  enableLora(): void {
    this.#changeLora((lora) => lora.enable(true));
  }

  /** Takes LoRAs away. @throws PipelineError for names that are not loaded */
  deleteAdapters(names: string | readonly string[]): void {
    this.#changeLora((lora) => lora.remove(typeof names === "string" ? [names] : names));
  }

  /**
   * Makes LoRAs a part of the weights: what `setAdapters` chooses later is left out, and `unloadLoraWeights` leaves them
   * in.
   * @param options those that take part by default, with a `loraScale` of 1
   * @throws PipelineError for names that are not loaded
   */
  fuseLora({ loraScale = 1, adapterNames }: FuseLoraOptions = {}): void {
    this.#changeLora((lora) => lora.fuse(loraScale, adapterNames));
  }

  /** The reverse of `fuseLora`: the weights are exactly what they were. */
  unfuseLora(): void {
    this.#changeLora((lora) => lora.unfuse());
  }

  /** Takes all LoRAs away: the weights are exactly what they were, but for what is fused. */
  unloadLoraWeights(): void {
    this.#changeLora((lora) => lora.clear());
  }

  override weightsChanged(): void {
    super.weightsChanged();
    this.#texts.weightsChanged();
  }

  #changeLora(change: (lora: LoraAdapters) => void): void {
    change(this.#lora);
    this.weightsChanged();
  }

  override async generate(options: StableDiffusionOptions): Promise<HostTensor> {
    return super.generate(completed(options));
  }

  override async generateImages(options: StableDiffusionOptions): Promise<Pixels[]> {
    return super.generateImages(completed(options));
  }

  override checkOptions(options: StableDiffusionOptions): void {
    super.checkOptions(completed(options));
  }

  protected override latentSize(options: StableDiffusionOptions): ImageSize {
    const { height, width } = options;
    const { inChannels: channels, sizeFactor } = this.unet;
    if (height === undefined && width === undefined) return super.latentSize(options);
    const { height: factor } = this.codec.imageSize({ height: 1, width: 1, channels });
    const inLatents = (name: "height" | "width"): number => {
      const side = options[name] ?? this.imageSize[name];
      if (side >= 1 && side <= MOST_SIDE && side % (factor * sizeFactor) === 0) return side / factor;
      throw new PipelineError(
        `${name} is ${side}, expected a multiple of ${factor * sizeFactor} up to ${MOST_SIDE}`,
      );
    };
    return { height: inLatents("height"), width: inLatents("width"), channels };
  }
}

/** The options of how a pipeline computes. */
function computing({
  backend,
  threads,
  precision,
  warn,
}: StableDiffusionPipelineOptions): StableDiffusionPipelineOptions {
  return {
    ...(backend !== undefined && { backend }),
    ...(threads !== undefined && { threads }),
    ...(precision !== undefined && { precision }),
    ...(warn !== undefined && { warn }),
  };
}

/** The options with what they leave open: one image for each prompt. @throws PipelineError */
function completed({ numInferenceSteps, ...options }: StableDiffusionOptions): StableDiffusionOptions {
  if (numInferenceSteps !== undefined && options.steps !== undefined) {
    throw new PipelineError("steps and numInferenceSteps mean the same; give one");
  }
  const steps = numInferenceSteps ?? options.steps;
  return { count: promptsOf(options).length, ...options, ...(steps !== undefined && { steps }) };
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
function checkParts(
  unet: UNet2DConditionModel,
  codec: Codec,
  { shape: [tokens, width] }: TextConditioner,
): void {
  const { encoderHiddenStates, ...others } = unet.conditionsFor(1);
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw new PipelineError(
      `the UNet is conditioned on ${other} too, which Stable Diffusion 1 and 2 are not; XL and consistency models are not drawn yet`,
    );
  }
  const [, wantedTokens, wantedWidth] = encoderHiddenStates?.shape ?? [];
  if (tokens !== wantedTokens || width !== wantedWidth) {
    throw new PipelineError(
      `the text encoder gives ${tokens} tokens of ${width} numbers, expected the UNet's ${wantedTokens} of ${wantedWidth}`,
    );
  }
  const { inChannels: channels } = unet;
  asPipelineError(() => codec.imageSize({ height: unet.sizeFactor, width: unet.sizeFactor, channels }));
}
