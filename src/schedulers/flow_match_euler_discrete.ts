// FlowMatchEulerDiscreteScheduler, Euler steps along the flow from noise to images:
// Esser et al. 2024, "Scaling rectified flow transformers for high-resolution image synthesis" (arXiv 2403.03206).

import * as v from "valibot";
import { type FlowSpacingConfig, flowSpacingOptions, SpacedFlowSchedulerBase } from "./bases/flow_spacing.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  option,
  optionTable,
  readConfig,
} from "./bases/options.ts";
import type { SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { weightedSum } from "./math/weighted_sum.ts";

const options = {
  ...flowSpacingOptions,
  /** Draws new noise in every step instead of following the flow. */
  stochasticSampling: option(v.boolean(), false),
};
/** The options of FlowMatchEulerDiscreteScheduler as resolved. @interface */
export type FlowMatchEulerDiscreteSchedulerConfig = FlowSpacingConfig & ConfigOf<typeof options>;

const table = optionTable("FlowMatchEulerDiscreteScheduler", options);

/** x' = x + (σ' - σ) v, along the direction of the flow v = dx/dσ that the model predicts (section 2, equation 1). */
export function flowEulerStep(x: Float32Array, v: Float32Array, sigma: number, next: number): Float32Array {
  return weightedSum([1, x], [next - sigma, v]);
}

/** Euler's method along the flow. */
export class FlowMatchEulerDiscreteScheduler extends SpacedFlowSchedulerBase<FlowMatchEulerDiscreteSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<FlowMatchEulerDiscreteSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): FlowMatchEulerDiscreteScheduler {
    return new FlowMatchEulerDiscreteScheduler(readConfig(table, source, options));
  }

  /** With stochasticSampling, draws noise in every step, even in the last, where its weight is 0. */
  protected override takeStep(step: SigmaStep): SigmaStepOutput {
    const { output, sample, index } = step;
    const original = this.imageAlong(step);
    if (this.config.stochasticSampling) return { prev: this.noisedAnew(original, step), original };
    return { prev: flowEulerStep(sample.data, output, this.sigmas[index], this.sigmas[index + 1]), original };
  }
}
