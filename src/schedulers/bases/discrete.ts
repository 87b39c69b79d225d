// Common to the schedulers over discrete betas: the noise schedule, the choice of timesteps, the forward process, and
// the predicted x_0. Each class defines its step.

import { type HostTensor, hostTensor } from "../../engine/host_tensor.ts";
import type { JsonObject } from "../../io/diffusers_json.ts";
import { addNoise, alphaProdAt, velocity } from "../math/noising.ts";
import { type NoiseLevel, predictOriginalSample } from "../math/prediction.ts";
import { spacedTimesteps } from "../math/spacing.ts";
import { clipSample, thresholdSample } from "../math/thresholding.ts";
import type { DiscreteScheduler, StepOptions, StepOutput, TimestepsSpec } from "../scheduler.ts";
import { noiseSchedule } from "./noise_schedule.ts";
import { defaultsOf, type OptionTable } from "./options.ts";
import { SchedulerBase } from "./scheduler_base.ts";
import { type DiscreteConfig, discreteOptions } from "./shared_options.ts";
import { givenTimesteps, stepCount, withinTraining } from "./timestep_checks.ts";

/** Values for options that a scheduler lacks: no clipping, betas unchanged. */
const withoutOption: Readonly<DiscreteConfig> = { ...defaultsOf(discreteOptions), clipSample: false };

/** ᾱ at both ends of a step. */
export interface AlphaProds {
  /** ᾱ_t. */
  readonly alphaProd: number;
  /** ᾱ at the timestep where the step ends. */
  readonly alphaProdPrev: number;
}

/** Base of the schedulers over betas: DDPMScheduler, DDIMScheduler and their relatives. */
export abstract class DiscreteSchedulerBase<Config extends Partial<DiscreteConfig> & JsonObject>
  extends SchedulerBase<Config>
  implements DiscreteScheduler
{
  readonly order = 1;
  readonly initNoiseSigma = 1;
  /** T, the number of noise levels. */
  readonly numTrainTimesteps: number;
  readonly betas: Float32Array;
  readonly alphasCumprod: Float32Array;
  /** All options of this family; those that the class lacks are switched off. */
  protected readonly settings: Readonly<DiscreteConfig>;
  #timesteps: readonly number[];
  #numInferenceSteps: number | null = null;
  #customTimesteps = false;

  protected constructor(table: OptionTable<Config>, options: object) {
    super(table, options);
    this.settings = { ...withoutOption, ...this.config };
    const { numTrainTimesteps } = this.settings;
    this.numTrainTimesteps = numTrainTimesteps;
    const { betas, alphasCumprod } = noiseSchedule(this.className, this.settings);
    this.betas = betas;
    this.alphasCumprod = alphasCumprod;
    this.#timesteps = Array.from({ length: numTrainTimesteps }, (_, i) => numTrainTimesteps - 1 - i);
  }

  get timesteps(): readonly number[] {
    return this.#timesteps;
  }

  get numInferenceSteps(): number | null {
    return this.#numInferenceSteps;
  }

  /** Whether the timesteps are custom, given one by one. */
  protected get customTimesteps(): boolean {
    return this.#customTimesteps;
  }

  setTimesteps(spec: TimestepsSpec): void {
    const asked = typeof spec === "number" ? { numInferenceSteps: spec } : spec;
    if ("sigmas" in asked) {
      throw new RangeError(`${this.className} knows no sigmas; give numInferenceSteps or timesteps`);
    }
    if ("mu" in asked) throw new RangeError(`${this.className} shifts no noise levels: leave mu out`);
    if ("timesteps" in asked) {
      if ("numInferenceSteps" in asked) {
        throw new RangeError(`${this.className}: give either numInferenceSteps or timesteps, not both`);
      }
      this.#timesteps = this.givenTimesteps(asked.timesteps);
      this.#numInferenceSteps = this.#timesteps.length;
    } else {
      const steps = stepCount(this.className, asked.numInferenceSteps, this.numTrainTimesteps);
      this.#timesteps = this.chosenTimesteps(steps);
      this.#numInferenceSteps = steps;
    }
    this.#customTimesteps = "timesteps" in asked;
    this.forget();
  }

  /** The timesteps of a run of `steps` steps. */
  protected chosenTimesteps(steps: number): readonly number[] {
    const { timestepSpacing, stepsOffset } = this.settings;
    const timesteps = spacedTimesteps(timestepSpacing, steps, this.numTrainTimesteps, stepsOffset);
    return withinTraining(this.className, timesteps, this.numTrainTimesteps, stepsOffset);
  }

  /** Checks custom timesteps. */
  protected givenTimesteps(timesteps: readonly number[]): readonly number[] {
    return givenTimesteps(this.className, timesteps, this.numTrainTimesteps);
  }

  /** The number of steps, for schedulers whose step depends on it. @throws RangeError before `setTimesteps` */
  protected knownSteps(): number {
    if (this.#numInferenceSteps !== null) return this.#numInferenceSteps;
    throw new RangeError(`${this.className}: the number of steps is not known: call setTimesteps first`);
  }

  /** The next entry of the schedule, -1 after the last; before `setTimesteps`, timestep - 1. */
  previousTimestep(timestep: number): number {
    if (this.#numInferenceSteps === null) return timestep - 1;
    const index = this.#timesteps.indexOf(timestep);
    if (index < 0) {
      throw new RangeError(
        `${this.className}: timestep ${timestep} is not among the ${this.#timesteps.length} timesteps that were set`,
      );
    }
    return this.#timesteps[index + 1] ?? -1;
  }

  /** Returns the sample itself: variance-preserving samples need no scaling. */
  scaleModelInput(sample: HostTensor, _timestep: number): HostTensor {
    return sample;
  }

  abstract step(
    modelOutput: HostTensor,
    timestep: number,
    sample: HostTensor,
    options?: StepOptions,
  ): StepOutput;

  addNoise(original: HostTensor, noise: HostTensor, timesteps: ArrayLike<number>): HostTensor {
    return addNoise(this.alphasCumprod, original, noise, timesteps);
  }

  getVelocity(sample: HostTensor, noise: HostTensor, timesteps: ArrayLike<number>): HostTensor {
    return velocity(this.alphasCumprod, sample, noise, timesteps);
  }

  /**
   * ᾱ at both ends of a step; after the last timestep it is `finalAlphaProd`.
   * @throws RangeError when float32 cannot express the step: no noise at its start or no signal at its end
   */
  protected alphaProds(timestep: number, previous: number, finalAlphaProd: number): AlphaProds {
    const alphaProd = alphaProdAt(this.alphasCumprod, timestep);
    const alphaProdPrev = previous >= 0 ? alphaProdAt(this.alphasCumprod, previous) : finalAlphaProd;
    if (alphaProd === 1 || alphaProdPrev === 0) {
      throw new RangeError(
        `${this.className}: ᾱ is ${alphaProd} at timestep ${timestep} and ${alphaProdPrev} at ${previous}; ` +
          "a step needs noise at its start and signal at its end: choose other betas or fewer steps",
      );
    }
    return { alphaProd, alphaProdPrev };
  }

  /** The x_0 given by the model's output, thresholded or clipped as configured. */
  protected originalSample(
    output: Float32Array,
    sample: HostTensor,
    level: NoiseLevel,
    timestep: number,
  ): HostTensor {
    const { predictionType, thresholding, clipSample: clip, clipSampleRange } = this.settings;
    if (predictionType === "epsilon" && level.alpha === 0 && !thresholding && !clip) {
      throw new RangeError(
        `${this.className}: timestep ${timestep} is pure noise, where epsilon says nothing of x_0; ` +
          'use predictionType "v_prediction" or "sample", or clipSample',
      );
    }
    const original = predictOriginalSample(predictionType, output, sample.data, level);
    if (thresholding) {
      const { dynamicThresholdingRatio, sampleMaxValue } = this.settings;
      thresholdSample(original, sample.shape[0] ?? 1, dynamicThresholdingRatio, sampleMaxValue);
    } else if (clip) {
      clipSample(original, clipSampleRange);
    }
    return hostTensor(original, sample.shape);
  }
}
