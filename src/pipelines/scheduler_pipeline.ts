// Pipelines that draw with any scheduler or sampler, from noise or, with schedulers, from where a call starts.

import type { Denoiser } from "../models/denoiser.ts";
import type { Sampler, SamplerName, Scheduler, SchedulerName } from "../schedulers/index.ts";
import { type AdaptiveOptions, adaptiveDrawing } from "./adaptive.ts";
import { batchWatch, DiffusionPipeline, type DrawBatch, type DrawOptions } from "./diffusion_pipeline.ts";
import { asPipelineError, PipelineError } from "./errors.ts";
import { sampleLoop } from "./sampling.ts";
import { defaultSampling, defaultSteps } from "./sampling_defaults.ts";
import { stepsOf } from "./schedule_part.ts";
import { chosenScheduler, type SchedulerOptions } from "./scheduler_choice.ts";
import { checkSeedCompat, noiseOf } from "./seeding.ts";
import type { Start } from "./start.ts";

/** Options of `generate`. */
export interface GenerateOptions extends DrawOptions, AdaptiveOptions {
  /**
   * Denoising steps. Default: those of the pipeline's `sampling` where no scheduler is chosen, otherwise 1000 for DDPM
   * and 50 for others, 4 for pipelines of latent consistency models; samplers with a tolerance choose their own. With seedCompat "torch" and no scheduler: those of
   * the pipeline in diffusers, 1000 for DDPMPipeline.
   */
  readonly steps?: number;
  /**
   * A scheduler by name, configured with the options of the pipeline's own, or a sampler that chooses its own steps, by
   * name or as an object. Default: that of the pipeline's `sampling`, otherwise the pipeline's own.
   */
  readonly scheduler?: SchedulerName | SamplerName | Sampler;
  /**
   * Scheduler options that override those of the pipeline's own, by diffusers' names in camelCase or snake_case: {
   * useKarrasSigmas: true }.
   */
  readonly schedulerOptions?: SchedulerOptions;
  /**
   * Share of random noise, for samplers that have the option, 0 .. 1. Default: the sampler's (DDIM and dpm-adaptive 0,
   * TCD 0.3, adaptive 1).
   */
  readonly eta?: number;
}

/** Draws with any scheduler. D: the class of its model. */
export abstract class SchedulerPipeline<
  D extends Denoiser,
  Options extends GenerateOptions,
> extends DiffusionPipeline<D, Options> {
  protected plan(given: Options): DrawBatch {
    const { scheduler: asked, seedCompat } = given;
    const options = asked === undefined ? { ...defaultSampling(this, seedCompat), ...given } : given;
    this.checkDrawing(options);
    checkSeedCompat(options);
    const start = this.start(options);
    const adaptive = adaptiveDrawing(options, this.scheduler, this.schedulerName);
    if (adaptive && start === null) return adaptive;
    if (adaptive) {
      throw new PipelineError(
        "a sampler that chooses its own steps goes from noise to the image; to start or end elsewhere, give a scheduler",
      );
    }
    const { count: total = 1, eta } = options;
    // Reports invalid options before anything is computed.
    stepsOf(start?.part, this.#sampler(options));
    return async ({ model: { denoise }, shape, ...batch }) => {
      // A new one for each batch, because schedulers keep a history of steps.
      const scheduler = this.#sampler(options);
      const timesteps = stepsOf(start?.part, scheduler);
      const { firstImage } = batch;
      const noise = noiseOf(options, total, firstImage, {
        place: start?.part.denoisingStart,
        ofSteps: this.stepNoise(options),
      });
      const origin = await start?.origin?.({ scheduler, timestep: timesteps[0], noise, shape, firstImage });
      return sampleLoop({
        denoise,
        scheduler,
        timesteps,
        shape,
        noise,
        ...(origin && { origin }),
        ...(eta !== undefined && { eta }),
        onStep: batchWatch(options, batch),
      });
    };
  }

  /** For how many times the images the pipeline of diffusers draws the noise of its steps. */
  protected stepNoise(_options: Options): number {
    return 1;
  }

  /** Where a call starts and ends, if it does not go from noise alone to the image. @throws PipelineError for options that do not fit */
  protected start(_options: Options): Start | null {
    return null;
  }

  /** A scheduler with its timesteps set. */
  #sampler({ scheduler: name, steps, schedulerOptions = {}, seedCompat }: GenerateOptions): Scheduler {
    const choice = { options: schedulerOptions, seedCompat };
    const scheduler = chosenScheduler(name, this.scheduler, this.schedulerName, choice);
    const most = scheduler.numTrainTimesteps;
    const usual = defaultSteps(typeof name === "string" ? name : this.schedulerName, most, this.className);
    const chosen = steps ?? usual;
    if (!Number.isInteger(chosen) || chosen < 1 || chosen > most) {
      throw new PipelineError(`steps is ${chosen}, expected a whole number from 1 to ${most}`);
    }
    asPipelineError(() => scheduler.setTimesteps(chosen));
    return scheduler;
  }
}
