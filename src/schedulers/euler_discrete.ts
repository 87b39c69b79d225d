// EulerDiscreteScheduler, Euler steps along the probability flow with optional noise added back:
// algorithm 2 of Karras et al. 2022, "Elucidating the design space of diffusion-based generative models"
// (arXiv 2206.00364), without its second-order correction.

import * as v from "valibot";
import * as exact from "../engine/math/index.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  float,
  option,
  optionTable,
  positive,
  readConfig,
  withDefaults,
} from "./bases/options.ts";
import { finalSigmasOptions, zeroSnrOptions } from "./bases/shared_options.ts";
import type { SigmaPlan, SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import {
  type ExplodingConfig,
  ExplodingSchedulerBase,
  explodingOptions,
} from "./bases/variance_exploding.ts";
import { churn } from "./math/churn.ts";
import { linspace, type SigmaRange } from "./math/sigmas.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { TimestepsSpec } from "./scheduler.ts";

const options = {
  ...withDefaults(explodingOptions, { betaStart: 0.0001, betaEnd: 0.02 }),
  /** linear: interpolates the sigmas of the timesteps; log_linear: the whole range, even in log σ, ends included. */
  interpolationType: option(v.picklist(["linear", "log_linear"]), "linear"),
  /** Range of Karras, exponential and beta sigmas; null: that of the timesteps. */
  sigmaMin: float(v.nullable(positive), null),
  /** The largest sigma of that range; null: that of the timesteps. */
  sigmaMax: float(v.nullable(positive), null),
  /** The model's timestep input: the timestep, or log(σ) / 4 ("continuous", for models that predict v). */
  timestepType: option(v.picklist(["discrete", "continuous"]), "discrete"),
  ...zeroSnrOptions,
  ...finalSigmasOptions,
};
/** The options of EulerDiscreteScheduler as resolved. @interface */
export type EulerDiscreteSchedulerConfig = ExplodingConfig &
  ConfigOf<typeof finalSigmasOptions & typeof options>;

const table = optionTable("EulerDiscreteScheduler", options);

/** x' = x + (σ' - σ) d with the slope d = (x - x_0) / σ (Karras et al. 2022, algorithm 2, lines 7 and 8). */
export function eulerStep(x: Float32Array, x0: Float32Array, sigma: number, next: number): Float32Array {
  const ratio = next / sigma;
  return weightedSum([ratio, x], [1 - ratio, x0]);
}

/** Euler's method in σ. */
export class EulerDiscreteScheduler extends ExplodingSchedulerBase<EulerDiscreteSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<EulerDiscreteSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): EulerDiscreteScheduler {
    return new EulerDiscreteScheduler(readConfig(table, source, options));
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    const plan = this.#leveled(super.plan(spec), "sigmas" in spec);
    if (!this.#isContinuous) return plan;
    if ("timesteps" in spec) {
      throw new RangeError(`${this.className}: custom timesteps do not go with timestepType "continuous"`);
    }
    return { ...plan, timesteps: plan.sigmas.slice(0, -1).map((sigma) => Math.fround(exact.log(sigma) / 4)) };
  }

  protected override finalSigma(): number {
    return this.config.finalSigmasType === "zero" ? 0 : this.trainSigmas[0];
  }

  protected override spacedRange(sigmas: readonly number[]): SigmaRange {
    const range = super.spacedRange(sigmas);
    return {
      sigmaMin: this.config.sigmaMin ?? range.sigmaMin,
      sigmaMax: this.config.sigmaMax ?? range.sigmaMax,
    };
  }

  protected override takeStep({ output, sample, index, options }: SigmaStep): SigmaStepOutput {
    const start = { sample: sample.data, sigma: this.sigmas[index] };
    const churned = churn(start, options, this.timesteps.length, () => this.stepNoise(options, sample));
    const original = this.originalSample(output, churned.sample, churned.sigma);
    return { prev: eulerStep(churned.sample, original, churned.sigma, this.sigmas[index + 1]), original };
  }

  /** The plan with sigmas even in log σ, where the options say so. */
  #leveled(plan: SigmaPlan, isGiven: boolean): SigmaPlan {
    if (this.config.interpolationType === "linear" || this.spacing !== null || isGiven) return plan;
    const [first, last] = [this.trainSigmas[0], this.trainSigmas[this.trainSigmas.length - 1]];
    const count = plan.timesteps.length;
    const logs = linspace(exact.log(last), exact.log(first), count + 1);
    return { timesteps: plan.timesteps, sigmas: logs.map(exact.exp) };
  }

  get #isContinuous(): boolean {
    return this.config.timestepType === "continuous" && this.config.predictionType === "v_prediction";
  }
}
