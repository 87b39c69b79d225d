// StableDiffusionPipeline: draws what a prompt says (Rombach et al. 2022, arXiv 2112.10752), as Stable Diffusion 1 and 2 do.

import { fromNoise, type SizeOptions } from "./beginning.ts";
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

/** Options of `generate`: the prompt, the size, and how the images are drawn. */
export interface StableDiffusionOptions extends PromptOptions, SizeOptions {}

/** Draws what a prompt says, like diffusers' StableDiffusionPipeline: text to image. */
export class StableDiffusionPipeline extends PromptPipeline<StableDiffusionOptions> {
  /** What it is made of, for another class that shall draw with the same weights (diffusers' `components`). */
  readonly components: StableDiffusionParts;

  /** @throws PipelineError for parts that do not belong together */
  constructor(parts: StableDiffusionParts, options: StableDiffusionPipelineOptions = {}) {
    const names = { usual: "StableDiffusionPipeline", consistency: "LatentConsistencyModelPipeline" };
    super({ ...seeingTokens(parts, options, names), beginning: fromNoise }, options);
    this.components = parts;
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
    return new StableDiffusionPipeline(...(await readStableDiffusion(source, options)));
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
    return new StableDiffusionPipeline(...(await readStableDiffusionFile(path, options)));
  }
}
