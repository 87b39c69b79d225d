// DDPMPipeline: draws images from noise with a model and a scheduler (Ho et al. 2020, arXiv 2006.11239).

import { files } from "#platform";
import type { HostTensor } from "../engine/host_tensor.ts";
import type { Pixels } from "../io/image/index.ts";
import type { Denoiser } from "../models/denoiser.ts";
import { type PipelineModel, savedComponents } from "./components.ts";
import type { FromPretrainedOptions } from "./diffusion_pipeline.ts";
import { checkReplaceable, writePipeline } from "./folders.ts";
import { readPretrained } from "./pretrained.ts";
import { type GenerateOptions, SchedulerPipeline } from "./scheduler_pipeline.ts";

/**
 * Draws images with a model and a scheduler, like diffusers' DDPMPipeline.
 * D: the class of its model.
 */
export class DDPMPipeline<D extends Denoiser = PipelineModel> extends SchedulerPipeline<D, GenerateOptions> {
  /**
   * Loads a pipeline written by `savePretrained`, diffusers' `save_pretrained` or a training run.
   * @param source a pipeline's folder (with model_index.json), a run's, or the name of a repository on the Hugging Face
   *   Hub: "OWNER/NAME" if there is no such folder, or "hf:OWNER/NAME"
   * @throws PipelineError, FileError or HubError, in one line, naming what is missing, damaged or unsupported
   */
  static async fromPretrained(source: string, options: FromPretrainedOptions = {}): Promise<DDPMPipeline> {
    return new DDPMPipeline(...(await readPretrained(source, options)));
  }

  /**
   * Writes a folder that `fromPretrained` and diffusers' DDPMPipeline.from_pretrained load; it replaces an existing
   * pipeline.
   * @throws FileError; PipelineError when the folder holds anything else
   */
  async savePretrained(folder: string): Promise<void> {
    const weights = this.unet.weightSources();
    await checkReplaceable(folder, savedComponents(this, weights));
    await files.replaceDirAtomic(folder, (aside) => writePipeline(aside, this, weights));
  }

  override generate(options: GenerateOptions = {}): Promise<HostTensor> {
    return super.generate(options);
  }

  override generateImages(options: GenerateOptions = {}): Promise<Pixels[]> {
    return super.generateImages(options);
  }
}
