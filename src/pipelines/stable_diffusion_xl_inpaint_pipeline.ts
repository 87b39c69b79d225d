// StableDiffusionXLInpaintPipeline: draws a part of an image anew as a prompt says, with Stable Diffusion XL.

import { fromMaskedImage, type InpaintOptions } from "./inpaint_start.ts";
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

/** Options of `generate`: the image, its mask, the prompts, and how the images are drawn. */
export interface StableDiffusionXLInpaintOptions
  extends PromptOptions,
    TextXLOptions,
    InpaintOptions,
    DenoisingOptions {}

/**
 * Draws a part of an image anew as a prompt says, like diffusers' StableDiffusionXLInpaintPipeline, without its
 * watermark: with models trained for it, which see the mask, and with any other.
 */
export class StableDiffusionXLInpaintPipeline extends PromptPipeline<StableDiffusionXLInpaintOptions> {
  /** What it is made of, for another class that shall draw with the same weights (diffusers' `components`). */
  readonly components: StableDiffusionXLParts;

  /** @throws PipelineError for parts that do not belong together */
  constructor(parts: StableDiffusionXLParts, options: StableDiffusionPipelineOptions = {}) {
    const className = "StableDiffusionXLInpaintPipeline";
    super(
      { ...seeingTwoEncoders(parts, options, 7.5), beginning: fromMaskedImage(0.9999), className },
      options,
    );
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
  ): Promise<StableDiffusionXLInpaintPipeline> {
    return new StableDiffusionXLInpaintPipeline(...(await readStableDiffusionXL(source, options)));
  }

  /**
   * Loads a single file in the original layout of Stable Diffusion XL (diffusers' from_single_file).
   * @param path of a .safetensors file
   * @throws PipelineError, FileError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromSingleFile(
    path: string,
    options: SingleFileOptions & StableDiffusionPipelineOptions = {},
  ): Promise<StableDiffusionXLInpaintPipeline> {
    return new StableDiffusionXLInpaintPipeline(...(await readStableDiffusionXLFile(path, options)));
  }
}
