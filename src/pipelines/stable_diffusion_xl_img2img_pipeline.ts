// StableDiffusionXLImg2ImgPipeline: draws what a prompt says from an image to start from, with Stable Diffusion XL.

import { fromImage, type ImageStartOptions } from "./image_start.ts";
import {
  type PromptOptions,
  PromptPipeline,
  type StableDiffusionLoadOptions,
  type StableDiffusionPipelineOptions,
} from "./prompt_pipeline.ts";
import type { DenoisingOptions } from "./schedule_part.ts";
import type { SingleFileOptions } from "./single_file.ts";
import {
  readStableDiffusionXL,
  readStableDiffusionXLFile,
  type StableDiffusionXLParts,
  seeingTwoEncoders,
} from "./stable_diffusion_xl_parts.ts";
import type { TextXLOptions } from "./text_xl_conditioner.ts";

/** Options of `generate`: the image, the prompts, and how the images are drawn. */
export interface StableDiffusionXLImg2ImgOptions
  extends PromptOptions,
    TextXLOptions,
    ImageStartOptions,
    DenoisingOptions {}

/** Draws an image anew as a prompt says, like diffusers' StableDiffusionXLImg2ImgPipeline, without its watermark. */
export class StableDiffusionXLImg2ImgPipeline extends PromptPipeline<StableDiffusionXLImg2ImgOptions> {
  /** What it is made of, for another class that shall draw with the same weights (diffusers' `components`). */
  readonly components: StableDiffusionXLParts;

  /** @throws PipelineError for parts that do not belong together */
  constructor(parts: StableDiffusionXLParts, options: StableDiffusionPipelineOptions = {}) {
    const className = "StableDiffusionXLImg2ImgPipeline";
    super({ ...seeingTwoEncoders(parts, options, 5), beginning: fromImage(0.3), className }, options);
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
  ): Promise<StableDiffusionXLImg2ImgPipeline> {
    return new StableDiffusionXLImg2ImgPipeline(...(await readStableDiffusionXL(source, options)));
  }

  /**
   * Loads a single file in the original layout of Stable Diffusion XL (diffusers' from_single_file).
   * @param path of a .safetensors file
   * @throws PipelineError, FileError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromSingleFile(
    path: string,
    options: SingleFileOptions & StableDiffusionPipelineOptions = {},
  ): Promise<StableDiffusionXLImg2ImgPipeline> {
    return new StableDiffusionXLImg2ImgPipeline(...(await readStableDiffusionXLFile(path, options)));
  }
}
