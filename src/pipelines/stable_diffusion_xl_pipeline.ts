// StableDiffusionXLPipeline: draws what a prompt says, as Stable Diffusion XL does (Podell et al. 2023, arXiv 2307.01952).

import { fromNoise, type SizeOptions } from "./beginning.ts";
import { PipelineError } from "./errors.ts";
import {
  type PromptOptions,
  PromptPipeline,
  type StableDiffusionLoadOptions,
  type StableDiffusionPipelineOptions,
} from "./prompt_pipeline.ts";
import type { DenoisingEndOptions } from "./schedule_part.ts";
import type { SingleFileOptions } from "./single_file.ts";
import {
  readStableDiffusionXL,
  readStableDiffusionXLFile,
  type StableDiffusionXLParts,
  seeingTwoEncoders,
} from "./stable_diffusion_xl_parts.ts";
import type { TextXLOptions } from "./text_xl_conditioner.ts";

/** Options of `generate`: the prompts, the size, and how the images are drawn. */
export interface StableDiffusionXLOptions
  extends PromptOptions,
    TextXLOptions,
    SizeOptions,
    DenoisingEndOptions {}

/** Draws what a prompt says, like diffusers' StableDiffusionXLPipeline, without its watermark: text to image. */
export class StableDiffusionXLPipeline extends PromptPipeline<StableDiffusionXLOptions> {
  /** What it is made of, for another class that shall draw with the same weights (diffusers' `components`). */
  readonly components: StableDiffusionXLParts;

  /** @throws PipelineError for parts that do not belong together */
  constructor(parts: StableDiffusionXLParts, options: StableDiffusionPipelineOptions = {}) {
    const className = "StableDiffusionXLPipeline";
    if (parts.requiresAestheticsScore) {
      throw new PipelineError(
        `the model is told an aesthetic score, as the refiner is, which a ${className} is not; ` +
          "it draws from images: StableDiffusionXLImg2ImgPipeline",
      );
    }
    super({ ...seeingTwoEncoders(parts, options, 5), beginning: fromNoise, className }, options);
    this.components = parts;
  }

  /**
   * Loads the folder of any pipeline of Stable Diffusion XL, as diffusers saves it.
   * @param source a pipeline's folder (with model_index.json), or the name of a repository on the Hugging Face Hub:
   *   "OWNER/NAME" if there is no such folder, or "hf:OWNER/NAME"
   * @throws PipelineError, FileError or HubError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromPretrained(
    source: string,
    options: StableDiffusionLoadOptions = {},
  ): Promise<StableDiffusionXLPipeline> {
    return new StableDiffusionXLPipeline(...(await readStableDiffusionXL(source, options)));
  }

  /**
   * Loads a single file in the original layout of Stable Diffusion XL (diffusers' from_single_file).
   * @param path of a .safetensors file
   * @throws PipelineError, FileError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromSingleFile(
    path: string,
    options: SingleFileOptions & StableDiffusionPipelineOptions = {},
  ): Promise<StableDiffusionXLPipeline> {
    return new StableDiffusionXLPipeline(...(await readStableDiffusionXLFile(path, options)));
  }
}
