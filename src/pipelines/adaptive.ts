// Draws a pipeline's images with samplers that choose their own steps, separately for each image.

import {
  DDPMScheduler,
  Diffusion,
  drive,
  type ImageStep,
  isSamplerName,
  makeSampler,
  type Sampler,
  type SamplerName,
  type SamplerOptions,
  type Scheduler,
  samplerNames,
} from "../schedulers/index.ts";
import type { DrawBatch } from "./diffusion_pipeline.ts";
import { asPipelineError, PipelineError } from "./errors.ts";
import { imageNoise } from "./image_noise.ts";
import { checkKind } from "./model_kind.ts";
import type { SeedOptions } from "./seeding.ts";

/** Options of `generate` that only samplers use. */
export interface AdaptiveOptions {
  /** pc: ratio of the corrector's noise to its score, in norm. Default 0.16. */
  readonly snr?: number;
  /** pc: Langevin steps at each noise level. Default 1. */
  readonly correctorSteps?: number;
  /** dpm-adaptive, gotta-go-fast and adaptive: relative and absolute tolerance of a step. Default 0.05 and 0.0078. */
  readonly rtol?: number;
  /** The absolute tolerance beside `rtol`, in values of an image from -1 to 1. Default 0.0078, one level of 256. */
  readonly atol?: number;
  /** Called after each accepted step of each image; for schedulers, `onStep` reports steps of a whole batch. */
  readonly onImageStep?: (step: GeneratedStep) => void;
}

/** A step of one of the requested images. */
export interface GeneratedStep extends ImageStep {
  /** Index of the image among all, from 0. */
  readonly image: number;
  /** The images of its batch. */
  readonly firstImage: number;
  /** How many images of its batch were asked for. */
  readonly count: number;
}

const BY_TOLERANCE: readonly SamplerName[] = ["dpm-adaptive", "gotta-go-fast", "adaptive"];

/** Options that only some samplers have, and options that all schedulers but only some samplers have. */
const TAKEN_BY = {
  snr: ["pc"],
  correctorSteps: ["pc"],
  rtol: BY_TOLERANCE,
  atol: BY_TOLERANCE,
} as const satisfies Record<string, readonly SamplerName[]>;
const SHARED = { steps: ["pc"], eta: ["dpm-adaptive", "adaptive"] } as const satisfies Record<
  string,
  readonly SamplerName[]
>;

/** Options by name; undefined means not given. */
export type GivenOptions = {
  readonly [name in keyof typeof TAKEN_BY | keyof typeof SHARED]?: number | undefined;
};

/**
 * The first option given to a scheduler or sampler that does not support it, and the reason.
 * @param name undefined for the pipeline's own scheduler
 */
export function misplacedOption(
  name: string | undefined,
  given: GivenOptions,
): { option: keyof GivenOptions; why: string } | undefined {
  const used = name ?? "the pipeline's own scheduler";
  for (const option of ["snr", "correctorSteps", "rtol", "atol"] as const) {
    const takers: readonly string[] = TAKEN_BY[option];
    if (given[option] !== undefined && !takers.includes(used)) {
      return { option, why: `counts for ${takers.join(", ")}, not for ${used}; leave it out` };
    }
  }
  if (name === undefined || !isSamplerName(name)) return undefined;
  for (const [option, why] of [
    ["steps", `does not go with ${name}, which chooses its own; give rtol and atol, or leave it out`],
    ["eta", `does not go with ${name}; leave it out`],
  ] as const) {
    const takers: readonly string[] = SHARED[option];
    if (given[option] !== undefined && !takers.includes(name)) return { option, why };
  }
  return undefined;
}

/** The options of `generate` that `adaptiveDrawing` uses. */
interface DrawingOptions extends AdaptiveOptions, SeedOptions {
  readonly scheduler?: string | Sampler;
  readonly steps?: number;
  readonly eta?: number;
  readonly schedulerOptions?: unknown;
  readonly onStep?: unknown;
  readonly signal?: AbortSignal;
}

/**
 * Returns how to draw a batch if the options name a sampler; undefined if they name a scheduler.
 * @param scheduler the pipeline's own: gives noise schedule, prediction type and clipping
 * @param schedulerName its short name
 * @throws PipelineError for invalid options
 */
export function adaptiveDrawing(
  options: DrawingOptions,
  scheduler: Scheduler,
  schedulerName: string,
): DrawBatch | undefined {
  const { scheduler: asked, seed = 0, seedCompat, noise, onStep, onImageStep, signal } = options;
  const name = typeof asked === "object" ? asked.name : asked;
  const { steps, eta, snr, correctorSteps, rtol, atol } = options;
  const given = withoutUndefined({ steps, eta, snr, correctorSteps, rtol, atol });
  const [extra] = Object.keys(given);
  if (typeof asked === "object" && extra !== undefined) {
    throw new PipelineError(
      `${extra} is given beside a sampler that has its options already; give it to the sampler`,
    );
  }
  const misplaced = misplacedOption(name, given);
  if (misplaced) throw new PipelineError(`${misplaced.option} ${misplaced.why}`);
  if (name === undefined || (typeof asked === "string" && !isSamplerName(asked))) {
    if (onImageStep) throw new PipelineError("onImageStep is for samplers; with a scheduler give onStep");
    return undefined;
  }
  if (seedCompat !== undefined) {
    throw new PipelineError(`seedCompat does not go with ${name}; give a scheduler`);
  }
  if (options.schedulerOptions !== undefined) {
    throw new PipelineError(`schedulerOptions do not go with ${name}; give a scheduler`);
  }
  if (noise)
    throw new PipelineError(`noise does not go with ${name}: each image draws its own; give seed instead`);
  if (onStep)
    throw new PipelineError(
      `onStep does not go with ${name}: each image has its own steps; give onImageStep`,
    );

  checkKind(name, "over betas", scheduler, schedulerName);
  const { sampler, diffusion } = asPipelineError(() => {
    const sampler = typeof asked === "object" ? asked : makeSampler(samplerNamed(name), given);
    const diffusion = new Diffusion(DDPMScheduler.fromConfig(scheduler));
    sampler.check?.(diffusion);
    return { sampler, diffusion };
  });
  return async ({ model: { denoiseEach }, shape, firstImage, count }) => {
    const { sample } = await drive({
      denoise: (x, timesteps) => {
        signal?.throwIfAborted();
        return denoiseEach(x, timesteps);
      },
      diffusion,
      sampler,
      shape,
      noise: Array.from({ length: shape[0] }, (_, k) => imageNoise(seed, firstImage + k)),
      onStep: (step) => {
        if (step.image >= count) return; // only fills up the batch
        onImageStep?.({ ...step, image: firstImage + step.image, firstImage, count });
      },
    });
    return sample;
  };
}

function samplerNamed(name: string): SamplerName {
  if (isSamplerName(name)) return name;
  throw new PipelineError(`sampler is ${JSON.stringify(name)}, expected ${samplerNames.join(" or ")}`);
}

function withoutUndefined(given: GivenOptions): SamplerOptions {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
