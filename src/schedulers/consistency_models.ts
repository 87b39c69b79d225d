// CMStochasticIterativeScheduler, one-step and multistep sampling from consistency models:
// Song et al. 2023, "Consistency models" (arXiv 2303.01469), algorithm 1.

import * as v from "valibot";
import type { HostTensor } from "../engine/host_tensor.ts";
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
} from "./bases/options.ts";
import {
  type SigmaPlan,
  type SigmaStep,
  type SigmaStepOutput,
  SigmaWalkBase,
} from "./bases/sigma_scheduler.ts";
import { givenTimesteps, stepCount } from "./bases/timestep_checks.ts";
import { atUnitVariance } from "./math/noising.ts";
import type { NoiseLevel } from "./math/prediction.ts";
import { karrasSigma } from "./math/sigmas.ts";
import { clipSample } from "./math/thresholding.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { TimestepsSpec } from "./scheduler.ts";

const options = {
  /** The number of noise levels. */
  numTrainTimesteps: option(timestepCount, 40),
  /** The range of the noise levels; at the smallest, a sample counts as an image. */
  sigmaMin: float(positive, 0.002),
  /** The largest noise level, where sampling begins. */
  sigmaMax: float(positive, 80),
  /** Standard deviation of the images. */
  sigmaData: float(positive, 0.5),
  /** Scale of the noise added between steps; 1 is the formula's. */
  sNoise: float(v.pipe(v.number(), v.finite(), v.minValue(0)), 1),
  /** Concentrates the levels at small values (Karras et al. 2022, equation 5). */
  rho: float(positive, 7),
  /** Clamp the predicted image to [-1, 1]. */
  clipDenoised: option(v.boolean(), true),
};
/** The options of CMStochasticIterativeScheduler as resolved. @interface */
export type CMStochasticIterativeSchedulerConfig = ConfigOf<typeof options>;

const table = optionTable("CMStochasticIterativeScheduler", options);

/**
 * The sampler of consistency models. The model's timestep input is 250 log σ: call `step` with the entries of
 * `timesteps`. Custom timesteps are indices into the list of noise levels, 0 for the noisiest, in descending order.
 */
export class CMStochasticIterativeScheduler extends SigmaWalkBase<CMStochasticIterativeSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<CMStochasticIterativeSchedulerConfig> = {}) {
    super(table, options);
    const { sigmaMin, sigmaMax } = this.config;
    if (sigmaMin >= sigmaMax) {
      throw new RangeError(
        `CMStochasticIterativeScheduler: sigmaMin is ${sigmaMin} and sigmaMax ${sigmaMax}, expected sigmaMin < sigmaMax`,
      );
    }
    this.follow(this.#planOf(Array.from({ length: this.numTrainTimesteps }, (_, i) => i)));
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): CMStochasticIterativeScheduler {
    return new CMStochasticIterativeScheduler(readConfig(table, source, options));
  }

  override get initNoiseSigma(): number {
    return this.config.sigmaMax;
  }

  /** The sample brought to unit variance. */
  override scaleModelInput(sample: HostTensor, timestep: number): HostTensor {
    return atUnitVariance(sample, this.sigmas[this.indexAt(timestep)], this.config.sigmaData);
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    const { className, numTrainTimesteps } = this;
    if ("sigmas" in spec) {
      throw new RangeError(`${className} takes no custom sigmas; give numInferenceSteps or timesteps`);
    }
    if ("timesteps" in spec) {
      return this.#planOf(givenTimesteps(className, spec.timesteps, numTrainTimesteps).toReversed());
    }
    const steps = stepCount(className, spec.numInferenceSteps, numTrainTimesteps);
    const stride = Math.floor(numTrainTimesteps / steps);
    return this.#planOf(Array.from({ length: steps }, (_, i) => i * stride));
  }

  protected override level(sigma: number): NoiseLevel {
    return { alpha: 1, sigma };
  }

  /**
   * The image from the consistency function (appendix C), noised again to the next level. In runs of several steps each
   * step draws noise, even the last, where its weight is 0.
   */
  protected override takeStep({ output, sample, index, options }: SigmaStep): SigmaStepOutput {
    const { sigmaMin, sigmaMax, sigmaData, sNoise, clipDenoised } = this.config;
    const sigma = this.sigmas[index];
    const above = sigma - sigmaMin;
    const skip = exact.square(sigmaData) / (exact.square(above) + exact.square(sigmaData));
    const out = (above * sigmaData) / exact.hypot(sigma, sigmaData);
    const original = weightedSum([out, output], [skip, sample.data]);
    if (clipDenoised) clipSample(original, 1);
    if (this.timesteps.length === 1) return { prev: original, original };

    const noise = this.stepNoise(options, sample);
    const next = Math.min(Math.max(this.sigmas[index + 1], sigmaMin), sigmaMax);
    const added = sNoise * Math.sqrt(exact.square(next) - exact.square(sigmaMin));
    return { prev: weightedSum([1, original], [added, noise]), original };
  }

  /** The plan over these indices into the list of noise levels, rising from the noisiest. */
  #planOf(places: readonly number[]): SigmaPlan {
    const { sigmaMin, rho } = this.config;
    const last = Math.max(this.numTrainTimesteps - 1, 1);
    const sigmas = places.map((place) => karrasSigma(this.config, place / last, rho));
    return { timesteps: sigmas.map((sigma) => 250 * exact.log(sigma)), sigmas: [...sigmas, sigmaMin] };
  }
}
