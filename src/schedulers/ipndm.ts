// IPNDMScheduler, the linear multistep method of Liu et al. 2022, "Pseudo numerical methods for diffusion models on
// manifolds" (arXiv 2202.09778), without its Runge-Kutta steps, over the noise levels of Dance Diffusion: samples are
// x = α x_0 + β ε with α² + β² = 1, and the model predicts v = α ε - β x_0 (Salimans & Ho 2022, arXiv 2202.00512).

import * as v from "valibot";
import * as exact from "../engine/math/index.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  float,
  option,
  optionTable,
  readConfig,
  timestepCount,
} from "./bases/options.ts";
import {
  type SigmaPlan,
  type SigmaStep,
  type SigmaStepOutput,
  SigmaWalkBase,
} from "./bases/sigma_scheduler.ts";
import { givenFractionalTimesteps, givenSigmas, stepCount } from "./bases/timestep_checks.ts";
import { adamsBashforth, withSlope } from "./math/adams_bashforth.ts";
import type { NoiseLevel } from "./math/prediction.ts";
import { linspace } from "./math/sigmas.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { TimestepsSpec } from "./scheduler.ts";

/** Where diffusers divides by α, it is at least this. */
const LEAST_ALPHA = 1e-8;

const options = {
  /** The largest number of steps. */
  numTrainTimesteps: option(timestepCount, 1000),
  /** β of every step and where the last one ends, falling: then there are no other numbers of steps. */
  trainedBetas: float(v.nullable(v.array(v.pipe(v.number(), v.minValue(0), v.maxValue(1)))), null),
};
/** The options of IPNDMScheduler as resolved. @interface */
export type IPNDMSchedulerConfig = ConfigOf<typeof options>;

const table = optionTable("IPNDMScheduler", options);

/**
 * Pseudo linear multistep of order up to 4. Timesteps are angles, atan2(β, α), in units of π / 2: 1 is pure noise. From
 * there the first step leads to noise alone, as in diffusers: it takes the image for 0.
 */
export class IPNDMScheduler extends SigmaWalkBase<IPNDMSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** The noise predicted in the last steps, the newest first. */
  #epsilons: readonly Float32Array[] = [];

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<IPNDMSchedulerConfig> = {}) {
    super(table, options);
    const { trainedBetas, numTrainTimesteps } = this.config;
    if (trainedBetas !== null) this.#checkTrained(trainedBetas);
    this.follow(planOver(trainedBetas ?? evenBetas(numTrainTimesteps)));
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): IPNDMScheduler {
    return new IPNDMScheduler(readConfig(table, source, options));
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    const { className } = this;
    const { trainedBetas, numTrainTimesteps } = this.config;
    if ("sigmas" in spec) return planOver(givenSigmas(className, spec.sigmas, 1));
    if ("timesteps" in spec) {
      const timesteps = givenFractionalTimesteps(className, spec.timesteps, 1);
      return { timesteps, sigmas: [...timesteps.map((t) => exact.sin((t * Math.PI) / 2)), 0] };
    }
    const count = stepCount(className, spec.numInferenceSteps, numTrainTimesteps);
    if (trainedBetas === null) return planOver(evenBetas(count));
    if (count === trainedBetas.length - 1) return planOver(trainedBetas);
    throw new RangeError(
      `${className}: numInferenceSteps is ${count}, expected ${trainedBetas.length - 1}, the steps between trainedBetas`,
    );
  }

  protected override level(beta: number): NoiseLevel {
    return { alpha: alphaOf(beta), sigma: beta };
  }

  protected override forget(): void {
    this.#epsilons = [];
  }

  /** Equations 11 and 12 of Liu et al.: to the image along the extrapolated noise, and from there to the next level. */
  protected override takeStep({ output, sample: { data: x }, index }: SigmaStep): SigmaStepOutput {
    const from = this.level(this.sigmas[index]);
    const to = this.level(this.sigmas[index + 1]);
    this.#epsilons = withSlope(weightedSum([from.sigma, x], [from.alpha, output]), this.#epsilons);
    const epsilon = adamsBashforth(this.#epsilons);
    const ofImage = to.alpha / Math.max(from.alpha, LEAST_ALPHA);
    return {
      prev: weightedSum([ofImage, x], [to.sigma - ofImage * from.sigma, epsilon]),
      original: weightedSum([from.alpha, x], [-from.sigma, output]),
    };
  }

  #checkTrained(betas: readonly number[]): void {
    const isFalling = betas.every((beta, i) => i === 0 || beta < betas[i - 1]);
    if (betas.length >= 2 && isFalling) return;
    throw new RangeError(
      `${this.className}: trainedBetas are ${betas.length} values${isFalling ? "" : " that do not fall"}, expected at least 2, falling`,
    );
  }
}

const alphaOf = (beta: number): number => Math.sqrt(1 - exact.square(beta));

/** β from 1 to 0: the squared sine of even angles. */
const evenBetas = (count: number): number[] =>
  linspace(1, 0, count + 1).map((place) => exact.square(exact.sin((place * Math.PI) / 2)));

/** The plan over falling β, with the one where the last step ends. */
function planOver(betas: readonly number[]): SigmaPlan {
  const sigmas = betas.map(Math.fround);
  const angles = sigmas.map((beta) => exact.atan2(beta, alphaOf(beta)) / (Math.PI / 2));
  return { timesteps: angles.slice(0, -1).map(Math.fround), sigmas };
}
