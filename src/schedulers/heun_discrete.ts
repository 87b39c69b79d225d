// heun_discrete.ts: HeunDiscreteScheduler, the second-order sampler of Karras et al. 2022, "Elucidating the design space
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
import { CarriedOver, isSecondHalf, twoStagePlan } from "./bases/two_stage.ts";
import {
  type ExplodingConfig,
  ExplodingSchedulerBase,
  explodingOptions,
} from "./bases/variance_exploding.ts";
import { timestepOfSigma } from "./math/sigmas.ts";
import { clipSample } from "./math/thresholding.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { TimestepsSpec } from "./scheduler.ts";

const options = {
  ...explodingOptions,
  ...withDefaults(clippingOptions, { clipSample: false }),
};
/** The options of HeunDiscreteScheduler as resolved. */
export type HeunDiscreteSchedulerConfig = ExplodingConfig & ConfigOf<typeof clippingOptions & typeof options>;

const table = optionTable("HeunDiscreteScheduler", options);

/** Heun's method in σ: two model evaluations a step, so every timestep but the first is visited twice. */
export class HeunDiscreteScheduler extends ExplodingSchedulerBase<HeunDiscreteSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  override readonly order = 2;
  /** x and x_0 where the step began. */
  readonly #begin = new CarriedOver<{ readonly x: Float32Array; readonly original: Float32Array }>(
    table.className,
  );

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
    const plan = super.plan(spec);
    return twoStagePlan(plan, (step) => {
      const sigma = plan.sigmas[step + 1];
      return { sigma, timestep: plan.timesteps[step + 1] ?? timestepOfSigma(sigma, this.trainSigmas) };
    });
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
      this.#begin.put({ x: x.slice(), original });
      const ratio = this.sigmas[index + 1] / sigma;
      return { prev: weightedSum([ratio, x], [1 - ratio, original]), original };
    }
    // x_begin + (σ - σ_begin) (d_begin + d) / 2, with slopes d = (x - x_0) / σ
    const begin = this.#begin.take();
    const sigmaBegin = this.sigmas[index - 1];
    const half = (sigma - sigmaBegin) / 2;
    const prev = weightedSum(
      [1 + half / sigmaBegin, begin.x],
      [-half / sigmaBegin, begin.original],
      [half / sigma, x],
      [-half / sigma, original],
    );
    return { prev, original };
  }
}
