// Common to LCMScheduler and TCDScheduler: models distilled along a few timesteps of a teacher; sampling visits some of
// these timesteps.

import * as v from "valibot";
import { DiscreteSchedulerBase } from "./discrete.ts";
import { type ConfigOf, float, option, positive, timestepCount, withDefaults } from "./options.ts";
import { type DiscreteConfig, discreteOptions } from "./shared_options.ts";

/** The shared options. timestepSpacing and stepsOffset are kept for files and change nothing here. */
export const distilledOptions = {
  ...withDefaults(discreteOptions, {
    betaStart: 0.00085,
    betaEnd: 0.012,
    betaSchedule: "scaled_linear",
    clipSample: false,
  }),
  /** Number of timesteps that the model was distilled on: every k-th, from the last. */
  originalInferenceSteps: option(timestepCount, 50),
  /** Kept for files: the last step ends at timestep 0 either way. */
  setAlphaToOne: option(v.boolean(), true),
  /** For LCM: how fast the weight of the sample falls with the timestep. */
  timestepScaling: float(positive, 10),
};
export type DistilledConfig = DiscreteConfig & ConfigOf<typeof distilledOptions>;

/** Base of the schedulers for distilled models. */
export abstract class DistilledSchedulerBase extends DiscreteSchedulerBase<DistilledConfig> {
  /** `steps` of the distillation's timesteps, evenly spaced in the list, starting from the last. */
  protected override chosenTimesteps(steps: number): readonly number[] {
    const { originalInferenceSteps: original, numTrainTimesteps } = this.config;
    if (original > numTrainTimesteps) {
      throw new RangeError(
        `${this.className}: originalInferenceSteps is ${original}, expected at most numTrainTimesteps = ${numTrainTimesteps}`,
      );
    }
    if (steps > original) {
      throw new RangeError(
        `${this.className}: numInferenceSteps is ${steps}, expected at most originalInferenceSteps = ${original}`,
      );
    }
    const stride = Math.floor(numTrainTimesteps / original);
    const place = original / steps;
    return Array.from({ length: steps }, (_, i) => (original - Math.floor(i * place)) * stride - 1);
  }

  /** Whether the step from this timestep is the run's last. */
  protected isLast(timestep: number): boolean {
    this.knownSteps();
    return this.previousTimestep(timestep) < 0;
  }
}
