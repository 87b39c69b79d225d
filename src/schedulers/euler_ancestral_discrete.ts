// EulerAncestralDiscreteScheduler, Euler steps past the next noise level, and new noise back up to it: ancestral
// sampling (Ho et al. 2020, arXiv 2006.11239; Song et al. 2021, arXiv 2011.13456, appendix F) for samples x = x_0 + σ
// ε.

import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  optionTable,
  readConfig,
  withDefaults,
} from "./bases/options.ts";
import { zeroSnrOptions } from "./bases/shared_options.ts";
import type { SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import {
  type ExplodingConfig,
  ExplodingSchedulerBase,
  plainExplodingOptions,
} from "./bases/variance_exploding.ts";
import type { OptionalSigmaSpacing } from "./math/sigma_spacing.ts";
import { type AncestralStep, ancestralStep } from "./math/sigmas.ts";
import { weightedSum } from "./math/weighted_sum.ts";

const options = {
  ...withDefaults(plainExplodingOptions, { betaStart: 0.0001, betaEnd: 0.02 }),
  ...zeroSnrOptions,
};
/** The options of EulerAncestralDiscreteScheduler as resolved. @interface */
export type EulerAncestralDiscreteSchedulerConfig = Omit<ExplodingConfig, keyof OptionalSigmaSpacing> &
  ConfigOf<typeof zeroSnrOptions & typeof options>;

const table = optionTable("EulerAncestralDiscreteScheduler", options);

/** x' = x + (σ_down - σ) d + σ_up z with the slope d = (x - x_0) / σ. */
export function ancestralEulerStep(
  x: Float32Array,
  x0: Float32Array,
  sigma: number,
  { down, up }: AncestralStep,
  z: Float32Array,
): Float32Array {
  const ratio = down / sigma;
  return weightedSum([ratio, x], [1 - ratio, x0], [up, z]);
}

/** Euler's method in σ with new noise in every step. */
export class EulerAncestralDiscreteScheduler extends ExplodingSchedulerBase<EulerAncestralDiscreteSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<EulerAncestralDiscreteSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): EulerAncestralDiscreteScheduler {
    return new EulerAncestralDiscreteScheduler(readConfig(table, source, options));
  }

  /** Draws noise in every step, even in the last, where its weight is 0. */
  protected override takeStep({ output, sample, index, options }: SigmaStep): SigmaStepOutput {
    const sigma = this.sigmas[index];
    const original = this.originalSample(output, sample.data, sigma);
    const split = ancestralStep(sigma, this.sigmas[index + 1]);
    const z = this.stepNoise(options, sample);
    return { prev: ancestralEulerStep(sample.data, original, sigma, split, z), original };
  }
}
