// Where the drawing of a call starts, if not at noise alone: within the schedule, at an image with noise on it.

import type { HostTensor } from "../engine/host_tensor.ts";
import { PNDMScheduler, type Scheduler } from "../schedulers/index.ts";
import { PipelineError } from "./errors.ts";
import type { DrawnNoise } from "./image_noise.ts";
import type { Origin } from "./sampling.ts";

/** A batch about to be drawn. */
export interface StartingBatch {
  /** With its timesteps set, at the first step. */
  readonly scheduler: Scheduler;
  /** The first of the timesteps that are walked. */
  readonly timestep: number;
  readonly noise: DrawnNoise;
  /** [N, h, w, c], in the model's space. */
  readonly shape: HostTensor["shape"];
  /** Index of the batch's first image in the call. */
  readonly firstImage: number;
}

/** Where a call starts. */
export interface Start {
  /** The share of the schedule that is walked, its end; above 0, up to 1. */
  readonly strength: number;
  origin(batch: StartingBatch): Promise<Origin>;
}

/**
 * Sets a scheduler to where a call starts.
 * @param start null for noise alone
 * @param scheduler with its timesteps set
 * @returns the timesteps that are walked, as in diffusers (`get_timesteps`)
 * @throws PipelineError where no step is left, and for a scheduler that cannot start within its schedule
 */
export function stepsFrom(start: Start | null, scheduler: Scheduler): readonly number[] {
  if (start === null) return scheduler.timesteps;
  const { strength } = start;
  const steps = scheduler.numInferenceSteps ?? scheduler.timesteps.length;
  const walked = Math.floor(steps * strength);
  if (walked < 1) {
    throw new PipelineError(
      `strength ${strength} leaves none of ${steps} steps; give more steps or a higher strength`,
    );
  }
  if (scheduler instanceof PNDMScheduler && !scheduler.config.skipPrkSteps) {
    throw new PipelineError(
      "pndm starts within its schedule only without Runge-Kutta steps; give schedulerOptions { skipPrkSteps: true }",
    );
  }
  const first = (steps - walked) * scheduler.order;
  scheduler.setBeginIndex?.(first);
  return scheduler.timesteps.slice(first);
}
