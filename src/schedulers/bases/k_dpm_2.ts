// What KDPM2DiscreteScheduler and KDPM2AncestralDiscreteScheduler have in common: a step in the manner of
// DPM-Solver-2 (Lu et al. 2022, arXiv 2206.00927, algorithm 1) for samples x = x_0 + σ ε, as Karras et al. 2022 (arXiv
// 2206.00364) built it: half a step in log σ, and the whole step with the slope found there.

import type { JsonObject } from "../../io/diffusers_json.ts";
import type { AncestralStep } from "../math/sigmas.ts";
import { roundHalfToEven } from "../math/spacing.ts";
import { weightedSum } from "../math/weighted_sum.ts";
import type { TimestepsSpec } from "../scheduler.ts";
import type { OptionTable } from "./options.ts";
import type { SigmaPlan, SigmaStep, SigmaStepOutput } from "./sigma_scheduler.ts";
import { CarriedOver, isSecondHalf, midpointPlan } from "./two_stage.ts";
import { type ExplodingConfig, ExplodingSchedulerBase } from "./variance_exploding.ts";

/** Base of the two. They visit a timestep between each two of the schedule, the last step excepted. */
export abstract class KDPM2SchedulerBase<
  Config extends ExplodingConfig & JsonObject,
> extends ExplodingSchedulerBase<Config> {
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
      const ratio = next / sigma;
      return { prev: weightedSum([ratio, x], [1 - ratio, original]), original };
    }
    // x_begin + (σ_down - σ_begin) (x - x_0) / σ + σ_up z
    const sigmaBegin = this.sigmas[index - 1];
    const { down, up } = this.landing(sigmaBegin, next);
    const weight = (down - sigmaBegin) / sigma;
    const noise = up > 0 ? this.stepNoise(options, sample) : x;
    const prev = weightedSum([1, this.#begin.take()], [weight, x], [-weight, original], [up, noise]);
    return { prev, original };
  }
}
