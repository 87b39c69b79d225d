// ScoreSdeVeScheduler, predictor-corrector sampling of the variance exploding SDE: Song et al. 2021, "Score-based
// generative modeling through stochastic differential equations" (arXiv 2011.13456), algorithms 2 and 4.

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
  timestepCount,
  wholeFrom,
} from "./bases/options.ts";
import {
  type SigmaPlan,
  type SigmaStep,
  type SigmaStepOutput,
  SigmaWalkBase,
} from "./bases/sigma_scheduler.ts";
import { givenSigmas, stepCount } from "./bases/timestep_checks.ts";
import type { NoiseLevel } from "./math/prediction.ts";
import { exponentialSigmas, linspace } from "./math/sigmas.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { TimestepsSpec } from "./scheduler.ts";

const options = {
  /** The largest number of noise levels. */
  numTrainTimesteps: option(timestepCount, 2000),
  /** r: signal-to-noise ratio, the norm of a corrector's score term over that of its noise. */
  snr: float(positive, 0.15),
  /** The noise level of the last step. */
  sigmaMin: float(positive, 0.01),
  /** The largest noise level, where sampling begins. */
  sigmaMax: float(positive, 1348),
  /** The time whose noise level the model is given in the last step, 0 for sigmaMin; sampling begins at time 1. */
  samplingEps: float(v.pipe(v.number(), v.minValue(0), v.ltValue(1)), 1e-5),
  /** M: Langevin steps at each noise level, before the step to the next one. */
  correctSteps: option(v.pipe(wholeFrom(0), v.maxValue(100)), 1),
};
/** The options of ScoreSdeVeScheduler as resolved. @interface */
export type ScoreSdeVeSchedulerConfig = ConfigOf<typeof options>;

const table = optionTable("ScoreSdeVeScheduler", options);

/**
 * The sampler of models that predict the score, the gradient of log p(x): x = x_0 + σ ε. Timesteps are the σ that the
 * model is given; each comes correctSteps times for the corrector (diffusers' step_correct), then once for the predictor
 * (step_pred). The last step leads to its mean, as in diffusers' pipeline. The size of a corrector's step follows from
 * each image by itself, not from the mean over a batch.
 */
export class ScoreSdeVeScheduler extends SigmaWalkBase<ScoreSdeVeSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** Model evaluations per noise level. */
  override readonly order: number;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<ScoreSdeVeSchedulerConfig> = {}) {
    super(table, options);
    const { sigmaMin, sigmaMax, correctSteps } = this.config;
    if (sigmaMin >= sigmaMax) {
      throw new RangeError(
        `${this.className}: sigmaMin is ${sigmaMin}, expected less than sigmaMax, ${sigmaMax}`,
      );
    }
    this.order = correctSteps + 1;
    this.follow(this.#evenPlan(this.numTrainTimesteps));
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): ScoreSdeVeScheduler {
    return new ScoreSdeVeScheduler(readConfig(table, source, options));
  }

  override get initNoiseSigma(): number {
    return this.config.sigmaMax;
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    if ("timesteps" in spec) {
      throw new RangeError(
        `${this.className}: custom timesteps are given, but its timesteps are σ; give sigmas`,
      );
    }
    if ("numInferenceSteps" in spec) {
      return this.#evenPlan(stepCount(this.className, spec.numInferenceSteps, this.numTrainTimesteps));
    }
    const sigmas = givenSigmas(this.className, spec.sigmas);
    return this.#withCorrectors({ timesteps: sigmas.slice(0, -1).map(Math.fround), sigmas });
  }

  protected override level(sigma: number): NoiseLevel {
    return { alpha: 1, sigma };
  }

  protected override takeStep(step: SigmaStep): SigmaStepOutput {
    const { output, sample, index } = step;
    const isCorrector = index % this.order < this.config.correctSteps;
    return {
      prev: isCorrector ? this.#corrected(step) : this.#predicted(step),
      original: weightedSum([1, sample.data], [exact.square(this.sigmas[index]), output]),
    };
  }

  /** Algorithm 2, line 4: x + (σ² - σ'²) score + sqrt(σ² - σ'²) z. Draws in the last step too, as diffusers does. */
  #predicted({ output, sample, index, options }: SigmaStep): Float32Array {
    const z = this.stepNoise(options, sample);
    const variance = exact.square(this.sigmas[index]) - exact.square(this.sigmas[index + 1]);
    const isLast = index === this.timesteps.length - 1;
    return weightedSum([1, sample.data], [variance, output], [isLast ? 0 : Math.sqrt(variance), z]);
  }

  /** Algorithm 4: x + δ score + sqrt(2 δ) z with δ = 2 (r ‖z‖ / ‖score‖)², image by image. */
  #corrected({ output, sample, options }: SigmaStep): Float32Array {
    const z = this.stepNoise(options, sample);
    const corrected = new Float32Array(sample.data.length);
    const size = corrected.length / (sample.shape[0] ?? 1);
    for (let start = 0; start < corrected.length; start += size) {
      const [x, score, noise] = [sample.data, output, z].map((values) =>
        values.subarray(start, start + size),
      );
      const delta = 2 * exact.square((this.config.snr * norm(noise)) / norm(score));
      if (!Number.isFinite(delta)) {
        throw new RangeError(
          `${this.className}: the size of a corrector step is ${delta}: the model's score is zero or not finite`,
        );
      }
      corrected.set(weightedSum([1, x], [delta, score], [Math.sqrt(2 * delta), noise]), start);
    }
    return corrected;
  }

  /** Noise levels even in log σ, from sigmaMax to sigmaMin, and the levels of even times, which the model is given. */
  #evenPlan(count: number): SigmaPlan {
    const { sigmaMin, sigmaMax, samplingEps } = this.config;
    const times = linspace(1, samplingEps, count);
    const timesteps = times.map((time) => Math.fround(sigmaMin * exact.pow(sigmaMax / sigmaMin, time)));
    return this.#withCorrectors({ timesteps, sigmas: [...exponentialSigmas(this.config, count), 0] });
  }

  /** The plan with each noise level as often as the model is evaluated there. */
  #withCorrectors({ timesteps, sigmas }: SigmaPlan): SigmaPlan {
    const repeated = (values: readonly number[]) =>
      values.flatMap((value) => Array.from({ length: this.order }, () => value));
    return {
      timesteps: repeated(timesteps),
      sigmas: [...repeated(sigmas.slice(0, -1)), sigmas[sigmas.length - 1]],
    };
  }
}

const norm = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + exact.square(value), 0));
