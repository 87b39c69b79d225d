// HeunDiscreteScheduler, the second-order sampler of Karras et al. 2022, "Elucidating the design space
// of diffusion-based generative models" (arXiv 2206.00364), algorithm 1: an Euler step, and the same step again with the
// mean of the slopes at its two ends.

import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  optionTable,
  readConfig,
  withDefaults,
} from "./bases/options.ts";
import { clippingOptions } from "./bases/shared_options.ts";
import type { SigmaPlan, SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { CarriedOver, endpointPlan, isSecondHalf } from "./bases/two_stage.ts";
import {
  type ExplodingConfig,
  ExplodingSchedulerBase,
  explodingOptions,
} from "./bases/variance_exploding.ts";
import { eulerStep } from "./euler_discrete.ts";
import { timestepOfSigma } from "./math/sigmas.ts";
import { clipSample } from "./math/thresholding.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { TimestepsSpec } from "./scheduler.ts";

const options = {
  ...explodingOptions,
  ...withDefaults(clippingOptions, { clipSample: false }),
};
/** The options of HeunDiscreteScheduler as resolved. @interface */
export type HeunDiscreteSchedulerConfig = ExplodingConfig & ConfigOf<typeof clippingOptions & typeof options>;

const table = optionTable("HeunDiscreteScheduler", options);

/** A sample, the x_0 predicted from it, and its noise level: its slope d = (x - x_0) / σ. */
export interface Slope {
  readonly x: Float32Array;
  readonly x0: Float32Array;
  readonly sigma: number;
}

/** x' = x + (σ' - σ) (d + d') / 2, with d' the slope at the end of the Euler step (algorithm 1, line 8). */
export function heunStep(begin: Slope, end: Slope): Float32Array {
  const half = (end.sigma - begin.sigma) / 2;
  return weightedSum(
    [1 + half / begin.sigma, begin.x],
    [-half / begin.sigma, begin.x0],
    [half / end.sigma, end.x],
    [-half / end.sigma, end.x0],
  );
}

/** Heun's method in σ: two model evaluations a step, so every timestep but the first is visited twice. */
export class HeunDiscreteScheduler extends ExplodingSchedulerBase<HeunDiscreteSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** Model evaluations per step. */
  override readonly order = 2;
  /** The start of the step. */
  readonly #begin = new CarriedOver<Slope>(table.className);

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<HeunDiscreteSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): HeunDiscreteScheduler {
    return new HeunDiscreteScheduler(readConfig(table, source, options));
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    return endpointPlan(super.plan(spec), (sigma) => timestepOfSigma(sigma, this.trainSigmas));
  }

  protected override forget(): void {
    this.#begin.drop();
  }

  protected override originalSample(output: Float32Array, sample: Float32Array, sigma: number): Float32Array {
    const original = super.originalSample(output, sample, sigma);
    if (this.config.clipSample) clipSample(original, this.config.clipSampleRange);
    return original;
  }

  protected override takeStep({ output, sample: { data: x }, index }: SigmaStep): SigmaStepOutput {
    const sigma = this.sigmas[index];
    const original = this.originalSample(output, x, sigma);
    if (!isSecondHalf(index)) {
      this.#begin.put({ x: x.slice(), x0: original, sigma });
      return { prev: eulerStep(x, original, sigma, this.sigmas[index + 1]), original };
    }
    const prev = heunStep(this.#begin.take(), { x, x0: original, sigma });
    return { prev, original };
  }
}
