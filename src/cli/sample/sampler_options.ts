// The scheduler or sampler that draws new images, with its options.

import { type AdaptiveOptions, misplacedOption } from "../../pipelines/adaptive.ts";
import type { GenerateOptions } from "../../pipelines/scheduler_pipeline.ts";
import { toCamelCase } from "../../schedulers/bases/options.ts";
import { chooseSampler, type Sampled } from "../drawing_plan.ts";
import { UsageError } from "../errors.ts";
import { flagOf } from "../wording.ts";
import type { SampleFlags } from "./flags.ts";
import type { SamplePlan } from "./sample_plan.ts";

/** The options of a call that choose how it draws. */
type SamplerOptions = Pick<GenerateOptions, "scheduler" | "steps" | "schedulerOptions" | "eta"> &
  AdaptiveOptions;

/**
 * Chooses how new images are drawn.
 * @returns what the plan tells of it, and the options of the call
 * @throws UsageError for options that do not go together
 */
export function samplerOptions(
  pipeline: Sampled,
  flags: SampleFlags,
): {
  readonly told: Pick<SamplePlan, "scheduler" | "steps" | "isAdaptive">;
  readonly options: SamplerOptions;
} {
  const { scheduler, steps, isAdaptive } = chooseSampler(pipeline, flags);
  checkPlace(scheduler, flags);
  if (isAdaptive) refuseSchedulerOptions(scheduler, flags);
  if (flags.walk !== undefined) checkWalk(scheduler, isAdaptive, flags);
  return {
    told: { scheduler, steps, isAdaptive },
    options: {
      scheduler,
      ...(steps !== undefined && { steps }),
      ...(flags.schedulerOption && { schedulerOptions: flags.schedulerOption }),
      ...numbers(flags),
    },
  };
}

/** @throws UsageError for an option that the scheduler does not support */
export function checkPlace(scheduler: string, flags: SampleFlags): void {
  const misplaced = misplacedOption(scheduler, { ...numbers(flags), steps: flags.steps });
  if (misplaced) throw new UsageError(`${flagOf(misplaced.option)} ${misplaced.why}`);
}

/** @throws UsageError where scheduler options do not apply */
export function refuseSchedulerOptions(name: string, { schedulerOption }: SampleFlags): void {
  if (schedulerOption) throw new UsageError(`--scheduler-option does not go with ${name}; leave it out`);
}

/** The given options that only some schedulers and samplers have. */
function numbers({ eta, snr, correctorSteps, rtol, atol }: SampleFlags): AdaptiveOptions & { eta?: number } {
  return {
    ...(eta !== undefined && { eta }),
    ...(snr !== undefined && { snr }),
    ...(correctorSteps !== undefined && { correctorSteps }),
    ...(rtol !== undefined && { rtol }),
    ...(atol !== undefined && { atol }),
  };
}

/** @throws UsageError for samplers whose images do not change smoothly with their noise */
function checkWalk(scheduler: string, isAdaptive: boolean, { schedulerOption }: SampleFlags): void {
  if (isAdaptive) {
    throw new UsageError(
      `--walk does not go with ${scheduler}, which chooses steps for each image; give another --scheduler, such as ddim`,
    );
  }
  const isSeeded = Object.entries(schedulerOption ?? {}).some(
    ([name, value]) => toCamelCase(name) === "noiseSamplerSeed" && value !== null,
  );
  if (scheduler !== "dpm++-sde" || isSeeded) return;
  throw new UsageError(
    "--walk does not go with dpm++-sde, which draws other noise for each frame; add --scheduler-option noise_sampler_seed=1, or give another --scheduler",
  );
}
