// FlowMatchEulerDiscreteScheduler, Euler steps along the flow from noise to images:
// Esser et al. 2024, "Scaling rectified flow transformers for high-resolution image synthesis" (arXiv 2403.03206).

import * as v from "valibot";
import * as exact from "../engine/math/index.ts";
import { type FlowMatchConfig, FlowMatchSchedulerBase, flowMatchOptions } from "./bases/flow_match.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  float,
  option,
  optionTable,
  positive,
  readConfig,
  wholeFrom,
} from "./bases/options.ts";
import { sigmaSpacingOptions } from "./bases/shared_options.ts";
import type { SigmaPlan, SigmaStep, SigmaStepOutput } from "./bases/sigma_scheduler.ts";
import { timestepsWithSpacing } from "./bases/timestep_checks.ts";
import type { NoiseLevel } from "./math/prediction.ts";
import { type SigmaSpacing, sigmaSpacing } from "./math/sigma_spacing.ts";
import { shiftSigma } from "./math/sigmas.ts";
import { weightedSum } from "./math/weighted_sum.ts";
import type { TimestepsSpec } from "./scheduler.ts";

const options = {
  ...flowMatchOptions,
  ...sigmaSpacingOptions,
  /** Shifts by setTimesteps' `mu`, which depends on the image size, instead of `shift`. */
  useDynamicShifting: option(v.boolean(), false),
  /** The shift that mu gives: e^mu ("exponential") or mu itself ("linear"). */
  timeShiftType: option(v.picklist(["exponential", "linear"]), "exponential"),
  /** For `muOf`: mu is linear in the sequence length, from baseShift to maxShift between these lengths. */
  baseShift: float(v.pipe(v.number(), v.finite()), 0.5),
  /** mu at maxImageSeqLen. */
  maxShift: float(v.pipe(v.number(), v.finite()), 1.15),
  /** The sequence length of baseShift. */
  baseImageSeqLen: option(wholeFrom(1), 256),
  /** The sequence length of maxShift. */
  maxImageSeqLen: option(wholeFrom(1), 4096),
  /** Stretches the noise levels so that the last step starts at this one. */
  shiftTerminal: float(v.nullable(v.pipe(positive, v.ltValue(1))), null),
  /** Takes the image's share, rising from 0 to 1, as the level: for models whose timesteps do so. */
  invertSigmas: option(v.boolean(), false),
  /** Draws new noise in every step instead of following the flow. */
  stochasticSampling: option(v.boolean(), false),
};
/** The options of FlowMatchEulerDiscreteScheduler as resolved. @interface */
export type FlowMatchEulerDiscreteSchedulerConfig = FlowMatchConfig &
  ConfigOf<typeof sigmaSpacingOptions & typeof options>;

const table = optionTable("FlowMatchEulerDiscreteScheduler", options);

/** x' = x + (σ' - σ) v, along the direction of the flow v = dx/dσ that the model predicts (section 2, equation 1). */
export function flowEulerStep(x: Float32Array, v: Float32Array, sigma: number, next: number): Float32Array {
  return weightedSum([1, x], [next - sigma, v]);
}

/** x' = α' x_0 + σ' z: the image noised anew (equation 2). */
export function flowDraw(x0: Float32Array, { alpha, sigma }: NoiseLevel, z: Float32Array): Float32Array {
  return weightedSum([alpha, x0], [sigma, z]);
}

/**
 * Euler's method along the flow. Two differences from diffusers: with invertSigmas, `addNoise` and the drawing of new
 * noise respect the inversion, which diffusers ignores there; and a single step with shiftTerminal is not stretched.
 */
export class FlowMatchEulerDiscreteScheduler extends FlowMatchSchedulerBase<FlowMatchEulerDiscreteSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  readonly #spacing: SigmaSpacing | null;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<FlowMatchEulerDiscreteSchedulerConfig> = {}) {
    super(table, options);
    this.#spacing = sigmaSpacing(this.className, this.config);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): FlowMatchEulerDiscreteScheduler {
    return new FlowMatchEulerDiscreteScheduler(readConfig(table, source, options));
  }

  /** The mu of an image that is `length` tokens for the model. */
  muOf(length: number): number {
    const { baseShift, maxShift, baseImageSeqLen, maxImageSeqLen } = this.config;
    const slope = (maxShift - baseShift) / (maxImageSeqLen - baseImageSeqLen);
    return baseShift + slope * (length - baseImageSeqLen);
  }

  protected override get takesMu(): boolean {
    return this.config.useDynamicShifting;
  }

  protected override get rangeShift(): number {
    return this.config.useDynamicShifting ? 1 : this.config.shift;
  }

  protected override level(sigma: number): NoiseLevel {
    return this.config.invertSigmas ? { alpha: sigma, sigma: 1 - sigma } : super.level(sigma);
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    const { className, config } = this;
    if (config.invertSigmas && !("numInferenceSteps" in spec)) {
      throw new RangeError(
        `${className}: custom timesteps or sigmas do not go with invertSigmas; give numInferenceSteps`,
      );
    }
    if (this.#spacing !== null && "timesteps" in spec) {
      throw timestepsWithSpacing(className);
    }
    return super.plan(spec);
  }

  protected override spaced(even: readonly number[], mu: number | undefined): number[] {
    const shift = this.#shift(mu);
    const shifted = this.#stretched(even.map((sigma) => shiftSigma(sigma, shift)));
    const range = { sigmaMin: shifted[shifted.length - 1], sigmaMax: shifted[0] };
    return this.#spacing ? this.#spacing(range, shifted.length) : shifted;
  }

  protected override withTimesteps(levels: readonly number[]): SigmaPlan {
    const plan = super.withTimesteps(levels);
    if (!this.config.invertSigmas) return plan;
    const sigmas = plan.sigmas.map((sigma) => Math.fround(1 - sigma));
    const timesteps = sigmas.slice(0, -1).map((sigma) => Math.fround(sigma * this.numTrainTimesteps));
    return { sigmas, timesteps };
  }

  /** With stochasticSampling, draws noise in every step, even in the last, where its weight is 0. */
  protected override takeStep({ output, sample, index, options }: SigmaStep): SigmaStepOutput {
    const [sigma, next] = [this.sigmas[index], this.sigmas[index + 1]];
    const toOriginal = this.config.invertSigmas ? 1 - sigma : -sigma;
    const original = weightedSum([1, sample.data], [toOriginal, output]);
    if (!this.config.stochasticSampling) {
      return { prev: flowEulerStep(sample.data, output, sigma, next), original };
    }
    const z = this.stepNoise(options, sample);
    return { prev: flowDraw(original, this.level(next), z), original };
  }

  #shift(mu: number | undefined): number {
    const { className, config } = this;
    if (!config.useDynamicShifting) return config.shift;
    if (mu === undefined || !Number.isFinite(mu)) {
      throw new RangeError(
        `${className}: mu is ${mu}, but useDynamicShifting needs it: setTimesteps({ numInferenceSteps, mu })`,
      );
    }
    if (config.timeShiftType === "exponential") return exact.exp(mu);
    if (mu <= 0)
      throw new RangeError(`${className}: mu is ${mu}, expected above 0 with timeShiftType "linear"`);
    return mu;
  }

  /** The levels, with their distance from 1 scaled so that the last is shiftTerminal; a single level is 1 and stays. */
  #stretched(sigmas: number[]): number[] {
    const { shiftTerminal } = this.config;
    if (shiftTerminal === null || sigmas.length === 1) return sigmas;
    const scale = (1 - sigmas[sigmas.length - 1]) / (1 - shiftTerminal);
    return sigmas.map((sigma) => 1 - (1 - sigma) / scale);
  }
}
