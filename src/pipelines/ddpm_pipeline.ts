// DDPMPipeline: a UNet and a scheduler that draw images from noise (Ho et al. 2020, arXiv 2006.11239).

import { files } from "#platform";
import type { HostTensor } from "../engine/host_tensor.ts";
import type { Sampler, SamplerName, Scheduler, SchedulerName } from "../schedulers/index.ts";
import { type AdaptiveOptions, adaptiveDrawing } from "./adaptive.ts";
import { defaultSteps } from "./default_steps.ts";
import { asPipelineError, PipelineError } from "./errors.ts";
import { checkReplaceable, readPipeline, writePipeline } from "./folders.ts";
import { pipelineFolder } from "./hub.ts";
import { sampleLoop } from "./sampling.ts";
import { chosenScheduler, type SchedulerOptions } from "./scheduler_choice.ts";
import { checkSeedCompat, noiseOf } from "./seeding.ts";
import {
  batchWatch,
  type DrawBatch,
  type DrawOptions,
  type FromPretrainedOptions,
  UNetPipeline,
} from "./unet_pipeline.ts";

/** What is drawn, and how. */
export interface GenerateOptions extends DrawOptions, AdaptiveOptions {
  /** Denoising steps. Default 1000 for DDPM, 50 for others; samplers with a tolerance choose their own. */
  readonly steps?: number;
  /**
   * A scheduler by name, made from the options of the pipeline's own, or a sampler that decides its own steps, by name or
   * made already. Default: the pipeline's own scheduler.
   */
  readonly scheduler?: SchedulerName | SamplerName | Sampler;
  /**
   * Options of the scheduler in place of those of the pipeline's own, by diffusers' names in camelCase or snake_case:
   * { useKarrasSigmas: true }.
   */
  readonly schedulerOptions?: SchedulerOptions;
  /** Share of random noise of samplers that have it, 0 .. 1. Default: the sampler's (DDIM and dpm-adaptive 0, TCD 0.3, adaptive 1). */
  readonly eta?: number;
}

/** Draws images with a UNet and a scheduler, as diffusers' DDPMPipeline does. */
export class DDPMPipeline extends UNetPipeline {
  /**
   * Loads what `savePretrained`, diffusers' `save_pretrained` or a training run wrote.
   * @param source a pipeline's folder (with model_index.json), a run's, or the name of a repository on the Hugging Face
   *   Hub: "OWNER/NAME" if there is no such folder, or "hf:OWNER/NAME"
   * @throws PipelineError, FileError or HubError, in one line, naming what is missing, damaged or of an unknown kind
   */
  static async fromPretrained(source: string, options: FromPretrainedOptions = {}): Promise<DDPMPipeline> {
    const { unet, scheduler, id2label } = await readPipeline(await pipelineFolder(source, options), options);
    return new DDPMPipeline(unet, scheduler, { ...(id2label && { id2label }), ...options });
  }

  /**
   * Writes a folder that `fromPretrained` and diffusers' DDPMPipeline.from_pretrained load, in place of a pipeline
   * that is there.
   * @throws FileError; PipelineError when the folder holds anything else
   */
  async savePretrained(folder: string): Promise<void> {
    await checkReplaceable(folder);
    await files.replaceDirAtomic(folder, (aside) =>
      writePipeline(aside, this.unet, this.unet.stateDict(), this.scheduler, this.classes?.id2label),
    );
  }

  /**
   * Draws images.
   * @returns [count, H, W, C], values in [0, 1]
   * @throws PipelineError for options out of range
   */
  async generate(options: GenerateOptions = {}): Promise<HostTensor> {
    return this.drawBatches(options, this.#drawing(options));
  }

  /** Checks what `generate` would, without computing anything. @throws PipelineError */
  checkOptions(options: GenerateOptions): void {
    this.#drawing(options);
  }

  /** How a batch is drawn, with the options checked. */
  #drawing(options: GenerateOptions): DrawBatch {
    this.checkDrawing(options);
    checkSeedCompat(options);
    const adaptive = adaptiveDrawing(options, this.scheduler, this.schedulerName);
    if (adaptive) return adaptive;
    const { count: total = 1, eta } = options;
    const scheduler = this.#sampler(options);
    return async ({ denoise }, shape, firstImage, count) => {
      const sample = await sampleLoop({
        denoise,
        scheduler,
        shape,
        noise: noiseOf(options, total, firstImage),
        ...(eta !== undefined && { eta }),
        onStep: batchWatch(options, firstImage, count),
      });
      scheduler.setTimesteps(scheduler.numInferenceSteps ?? scheduler.timesteps.length);
      return sample;
    };
  }

  /** A scheduler with its timesteps set. */
  #sampler({ scheduler: name, steps, schedulerOptions = {}, seedCompat }: GenerateOptions): Scheduler {
    const choice = { options: schedulerOptions, seedCompat };
    const scheduler = chosenScheduler(name, this.scheduler, this.schedulerName, choice);
    const most = scheduler.numTrainTimesteps;
    const chosen = steps ?? defaultSteps(typeof name === "string" ? name : this.schedulerName, most);
    if (!Number.isInteger(chosen) || chosen < 1 || chosen > most) {
      throw new PipelineError(`steps is ${chosen}, expected a whole number from 1 to ${most}`);
    }
    asPipelineError(() => scheduler.setTimesteps(chosen));
    return scheduler;
  }
}
