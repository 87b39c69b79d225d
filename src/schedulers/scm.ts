// SCMScheduler, multistep sampling from consistency models of TrigFlow: Lu & Song 2024, "Simplifying, stabilizing and
// scaling continuous-time consistency models" (arXiv 2410.11081), as SANA-Sprint uses them (arXiv 2503.09641).

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
} from "./bases/options.ts";
import {
  type SigmaPlan,
  type SigmaStep,
  type SigmaStepOutput,
  SigmaWalkBase,
} from "./bases/sigma_scheduler.ts";
import { givenFractionalTimesteps, stepCount } from "./bases/timestep_checks.ts";
import type { NoiseLevel } from "./math/prediction.ts";
import { linspace } from "./math/sigmas.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { TimestepsSpec } from "./scheduler.ts";

/** The angle of pure noise, π / 2 in diffusers' digits. */
const PURE_NOISE = 1.5708;
/** Where the second of two steps starts. */
const MIDDLE_OF_TWO = 1.3;

const options = {
  /** The largest number of steps. */
  numTrainTimesteps: option(timestepCount, 1000),
  /** The model predicts dx/dt, the direction in which x turns from image to noise. */
  predictionType: option(v.literal("trigflow"), "trigflow"),
  /** Standard deviation of the images, and so of the noise. */
  sigmaData: float(positive, 0.5),
};
/** The options of SCMScheduler as resolved. @interface */
export type SCMSchedulerConfig = ConfigOf<typeof options>;

const table = optionTable("SCMScheduler", options);

/**
 * The sampler of TrigFlow's consistency models: x_t = cos(t) x_0 + sin(t) z with z of deviation sigmaData. Timesteps are
 * angles in radians, π / 2 for pure noise, which the model is given. diffusers leaves it to its pipeline to scale the
 * first noise by sigmaData, and to its callers to give the angles when there are not two steps.
 */
export class SCMScheduler extends SigmaWalkBase<SCMSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<SCMSchedulerConfig> = {}) {
    super(table, options);
    this.follow(planTo0(evenAngles(this.numTrainTimesteps)));
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): SCMScheduler {
    return new SCMScheduler(readConfig(table, source, options));
  }

  override get initNoiseSigma(): number {
    return this.config.sigmaData;
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    const { className } = this;
    if ("sigmas" in spec) {
      throw new RangeError(
        `${className} takes no custom sigmas; give numInferenceSteps, or angles as timesteps`,
      );
    }
    if ("timesteps" in spec) {
      return planTo0(givenFractionalTimesteps(className, spec.timesteps, PURE_NOISE));
    }
    const count = stepCount(className, spec.numInferenceSteps, this.numTrainTimesteps);
    return planTo0(count === 2 ? [PURE_NOISE, MIDDLE_OF_TWO] : evenAngles(count));
  }

  protected override level(angle: number): NoiseLevel {
    return { alpha: exact.cos(angle), sigma: exact.sin(angle) * this.config.sigmaData };
  }

  /** The image at the end of the turn, noised again to the next angle. Draws in every step, even in the last. */
  protected override takeStep({ output, sample, index, options }: SigmaStep): SigmaStepOutput {
    const [angle, next] = [this.sigmas[index], this.sigmas[index + 1]];
    const original = weightedSum([exact.cos(angle), sample.data], [-exact.sin(angle), output]);
    const { alpha, sigma } = this.level(next);
    return { prev: weightedSum([alpha, original], [sigma, this.stepNoise(options, sample)]), original };
  }
}

const evenAngles = (count: number): number[] => linspace(PURE_NOISE, 0, count + 1).slice(0, -1);

/** The plan over falling angles; the last step ends at the image. */
function planTo0(angles: readonly number[]): SigmaPlan {
  const timesteps = angles.map(Math.fround);
  return { timesteps, sigmas: [...timesteps, 0] };
}
