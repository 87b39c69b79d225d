// distilled.ts: what LCMScheduler and TCDScheduler have in common: they sample from models that were distilled along few
// timesteps of a teacher, and visit some of those.

import * as v from "valibot";
import { type DiscreteConfig, DiscreteSchedulerBase, discreteDefaults } from "./discrete.ts";
import { clippingEntries, discreteEntries, type OptionTable, positive, timestepCount } from "./options.ts";

/** Their options as resolved. timestepSpacing and stepsOffset are kept for files and change nothing here. */
export type DistilledConfig = DiscreteConfig & {
  /** How many timesteps the model was distilled on: every k-th, from the last. */
  originalInferenceSteps: number;
  /** Kept for files: the last step ends at timestep 0 either way. */
  setAlphaToOne: boolean;
  /** How fast the weight of the sample itself falls with the timestep, for LCM. */
  timestepScaling: number;
};

/** Their table of options. */
export function distilledTable(className: string): OptionTable<DistilledConfig> {
  return {
    className,
    schema: v.object({
      ...discreteEntries,
      ...clippingEntries,
      originalInferenceSteps: v.exactOptional(timestepCount),
      setAlphaToOne: v.exactOptional(v.boolean()),
      timestepScaling: v.exactOptional(positive),
    }),
    defaults: {
      ...discreteDefaults,
      betaStart: 0.00085,
      betaEnd: 0.012,
      betaSchedule: "scaled_linear",
      clipSample: false,
      originalInferenceSteps: 50,
      setAlphaToOne: true,
      timestepScaling: 10,
    },
  };
}

/** Base of the schedulers for distilled models. */
export abstract class DistilledSchedulerBase extends DiscreteSchedulerBase<DistilledConfig> {
  /** `steps` of the timesteps of the distillation, evenly chosen by place, from the last. */
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

  /** Whether a step from this timestep is the run's last. */
  protected isLast(timestep: number): boolean {
    this.knownSteps();
    return this.previousTimestep(timestep) < 0;
  }
}
