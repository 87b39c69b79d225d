// Common to the solvers in λ (DPM-Solver, DEIS, UniPC, SA-Solver): samples are x = α x_0 + σ ε with α² + σ² = 1, or
// with α + σ = 1 for flow models, and need no scaling.
//
// `sigmas` holds σ / α, as in all schedulers; with flow sigmas it holds the flow's σ.

import * as v from "valibot";
import type { HostTensor } from "../../engine/host_tensor.ts";
import * as exact from "../../engine/math/index.ts";
import type { JsonObject } from "../../io/diffusers_json.ts";
import type { SolverLevel } from "../math/exponential_step.ts";
import { halfOfChannels } from "../math/learned_variance.ts";
import { type NoiseLevel, solverPredictionTypes } from "../math/prediction.ts";
import {
  type OptionalSigmaSpacing,
  type SigmaSpacing,
  sigmaSpacing,
  sigmasAt,
  spacedPlan,
} from "../math/sigma_spacing.ts";
import { linspace, type SigmaRange, shiftSigma, timestepOfSigma } from "../math/sigmas.ts";
import { epsilonWeights, originalWeights } from "../math/solver_prediction.ts";
import { roundHalfToEven, solverTimesteps } from "../math/spacing.ts";
import { thresholdSample } from "../math/thresholding.ts";
import { weightedSum } from "../math/weighted_sum.ts";
import type { TimestepsSpec } from "../scheduler.ts";
import type { NoiseScheduleConfig } from "./noise_schedule.ts";
import {
  type ConfigOf,
  float,
  type OptionTable,
  option,
  type PartialConfigOf,
  positive,
  withDefaults,
} from "./options.ts";
import {
  type finalSigmasOptions,
  noiseScheduleOptions,
  sigmaSpacingOptions,
  thresholdingOptions,
  timestepOptions,
} from "./shared_options.ts";
import { type SigmaPlan, SigmaSchedulerBase, type SigmaStep } from "./sigma_scheduler.ts";
import {
  givenSigmas,
  givenTimesteps,
  stepCount,
  timestepsWithSpacing,
  withinTraining,
} from "./timestep_checks.ts";

/** The options of all of these solvers. */
export const preservingOptions = {
  ...noiseScheduleOptions,
  /** What the model's output means. */
  predictionType: option(v.picklist(solverPredictionTypes), "epsilon"),
  ...thresholdingOptions,
  ...sigmaSpacingOptions,
  /** Flow matching: samples are x = (1 - σ) x_0 + σ ε. */
  useFlowSigmas: option(v.boolean(), false),
  /** Shifts the flow's sigmas towards noise. */
  flowShift: float(positive, 1),
};

/** Options of some of these solvers. */
export const solverTimestepOptions = withDefaults(timestepOptions, { timestepSpacing: "linspace" });
export const clippedOptions = {
  /** Timesteps whose λ is below this one are left out. */
  lambdaMinClipped: float(v.number(), Number.NEGATIVE_INFINITY),
  /** For models that also output a variance, in the second half of the channels; it is ignored. */
  varianceType: option(v.nullable(v.picklist(["learned", "learned_range"])), null),
};
export const shiftingOptions = {
  /** The shift is an argument of setTimesteps, mu. */
  useDynamicShifting: option(v.boolean(), false),
  /** mu is the logarithm of the shift ("exponential") or the shift itself ("linear"). */
  timeShiftType: option(v.picklist(["exponential", "linear"]), "exponential"),
};
export const exponentialShiftingOptions = {
  ...shiftingOptions,
  timeShiftType: option(v.literal("exponential"), "exponential"),
};

/** The options that the base reads. */
export type PreservingConfig = NoiseScheduleConfig &
  ConfigOf<typeof thresholdingOptions & typeof sigmaSpacingOptions & typeof preservingOptions> &
  Pick<OptionalSigmaSpacing, "useLuLambdas"> &
  PartialConfigOf<typeof timestepOptions & typeof finalSigmasOptions> &
  PartialConfigOf<typeof clippedOptions & typeof shiftingOptions>;

/** The sigma used for a flow's pure noise, where λ is still finite. */
export const LARGEST_FLOW_SIGMA = 1 - 1e-6;

type CountSpec = Extract<TimestepsSpec, { readonly numInferenceSteps: number }>;

/** Base of the solvers in λ. */
export abstract class PreservingSchedulerBase<
  Config extends PreservingConfig & JsonObject,
> extends SigmaSchedulerBase<Config> {
  /** The spacing of sigmas; null where they are those of the timesteps. */
  protected readonly spacing: SigmaSpacing | null;

  protected constructor(table: OptionTable<Config>, options: object) {
    super(table, options);
    this.spacing = sigmaSpacing(this.className, this.config);
    const { predictionType, useFlowSigmas } = this.config;
    if (predictionType === "flow_prediction" && !useFlowSigmas) {
      throw new RangeError(`${this.className}: predictionType "flow_prediction" needs useFlowSigmas: true`);
    }
    if (predictionType === "v_prediction" && useFlowSigmas) {
      throw new RangeError(
        `${this.className}: predictionType "v_prediction" does not go with useFlowSigmas; use "flow_prediction"`,
      );
    }
    if (useFlowSigmas && this.spacing !== null) this.checkSpacedFlow();
  }

  /** @throws RangeError unless this scheduler can space a flow's sigmas as configured */
  protected checkSpacedFlow(): void {
    throw new RangeError(
      `${this.className}: useFlowSigmas does not go with another spacing of sigmas (useKarrasSigmas and the like)`,
    );
  }

  protected override get takesMu(): boolean {
    return this.config.useDynamicShifting === true;
  }

  protected override level(sigma: number): NoiseLevel {
    if (!this.config.useFlowSigmas) {
      const alpha = 1 / exact.hypot(sigma, 1);
      return { alpha, sigma: sigma * alpha };
    }
    if (sigma >= 1) {
      throw new RangeError(
        `${this.className}: ${sigma} is no sigma of a flow (0 .. 1); call setTimesteps before adding noise`,
      );
    }
    return { alpha: 1 - sigma, sigma };
  }

  /** The noise level of sigmas[index]. */
  protected solverLevel(index: number): SolverLevel {
    const level = this.level(this.sigmas[index]);
    return { ...level, lambda: exact.log(level.alpha) - exact.log(level.sigma) };
  }

  protected override meanOutput(modelOutput: HostTensor, sample: HostTensor): Float32Array {
    const { varianceType } = this.config;
    if (varianceType === null || varianceType === undefined) return super.meanOutput(modelOutput, sample);
    this.checkLearnedVariance(varianceType, modelOutput, sample);
    return halfOfChannels(modelOutput, 0);
  }

  /** The x_0 given by the model's output, thresholded as configured. */
  protected originalSample({ output, sample, index }: SigmaStep): Float32Array {
    const { predictionType, thresholding, dynamicThresholdingRatio, sampleMaxValue } = this.config;
    const weights = originalWeights(predictionType, this.solverLevel(index));
    const original = weightedSum([weights.sample, sample.data], [weights.output, output]);
    if (thresholding) {
      thresholdSample(original, sample.shape[0] ?? 1, dynamicThresholdingRatio, sampleMaxValue);
    }
    return original;
  }

  /** The ε given by the model's output: with thresholding, that of the thresholded x_0. */
  protected epsilon({ output, sample, index }: SigmaStep, original: Float32Array): Float32Array {
    const { predictionType, thresholding } = this.config;
    const weights = epsilonWeights(thresholding ? "sample" : predictionType, this.solverLevel(index));
    return weightedSum([weights.sample, sample.data], [weights.output, thresholding ? original : output]);
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    if ("sigmas" in spec) return this.#givenPlan(givenSigmas(this.className, spec.sigmas));
    const followsTimesteps = this.spacing === null && !this.config.useFlowSigmas;
    if ("timesteps" in spec && !followsTimesteps) {
      throw timestepsWithSpacing(this.className, " or useFlowSigmas");
    }
    const { timesteps, sigmas } = this.#planWithoutEnd(spec);
    const last = sigmas[sigmas.length - 1];
    return { timesteps, sigmas: [...sigmas, Math.min(this.finalSigma(last, followsTimesteps), last)] };
  }

  /** Where the last step ends; `last` is where it starts. */
  protected finalSigma(last: number, followsTimesteps: boolean): number {
    if (this.config.finalSigmasType === "zero") return 0;
    return followsTimesteps ? this.trainSigmas[0] : last;
  }

  /** The range for spaced sigmas. */
  protected spacedRange(): SigmaRange {
    return { sigmaMin: this.trainSigmas[0], sigmaMax: this.trainSigmas[this.trainSigmas.length - 1] };
  }

  /** The whole timestep passed to the model in place of a fractional one. */
  protected wholeTimestep(timestep: number): number {
    const { useKarrasSigmas, useLuLambdas } = this.config;
    return useKarrasSigmas || useLuLambdas ? roundHalfToEven(timestep) : truncated(timestep);
  }

  /** A flow's sigmas, falling, without the one where the last step ends. */
  protected flowSigmas(count: number, shift: number): number[] {
    const largest = 1 - 1 / this.numTrainTimesteps;
    return linspace(largest, 0, count + 1)
      .slice(0, -1)
      .map((sigma) => shiftSigma(sigma, shift));
  }

  /** How many timesteps, counted from 0, remain when those of small λ are left out. */
  protected get clippedEnd(): number {
    const { lambdaMinClipped = Number.NEGATIVE_INFINITY } = this.config;
    const end = this.trainSigmas.findIndex((sigma) => -exact.log(sigma) < lambdaMinClipped);
    if (end === 0) {
      throw new RangeError(
        `${this.className}: lambdaMinClipped ${lambdaMinClipped} leaves no timestep; give a smaller one`,
      );
    }
    return end < 0 ? this.numTrainTimesteps : end;
  }

  /** `count` timesteps, falling, as the options space them. */
  protected spacedTimesteps(count: number): readonly number[] {
    const { timestepSpacing = "linspace", stepsOffset = 0 } = this.config;
    const end = this.clippedEnd;
    if (timestepSpacing === "leading" && count >= end) {
      throw new RangeError(
        `${this.className}: numInferenceSteps is ${count}, expected at most ${end - 1} with timestepSpacing "leading"`,
      );
    }
    const timesteps = solverTimesteps(timestepSpacing, count, end, this.numTrainTimesteps, stepsOffset);
    return withinTraining(this.className, timesteps, this.numTrainTimesteps, stepsOffset);
  }

  #planWithoutEnd(spec: CountSpec | { readonly timesteps: readonly number[] }): SigmaPlan {
    const { className, numTrainTimesteps, trainSigmas } = this;
    if ("timesteps" in spec) {
      const timesteps = givenTimesteps(className, spec.timesteps, numTrainTimesteps);
      return { timesteps, sigmas: sigmasAt(timesteps, trainSigmas) };
    }
    const count = stepCount(className, spec.numInferenceSteps, numTrainTimesteps);
    if (this.config.useFlowSigmas) {
      const sigmas = this.flowSigmas(count, this.#flowShift(spec.mu));
      return { timesteps: this.#flowTimesteps(sigmas), sigmas };
    }
    if (this.spacing !== null) {
      const { timesteps, sigmas } = spacedPlan(this.spacing, this.spacedRange(), count, trainSigmas);
      return { timesteps: timesteps.map((timestep) => this.wholeTimestep(timestep)), sigmas };
    }
    const timesteps = this.spacedTimesteps(count);
    return { timesteps, sigmas: sigmasAt(timesteps, trainSigmas) };
  }

  /** A flow model's timestep inputs: σ T, truncated. */
  #flowTimesteps(sigmas: readonly number[]): number[] {
    return sigmas.map((sigma) => truncated(sigma * this.numTrainTimesteps));
  }

  #givenPlan(sigmas: readonly number[]): SigmaPlan {
    const starts = sigmas.slice(0, -1);
    if (!this.config.useFlowSigmas) {
      return { sigmas, timesteps: starts.map((sigma) => timestepOfSigma(sigma, this.trainSigmas)) };
    }
    if (sigmas[0] > 1) {
      throw new RangeError(
        `${this.className}: custom sigmas start at ${sigmas[0]}, expected at most 1 for a flow`,
      );
    }
    const finite = sigmas.map((sigma) => Math.min(sigma, LARGEST_FLOW_SIGMA));
    return { sigmas: finite, timesteps: this.#flowTimesteps(finite.slice(0, -1)) };
  }

  #flowShift(mu: number | undefined): number {
    const { useDynamicShifting, timeShiftType, flowShift } = this.config;
    if (useDynamicShifting !== true) return flowShift;
    if (mu === undefined) {
      throw new RangeError(
        `${this.className}: useDynamicShifting needs mu: setTimesteps({ numInferenceSteps, mu })`,
      );
    }
    const shift = timeShiftType === "linear" ? mu : exact.exp(mu);
    if (!(shift > 0 && Number.isFinite(shift))) {
      throw new RangeError(
        `${this.className}: mu is ${mu}, which shifts sigmas by ${shift}, expected a shift above 0 and finite`,
      );
    }
    return shift;
  }
}

/** Truncates a timestep; values that rounding left just below a whole number count as that number. */
export const truncated = (timestep: number): number => Math.floor(timestep + 1e-4);
