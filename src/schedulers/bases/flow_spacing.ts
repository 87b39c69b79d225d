// Common to the flow-matching schedulers whose noise levels follow the size of the image, or are spaced and stretched by
// their options: Esser et al. 2024, "Scaling rectified flow transformers for high-resolution image synthesis" (arXiv
// 2403.03206).

import * as v from "valibot";
import * as exact from "../../engine/math/index.ts";
import type { JsonObject } from "../../io/diffusers_json.ts";
import type { NoiseLevel } from "../math/prediction.ts";
import { type SigmaSpacing, sigmaSpacing } from "../math/sigma_spacing.ts";
import { shiftSigma } from "../math/sigmas.ts";
import { weightedSum } from "../math/weighted_sum.ts";
import type { TimestepsSpec } from "../scheduler.ts";
import { type FlowMatchConfig, FlowMatchSchedulerBase, flowMatchOptions } from "./flow_match.ts";
import { type ConfigOf, float, type OptionTable, option, positive, wholeFrom } from "./options.ts";
import { sigmaSpacingOptions } from "./shared_options.ts";
import type { SigmaPlan, SigmaStep } from "./sigma_scheduler.ts";
import { timestepsWithSpacing } from "./timestep_checks.ts";

/** The shared options. */
export const flowSpacingOptions = {
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
};
export type FlowSpacingConfig = FlowMatchConfig &
  ConfigOf<typeof sigmaSpacingOptions & typeof flowSpacingOptions>;

/** x' = α' x_0 + σ' z: the image noised anew (equation 2). */
export function flowDraw(x0: Float32Array, { alpha, sigma }: NoiseLevel, z: Float32Array): Float32Array {
  return weightedSum([alpha, x0], [sigma, z]);
}

/**
 * Base of these schedulers. Two differences from diffusers: with invertSigmas, `addNoise` and the drawing of new noise
 * respect the inversion, which diffusers ignores there; and a single step with shiftTerminal is not stretched.
 */
export abstract class SpacedFlowSchedulerBase<
  Config extends FlowSpacingConfig & JsonObject,
> extends FlowMatchSchedulerBase<Config> {
  readonly #spacing: SigmaSpacing | null;

  protected constructor(table: OptionTable<Config>, options: object) {
    super(table, options);
    this.#spacing = sigmaSpacing(this.className, this.config);
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

  /** The image that the predicted direction leads to from sigmas[index]. */
  protected imageAlong({ output, sample, index }: SigmaStep): Float32Array {
    const sigma = this.sigmas[index];
    return weightedSum([1, sample.data], [this.config.invertSigmas ? 1 - sigma : -sigma, output]);
  }

  /** The image noised anew to sigmas[index + 1]. Draws noise in every step, even in the last, where its weight is 0. */
  protected noisedAnew(image: Float32Array, { sample, index, options }: SigmaStep): Float32Array {
    return flowDraw(image, this.level(this.sigmas[index + 1]), this.stepNoise(options, sample));
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
