// Common to EulerDiscreteScheduler and its relatives: samples are x = x_0 + σ ε, so their variance grows with the
// noise, and the model's input is scaled by 1 / sqrt(σ² + 1).

import type { HostTensor } from "../../engine/host_tensor.ts";
import * as exact from "../../engine/math/index.ts";
import type { JsonObject } from "../../io/diffusers_json.ts";
import { atUnitVariance } from "../math/noising.ts";
import { type NoiseLevel, predictOriginalFromExploding } from "../math/prediction.ts";
import {
  type OptionalSigmaSpacing,
  type SigmaSpacing,
  sigmaSpacing,
  sigmasAt,
  spacedPlan,
} from "../math/sigma_spacing.ts";
import { type SigmaRange, timestepOfSigma } from "../math/sigmas.ts";
import { fractionalTimesteps } from "../math/spacing.ts";
import type { TimestepsSpec } from "../scheduler.ts";
import type { NoiseScheduleConfig } from "./noise_schedule.ts";
import { type ConfigOf, type OptionTable, withDefaults } from "./options.ts";
import {
  noiseScheduleOptions,
  predictionOptions,
  sigmaSpacingOptions,
  timestepOptions,
} from "./shared_options.ts";
import { type SigmaPlan, SigmaSchedulerBase } from "./sigma_scheduler.ts";
import {
  givenSigmas,
  givenTimesteps,
  stepCount,
  timestepsWithSpacing,
  withinTraining,
} from "./timestep_checks.ts";

/** Options of the schedulers whose sigmas are always those of timesteps. */
export const plainExplodingOptions = withDefaults(
  { ...noiseScheduleOptions, ...predictionOptions, ...timestepOptions },
  { betaStart: 0.00085, betaEnd: 0.012, timestepSpacing: "linspace" },
);

/** Options of the schedulers with other spacings of sigmas too. */
export const explodingOptions = { ...plainExplodingOptions, ...sigmaSpacingOptions };

/** The options that the base reads. */
export type ExplodingConfig = NoiseScheduleConfig &
  OptionalSigmaSpacing &
  ConfigOf<typeof predictionOptions & typeof timestepOptions>;

/** Base of the schedulers whose samples are x = x_0 + σ ε. */
export abstract class ExplodingSchedulerBase<
  Config extends ExplodingConfig & JsonObject,
> extends SigmaSchedulerBase<Config> {
  /** The spacing of sigmas; null where they are those of the timesteps. */
  protected readonly spacing: SigmaSpacing | null;

  protected constructor(table: OptionTable<Config>, options: object) {
    super(table, options);
    this.spacing = sigmaSpacing(this.className, this.config);
  }

  override get initNoiseSigma(): number {
    const largest = this.sigmas.reduce((most, sigma) => Math.max(most, sigma), 0);
    return this.config.timestepSpacing === "leading" ? exact.hypot(largest, 1) : largest;
  }

  override scaleModelInput(sample: HostTensor, timestep: number): HostTensor {
    return atUnitVariance(sample, this.sigmas[this.indexAt(timestep)]);
  }

  protected override level(sigma: number): NoiseLevel {
    return { alpha: 1, sigma };
  }

  protected override plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan {
    const { className, trainSigmas, config } = this;
    if ("sigmas" in spec) {
      const sigmas = givenSigmas(className, spec.sigmas);
      return { sigmas, timesteps: sigmas.slice(0, -1).map((sigma) => timestepOfSigma(sigma, trainSigmas)) };
    }
    if ("timesteps" in spec && this.spacing !== null) {
      throw timestepsWithSpacing(className);
    }
    const { timesteps, sigmas } = this.#planWithoutEnd(spec, config);
    return { timesteps, sigmas: [...sigmas, this.finalSigma()] };
  }

  /** Where the last step ends. */
  protected finalSigma(): number {
    return 0;
  }

  /** The range for spaced sigmas; `sigmas` are those of the timesteps. */
  protected spacedRange(sigmas: readonly number[]): SigmaRange {
    return { sigmaMin: sigmas[sigmas.length - 1], sigmaMax: sigmas[0] };
  }

  /** The x_0 given by the model's output at a noise level. */
  protected originalSample(output: Float32Array, sample: Float32Array, sigma: number): Float32Array {
    return predictOriginalFromExploding(this.config.predictionType, output, sample, sigma);
  }

  #planWithoutEnd(
    spec: { readonly numInferenceSteps: number } | { readonly timesteps: readonly number[] },
    { timestepSpacing, stepsOffset }: ExplodingConfig,
  ): SigmaPlan {
    const { className, numTrainTimesteps, trainSigmas } = this;
    if ("timesteps" in spec) {
      const timesteps = givenTimesteps(className, spec.timesteps, numTrainTimesteps);
      return { timesteps, sigmas: sigmasAt(timesteps, trainSigmas) };
    }
    const count = stepCount(className, spec.numInferenceSteps, numTrainTimesteps);
    const spaced = fractionalTimesteps(timestepSpacing, count, numTrainTimesteps, stepsOffset);
    const timesteps = withinTraining(className, spaced, numTrainTimesteps, stepsOffset);
    const sigmas = sigmasAt(timesteps, trainSigmas);
    if (this.spacing === null) return { timesteps, sigmas };
    return spacedPlan(this.spacing, this.spacedRange(sigmas), count, trainSigmas);
  }
}
