// Loads a pipeline of any family, of the class that its folder names.

import { DDPMPipeline } from "./ddpm_pipeline.ts";
import { DiTPipeline } from "./dit_pipeline.ts";
import { PipelineError } from "./errors.ts";
import { FAMILIES } from "./families.ts";
import { pipelineClass } from "./folders.ts";
import { LDMPipeline } from "./ldm_pipeline.ts";
import type { StableDiffusionLoadOptions } from "./prompt_pipeline.ts";
import { type SingleFileOptions, singleFileVersion } from "./single_file.ts";
import { isSingleFile, withPipelineFolder } from "./source.ts";
import { StableDiffusionImg2ImgPipeline } from "./stable_diffusion_img2img_pipeline.ts";
import { StableDiffusionInpaintPipeline } from "./stable_diffusion_inpaint_pipeline.ts";
import { StableDiffusionPipeline } from "./stable_diffusion_pipeline.ts";
import { StableDiffusionXLImg2ImgPipeline } from "./stable_diffusion_xl_img2img_pipeline.ts";
import { StableDiffusionXLInpaintPipeline } from "./stable_diffusion_xl_inpaint_pipeline.ts";
import { StableDiffusionXLPipeline } from "./stable_diffusion_xl_pipeline.ts";

/** The classes that load the folders of their own, by name. */
const OWN_CLASSES = {
  LDMPipeline,
  DiTPipeline,
  StableDiffusionPipeline,
  StableDiffusionImg2ImgPipeline,
  StableDiffusionInpaintPipeline,
  // The same with a model that sees the guidance scale.
  LatentConsistencyModelPipeline: StableDiffusionPipeline,
  LatentConsistencyModelImg2ImgPipeline: StableDiffusionImg2ImgPipeline,
  StableDiffusionXLPipeline,
  StableDiffusionXLImg2ImgPipeline,
  StableDiffusionXLInpaintPipeline,
};
type OwnClasses = typeof OWN_CLASSES;

/** A pipeline as `loadPipeline` gives it. */
export type LoadedPipeline =
  | DDPMPipeline
  | LDMPipeline
  | DiTPipeline
  | StableDiffusionPipeline
  | StableDiffusionImg2ImgPipeline
  | StableDiffusionInpaintPipeline
  | StableDiffusionXLPipeline
  | StableDiffusionXLImg2ImgPipeline
  | StableDiffusionXLInpaintPipeline;

/** Options of `loadPipeline`. */
export interface LoadPipelineOptions
  extends StableDiffusionLoadOptions,
    Pick<SingleFileOptions, "tokenizer" | "config" | "predictionType"> {}

/**
 * Loads the pipeline that model_index.json names: that class for pipelines of latents, DDPMPipeline for all others. Of a
 * single file, StableDiffusionPipeline or StableDiffusionXLPipeline.
 * @param source as in `DDPMPipeline.fromPretrained`, or the path of a single file of Stable Diffusion (.safetensors), for
 *   which `tokenizer`, `config` and `predictionType` are
 * @throws PipelineError, FileError or HubError, in one line
 */
export async function loadPipeline(
  source: string,
  options: LoadPipelineOptions = {},
): Promise<LoadedPipeline> {
  const { revision: _, ...ofPlace } = options;
  if (await isSingleFile(source)) {
    const isXL = (await singleFileVersion(source)) === "xl";
    return (isXL ? StableDiffusionXLPipeline : StableDiffusionPipeline).fromSingleFile(source, ofPlace);
  }
  const { tokenizer, config, predictionType, ...ofFolder } = ofPlace;
  const [ofFile] = Object.entries({ tokenizer, config, predictionType }).find(([, value]) => value) ?? [];
  if (ofFile !== undefined) {
    throw new PipelineError(
      `${source}: ${ofFile} is for a single file (.safetensors), which this is not; leave it out`,
    );
  }
  return withPipelineFolder(
    source,
    { ...options, families: FAMILIES },
    async (folder): Promise<LoadedPipeline> => {
      const className = await pipelineClass(folder);
      const known = hasOwn(className) ? OWN_CLASSES[className] : DDPMPipeline;
      return known.fromPretrained(folder, ofFolder);
    },
  );
}

const hasOwn = (className: string): className is keyof OwnClasses => Object.hasOwn(OWN_CLASSES, className);
