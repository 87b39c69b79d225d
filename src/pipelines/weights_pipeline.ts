// What pipelines that see prompts do with their weights: they save them, as a folder or a single file, and draw with
// LoRAs.

import { files } from "#platform";
import { autoencoderOf } from "../codecs/autoencoder.ts";
import type { Codec } from "../codecs/codec.ts";
import type { CLIPTextModel } from "../models/clip_text_model.ts";
import type { CLIPTokenizer } from "../models/clip_tokenizer.ts";
import type { UNet2DConditionModel } from "../models/unet_2d_condition_model.ts";
import type { Scheduler } from "../schedulers/index.ts";
import { savedComponents } from "./components.ts";
import type { PipelineOptions } from "./diffusion_pipeline.ts";
import { checkReplaceable, writePipeline } from "./folders.ts";
import { LoraAdapters } from "./lora/adapters.ts";
import { readLora } from "./lora/file.ts";
import type { LoraComponent } from "./lora/names.ts";
import { type LoraSourceOptions, loraPath } from "./lora/source.ts";
import type { PromptConditioner } from "./prompt_conditioner.ts";
import { type SavedDtype, weightDtype } from "./saved_dtype.ts";
import { type GenerateOptions, SchedulerPipeline } from "./scheduler_pipeline.ts";
import { type SaveSingleFileOptions, writeSingleFile } from "./single_file_writer.ts";
import type { TextOptions } from "./text_options.ts";

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
export interface LoraOptions extends LoraSourceOptions {
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

/** What such a pipeline is made of. Asked: the options of its calls. */
export interface WeightsPipelineParts<Asked extends TextOptions> {
  readonly unet: UNet2DConditionModel;
  readonly scheduler: Scheduler;
  readonly codec: Codec;
  readonly conditioner: PromptConditioner<Asked>;
  /** Its class in diffusers. */
  readonly className: string;
}

/** A pipeline that can save its weights and change them. */
export abstract class WeightsPipeline<
  Options extends Omit<GenerateOptions, "classLabels" | "guidanceScale" | "guidanceRescale"> & TextOptions,
> extends SchedulerPipeline<UNet2DConditionModel, Options> {
  readonly #texts: PromptConditioner<Options>;
  readonly #lora: LoraAdapters;
  /** Of the weights that were drawn with last. */
  #loraVersion: number;

  protected constructor(parts: WeightsPipelineParts<Options>, options: PipelineOptions<Options>) {
    const { unet, scheduler, ...more } = parts;
    super(unet, scheduler, { ...options, ...more });
    this.#texts = parts.conditioner;
    this.#lora = LoraAdapters.of({ unet, ...Object.fromEntries(this.#texts.textEncoders) });
    this.#loraVersion = this.#lora.version;
  }

  /** What the tokens of prompts mean to the UNet: the first text encoder. */
  get textEncoder(): CLIPTextModel {
    return this.#texts.encoders[0].encoder.model;
  }

  /** Makes tokens of prompts: the first tokenizer. */
  get tokenizer(): CLIPTokenizer {
    return this.#texts.encoders[0].encoder.tokenizer;
  }

  /**
   * Writes a folder that `fromPretrained` and diffusers' class load; it replaces an existing pipeline once it is whole.
   * Weights are read one by one, and must not change meanwhile.
   * @throws FileError; PipelineError when the folder holds anything else
   */
  async savePretrained(folder: string, options: SavePretrainedOptions = {}): Promise<void> {
    const { dtype, variant, maxShardSize } = options;
    const written = { dtype: weightDtype(dtype), variant, maxShardSize };
    const { className } = this;
    const settings = this.#texts.indexSettings;
    const weights = this.unet.weightSources();
    await checkReplaceable(folder, savedComponents(this, weights));
    await this.prepareWeights();
    await files.replaceDirAtomic(folder, (aside) =>
      writePipeline(aside, this, weights, { className, settings, written }),
    );
  }

  /**
   * Writes all weights into a single file in the original layout, which `fromSingleFile` and diffusers' from_single_file
   * load. Tokenizer, scheduler and configs are not in it. Weights are read one by one, and must not change meanwhile.
   * @throws FileError; PipelineError for models that the layout does not have
   */
  async saveSingleFile(path: string, options: SaveSingleFileOptions = {}): Promise<void> {
    const { unet, codec } = this;
    const { textEncoders } = this.#texts;
    await this.prepareWeights();
    await writeSingleFile(path, { unet, vae: autoencoderOf(codec), textEncoders }, options);
  }

  /**
   * Loads a LoRA for the UNet and the text encoders, in a spelling of diffusers, PEFT or kohya; it is then the only one
   * that takes part, as in diffusers, until `setAdapters` chooses several. Weights are computed when they are needed next.
   * @param source a .safetensors file, or a folder with pytorch_lora_weights.safetensors; or on the Hugging Face Hub
   *   "hf:OWNER/NAME/FILE.safetensors", or "hf:OWNER/NAME" for the only such file there
   * @throws FileError, PipelineError or HubError, in one line, for what is no LoRA of this model
   */
  async loadLoraWeights(source: string, options: LoraOptions = {}): Promise<void> {
    const { adapterName, weight = 1, ...downloading } = options;
    const layers = await readLora(await loraPath(source, downloading));
    this.#lora.add(layers, source, adapterName, weight);
  }

  /**
   * Chooses the LoRAs that take part, and how strong each is.
   * @param weights one for all, or one for each. Default 1
   * @throws PipelineError for names that are not loaded
   */
  setAdapters(names: string | readonly string[], weights: number | readonly number[] = 1): void {
    const chosen = typeof names === "string" ? [names] : names;
    const strengths = typeof weights === "number" ? chosen.map(() => weights) : weights;
    this.#lora.activate(chosen, strengths);
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
    this.#lora.enable(false);
  }

  /** Draws with the active LoRAs again. */
  enableLora(): void {
    this.#lora.enable(true);
  }

  /** Takes LoRAs away. @throws PipelineError for names that are not loaded */
  deleteAdapters(names: string | readonly string[]): void {
    this.#lora.remove(typeof names === "string" ? [names] : names);
  }

  /**
   * Makes LoRAs a part of the weights: what `setAdapters` chooses later is left out, and `unloadLoraWeights` leaves them
   * in.
   * @param options those that take part by default, with a `loraScale` of 1
   * @throws PipelineError for names that are not loaded
   */
  fuseLora({ loraScale = 1, adapterNames }: FuseLoraOptions = {}): void {
    this.#lora.fuse(loraScale, adapterNames);
  }

  /** The reverse of `fuseLora`: the weights are exactly what they were. */
  unfuseLora(): void {
    this.#lora.unfuse();
  }

  /** Takes all LoRAs away: the weights are exactly what they were, but for what is fused. */
  unloadLoraWeights(): void {
    this.#lora.clear();
  }

  /**
   * Computes the weights with the LoRAs that take part now, on the pipeline's backend. The next drawing or saving does
   * this by itself; here it is done ahead.
   * @throws MemoryError; the next call computes what is left
   */
  override async prepareWeights(): Promise<void> {
    await this.#lora.apply(() => this.open());
    // Another pipeline of the same models may have changed them.
    if (this.#loraVersion !== this.#lora.version) this.weightsChanged();
    this.#loraVersion = this.#lora.version;
  }

  override weightsChanged(): void {
    super.weightsChanged();
    this.#texts.weightsChanged();
  }
}
