// The part of a scheduler's timesteps that a call walks: all, the last ones, or those up to where another model goes on.

import { PNDMScheduler, type Scheduler } from "../schedulers/index.ts";
import { roundHalfToEven } from "../schedulers/math/spacing.ts";
import { PipelineError } from "./errors.ts";

/** Options of calls that another model goes on from. */
export interface DenoisingEndOptions {
  /**
   * Where the way from noise, 0, to the image, 1, ends: what is left is then as noisy as another model expects it that
   * goes on with the same `denoisingStart` (Podell et al. 2023, arXiv 2307.01952, section 2.5). Between 0 and 1; steps
   * are counted over the whole way. Default: at the image.
   */
  readonly denoisingEnd?: number;
}

/** Options of calls that go on from what another model left. */
export interface DenoisingOptions extends DenoisingEndOptions {
  /**
   * Where on the way from noise to the image the call goes on, in place of `strength`: no noise is added to what it
   * starts from, such as what `generateLatents` of another pipeline gave with the same `denoisingEnd`. Between 0 and 1.
   */
  readonly denoisingStart?: number;
}

/** The part of a schedule that is walked. */
export interface SchedulePart extends DenoisingOptions {
  /** The share of the steps, its end; above 0, up to 1. Not given beside `denoisingStart`. */
  readonly strength?: number;
}

/**
 * The part of the schedule that a call asks for.
 * @param usualStrength of calls that say nothing of where they start
 * @throws PipelineError for options out of range, and for some that do not go together
 */
export function partOf(asked: SchedulePart, usualStrength: number): SchedulePart {
  const { strength = usualStrength, denoisingStart } = asked;
  const part = endOf(asked);
  if (denoisingStart === undefined) {
    if (strength > 0 && strength <= 1) return { ...part, strength };
    throw new PipelineError(`strength is ${strength}, expected a number above 0, up to 1`);
  }
  checkPlace("denoisingStart", denoisingStart);
  if (asked.strength !== undefined) {
    throw new PipelineError("strength and denoisingStart both say where the call starts; give one");
  }
  const { denoisingEnd } = part;
  if (denoisingEnd !== undefined && denoisingStart >= denoisingEnd) {
    throw new PipelineError(
      `denoisingStart is ${denoisingStart}, expected less than denoisingEnd, ${denoisingEnd}`,
    );
  }
  return { ...part, denoisingStart };
}

/** The same of a call that starts at noise. @throws PipelineError for an end out of range */
export function endOf({ denoisingEnd }: DenoisingEndOptions): DenoisingEndOptions {
  if (denoisingEnd === undefined) return {};
  checkPlace("denoisingEnd", denoisingEnd);
  return { denoisingEnd };
}

function checkPlace(name: keyof DenoisingOptions, value: number): void {
  if (value > 0 && value < 1) return;
  throw new PipelineError(`${name} is ${value}, expected a number between 0 and 1`);
}

/**
 * Sets a scheduler to where a call starts.
 * @param part undefined for all of it
 * @param scheduler with its timesteps set
 * @returns the timesteps that are walked, as in diffusers (`get_timesteps`)
 * @throws PipelineError where no step is left, and for a scheduler that cannot start within its schedule
 */
export function stepsOf(part: SchedulePart | undefined, scheduler: Scheduler): readonly number[] {
  const { denoisingEnd } = part ?? {};
  const begun = part === undefined ? scheduler.timesteps : stepsFrom(part, scheduler);
  if (denoisingEnd === undefined) return begun;
  const least = timestepAt(denoisingEnd, scheduler);
  const steps = begun.slice(0, begun.filter((timestep) => timestep >= least).length);
  if (steps.length > 0) return steps;
  throw noneLeft(`denoisingEnd ${denoisingEnd}`, begun.length, "a later end");
}

function stepsFrom({ strength, denoisingStart }: SchedulePart, scheduler: Scheduler): readonly number[] {
  const { timesteps, order } = scheduler;
  const steps = scheduler.numInferenceSteps ?? timesteps.length;
  if (strength === undefined && denoisingStart === undefined) return timesteps;
  if (scheduler instanceof PNDMScheduler && !scheduler.config.skipPrkSteps) {
    throw new PipelineError(
      "pndm starts within its schedule only without Runge-Kutta steps; give schedulerOptions { skipPrkSteps: true }",
    );
  }
  const first =
    denoisingStart === undefined
      ? (steps - stepsOfStrength(strength ?? 1, steps)) * order
      : timesteps.length - stepsAfter(denoisingStart, scheduler);
  scheduler.setBeginIndex?.(first);
  return timesteps.slice(first);
}

function stepsOfStrength(strength: number, steps: number): number {
  const walked = Math.floor(steps * strength);
  if (walked >= 1) return walked;
  throw noneLeft(`strength ${strength}`, steps, "a higher strength");
}

/** How many evaluations follow a place on the way from noise to the image. */
function stepsAfter(place: number, scheduler: Scheduler): number {
  const { timesteps, order } = scheduler;
  const above = timestepAt(place, scheduler);
  const left = timesteps.filter((timestep) => timestep < above).length;
  // Every timestep but the first stands twice there: an even number would begin in the middle of a step.
  if (order === 2 && left % 2 === 0) return left + 1;
  if (left >= 1) return left;
  throw noneLeft(`denoisingStart ${place}`, timesteps.length, "an earlier start");
}

/** The timestep of a place on the way from noise, 0, to the image, 1. */
const timestepAt = (place: number, { numTrainTimesteps: all }: Scheduler): number =>
  roundHalfToEven(all - place * all);

const noneLeft = (given: string, steps: number, instead: string): PipelineError =>
  new PipelineError(`${given} leaves none of ${steps} steps; give more steps or ${instead}`);
