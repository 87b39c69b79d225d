// Common to the flow-matching schedulers (Lipman et al. 2022, arXiv 2210.02747; Liu et al. 2022, rectified flow, arXiv
// 2209.03003): samples lie on the straight line x = (1 - σ) x_0 + σ ε, and the model predicts its direction, ε - x_0.
// Timesteps are σ T.

import type { JsonObject } from "../../io/diffusers_json.ts";
import type { NoiseLevel } from "../math/prediction.ts";
import { linspace, shiftSigma } from "../math/sigmas.ts";
import type { TimestepsSpec } from "../scheduler.ts";
import { type ConfigOf, float, type OptionTable, option, positive, timestepCount } from "./options.ts";
import { type SigmaPlan, SigmaWalkBase } from "./sigma_scheduler.ts";
import { givenFractionalTimesteps, givenSigmas, stepCount } from "./timestep_checks.ts";

const { fround } = Math;

/** The shared options. */
export const flowMatchOptions = {
  /** T; the model's timestep input is σ T. */
  numTrainTimesteps: option(timestepCount, 1000),
  /** Moves noise levels towards noise when above 1 (Esser et al. 2024, arXiv 2403.03206, equation 23). */
  shift: float(positive, 1),
};
export type FlowMatchConfig = ConfigOf<typeof flowMatchOptions>;

/** Base of the flow-matching schedulers. Custom timesteps and sigmas are used unshifted; diffusers shifts them too. */
export abstract class FlowMatchSchedulerBase<
  Config extends FlowMatchConfig & JsonObject,
> extends SigmaWalkBase<Config> {
  protected constructor(table: OptionTable<Config>, options: object) {
    super(table, options);
    const steps = this.numTrainTimesteps;
    const even = linspace(1, 1 / steps, steps);
    this.follow(this.withTimesteps(even.map((sigma) => shiftSigma(sigma, this.rangeShift))));
  }

  protected override level(sigma: number): NoiseLevel {
    return { alpha: 1 - sigma, sigma };
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    const { className, numTrainTimesteps } = this;
    if ("sigmas" in spec) {
      const sigmas = givenSigmas(className, spec.sigmas, 1);
      return { sigmas, timesteps: this.#timestepsOf(sigmas.slice(0, -1)) };
    }
    if ("timesteps" in spec) {
      const timesteps = givenFractionalTimesteps(className, spec.timesteps, numTrainTimesteps);
      return { timesteps, sigmas: [...timesteps.map((timestep) => timestep / numTrainTimesteps), 0] };
    }
    const count = stepCount(className, spec.numInferenceSteps, numTrainTimesteps);
    const last = fround(shiftSigma(1 / numTrainTimesteps, this.rangeShift));
    return this.withTimesteps(this.spaced(linspace(1, last, count), spec.mu));
  }

  /**
   * The shift applied to the smallest noise level before all levels are shifted: as in diffusers, the smallest is
   * shifted twice.
   */
  protected get rangeShift(): number {
    return this.config.shift;
  }

  /** Evenly spaced noise levels, shifted as the options say. */
  protected spaced(even: readonly number[], _mu: number | undefined): number[] {
    return even.map((sigma) => shiftSigma(sigma, this.config.shift));
  }

  /** The plan over falling noise levels; the last step ends at 0. */
  protected withTimesteps(levels: readonly number[]): SigmaPlan {
    const sigmas = levels.map(fround);
    return { sigmas: [...sigmas, 0], timesteps: this.#timestepsOf(sigmas) };
  }

  #timestepsOf(sigmas: readonly number[]): number[] {
    return sigmas.map((sigma) => fround(fround(sigma) * this.numTrainTimesteps));
  }
}
