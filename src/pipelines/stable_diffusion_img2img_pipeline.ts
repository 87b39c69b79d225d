// StableDiffusionImg2ImgPipeline: draws what a prompt says, from an image to start from (Meng et al. 2022, arXiv
// 2108.01073; Rombach et al. 2022, arXiv 2112.10752).

import { fromImage, type ImageStartOptions } from "./image_start.ts";
import {
  type PromptOptions,
  PromptPipeline,
  type StableDiffusionLoadOptions,
  type StableDiffusionPipelineOptions,
} from "./prompt_pipeline.ts";
import type { SingleFileOptions } from "./single_file.ts";
import {
  readStableDiffusion,
  readStableDiffusionFile,
  type StableDiffusionParts,
  seeingTokens,
} from "./stable_diffusion_parts.ts";

/** Options of `generate`: the image, the prompt, and how the images are drawn. */
export interface StableDiffusionImg2ImgOptions extends PromptOptions, ImageStartOptions {}

/** Draws an image anew as a prompt says, like diffusers' StableDiffusionImg2ImgPipeline. */
export class StableDiffusionImg2ImgPipeline extends PromptPipeline<StableDiffusionImg2ImgOptions> {
  /** What it is made of, for another class that shall draw with the same weights (diffusers' `components`). */
  readonly components: StableDiffusionParts;

  /** @throws PipelineError for parts that do not belong together */
  constructor(parts: StableDiffusionParts, options: StableDiffusionPipelineOptions = {}) {
    const names = {
      usual: "StableDiffusionImg2ImgPipeline",
      consistency: "LatentConsistencyModelImg2ImgPipeline",
    };
    super({ ...seeingTokens(parts, options, names), beginning: fromImage(0.8) }, options);
    this.components = parts;
  }

  /**
   * Loads the folder of any pipeline of Stable Diffusion 1 or 2, as diffusers saves it.
   * @param source a pipeline's folder (with model_index.json), or the name of a repository on the Hugging Face Hub:
   *   "OWNER/NAME" if there is no such folder, or "hf:OWNER/NAME"
   * @throws PipelineError, FileError or HubError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromPretrained(
    source: string,
    options: StableDiffusionLoadOptions = {},
  ): Promise<StableDiffusionImg2ImgPipeline> {
    return new StableDiffusionImg2ImgPipeline(...(await readStableDiffusion(source, options)));
  }

  /**
   * Loads a single file in the original layout of Stable Diffusion 1 or 2 (diffusers' from_single_file).
   * @param path of a .safetensors file
   * @throws PipelineError, FileError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromSingleFile(
    path: string,
    options: SingleFileOptions & StableDiffusionPipelineOptions = {},
  ): Promise<StableDiffusionImg2ImgPipeline> {
    return new StableDiffusionImg2ImgPipeline(...(await readStableDiffusionFile(path, options)));
  }
}
