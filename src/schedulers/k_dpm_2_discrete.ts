// KDPM2DiscreteScheduler, second-order steps along the probability flow: Karras et al. 2022 (arXiv
// 2206.00364, appendix B) after DPM-Solver-2 (Lu et al. 2022, arXiv 2206.00927, algorithm 1), for samples x = x_0 + σ ε:
// half a step in log σ, and the whole step with the slope found there.

import type { JsonObject } from "../io/diffusers_json.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  type OptionTable,
  optionTable,
  readConfig,
} from "./bases/options.ts";
import type { SigmaPlan, SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { CarriedOver, isSecondHalf, midpointPlan } from "./bases/two_stage.ts";
import {
  type ExplodingConfig,
  ExplodingSchedulerBase,
  explodingOptions,
} from "./bases/variance_exploding.ts";
import { eulerStep } from "./euler_discrete.ts";
import type { Slope } from "./heun_discrete.ts";
import type { AncestralStep } from "./math/sigmas.ts";
import { roundHalfToEven } from "./math/spacing.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { TimestepsSpec } from "./scheduler.ts";

/** The options of KDPM2DiscreteScheduler as resolved. @interface */
export type KDPM2DiscreteSchedulerConfig = ExplodingConfig & ConfigOf<typeof explodingOptions>;

const table = optionTable("KDPM2DiscreteScheduler", explodingOptions);

/**
 * x' = x + (σ_down - σ) d + σ_up z, with the slope d found in the middle of the step.
 * @param sigma σ where the step begins, at x
 * @param z standard normal noise; of no account where σ_up is 0
 */
function dpm2Step(
  x: Float32Array,
  middle: Slope,
  sigma: number,
  { down, up }: AncestralStep,
  z: Float32Array,
): Float32Array {
  const weight = (down - sigma) / middle.sigma;
  return weightedSum([1, x], [weight, middle.x], [-weight, middle.x0], [up, z]);
}

/** Base of the two of this kind. They visit a timestep between each two of the schedule, the last step excepted. */
export abstract class KDPM2SchedulerBase<
  Config extends ExplodingConfig & JsonObject,
> extends ExplodingSchedulerBase<Config> {
  /** Model evaluations per step. */
  override readonly order = 2;
  /** x where the step began. */
  readonly #begin: CarriedOver<Float32Array>;

  protected constructor(table: OptionTable<Config>, options: object) {
    super(table, options);
    this.#begin = new CarriedOver(table.className);
  }

  /** How far down the slope leads in a step between two noise levels, and how much new noise leads back up. */
  protected abstract landing(from: number, to: number): AncestralStep;

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    const { sigmas, timesteps } = super.plan(spec);
    // diffusers asks the model at whole timesteps here, though not at those of the half steps.
    const rounds = this.config.useKarrasSigmas === true && "numInferenceSteps" in spec;
    const whole = { sigmas, timesteps: rounds ? timesteps.map(roundHalfToEven) : timesteps };
    return midpointPlan(whole, this.trainSigmas, (step) => this.landing(sigmas[step], sigmas[step + 1]).down);
  }

  protected override forget(): void {
    this.#begin.drop();
  }

  protected override takeStep({ output, sample, index, options }: SigmaStep): SigmaStepOutput {
    const x = sample.data;
    const [sigma, next] = [this.sigmas[index], this.sigmas[index + 1]];
    const original = this.originalSample(output, x, sigma);
    if (!isSecondHalf(index)) {
      this.#begin.put(x.slice());
      return { prev: eulerStep(x, original, sigma, next), original };
    }
    const sigmaBegin = this.sigmas[index - 1];
    const landing = this.landing(sigmaBegin, next);
    const z = landing.up > 0 ? this.stepNoise(options, sample) : x;
    const prev = dpm2Step(this.#begin.take(), { x, x0: original, sigma }, sigmaBegin, landing, z);
    return { prev, original };
  }
}

/** DPM2: a midpoint method in log σ. */
export class KDPM2DiscreteScheduler extends KDPM2SchedulerBase<KDPM2DiscreteSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<KDPM2DiscreteSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): KDPM2DiscreteScheduler {
    return new KDPM2DiscreteScheduler(readConfig(table, source, options));
  }

  protected override landing(_from: number, to: number): AncestralStep {
    return { down: to, up: 0 };
  }
}
