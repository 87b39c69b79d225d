// Common to the schedulers over a list of sigmas: the list, the position in it, and the forward process. Each class
// defines how the list is made and how a step is taken.
//
// Scalars are computed in float64 from float32 sigmas; images are float32, rounded once per step.

import { type HostTensor, hostTensor } from "../../engine/host_tensor.ts";
import type { JsonObject } from "../../io/diffusers_json.ts";
import { mixByLevel } from "../math/noising.ts";
import type { NoiseLevel } from "../math/prediction.ts";
import { trainSigmas } from "../math/sigmas.ts";
import type { DiscreteScheduler, Scheduler, StepOptions, StepOutput, TimestepsSpec } from "../scheduler.ts";
import { type NoiseScheduleConfig, noiseSchedule } from "./noise_schedule.ts";
import type { OptionTable } from "./options.ts";
import { SchedulerBase } from "./scheduler_base.ts";

/** ᾱ used for pure noise: its σ is large, not infinite. */
const LEAST_ALPHA_PROD = 2 ** -24;

/** A run's plan: the model is called at timesteps[i], where the noise level is sigmas[i]. */
export interface SigmaPlan {
  /** May be fractional. */
  readonly timesteps: readonly number[];
  /** One more than timesteps: the last step ends at the last sigma. */
  readonly sigmas: readonly number[];
}

/** The checked inputs of one step. */
export interface SigmaStep {
  readonly output: Float32Array;
  readonly sample: HostTensor;
  /** Index into `timesteps`, and of the sigma where the step starts. */
  readonly index: number;
  readonly options: StepOptions;
}

/** The result of a step: x at the next sigma, and the x_0 predicted at this one. */
export interface SigmaStepOutput {
  readonly prev: Float32Array;
  readonly original: Float32Array;
}

/** Base of the schedulers over sigmas, from betas or not. */
export abstract class SigmaWalkBase<Config extends { numTrainTimesteps: number } & JsonObject>
  extends SchedulerBase<Config>
  implements Scheduler
{
  readonly order: number = 1;
  /** T, the number of noise levels. */
  readonly numTrainTimesteps: number;
  #timesteps: readonly number[] = [];
  #sigmas = new Float32Array();
  #numInferenceSteps: number | null = null;
  #stepIndex: number | null = null;
  #beginIndex: number | null = null;

  protected constructor(table: OptionTable<Config>, options: object) {
    super(table, options);
    this.numTrainTimesteps = this.config.numTrainTimesteps;
  }

  get timesteps(): readonly number[] {
    return this.#timesteps;
  }

  /** The noise levels of the plan: one for each timestep, then the one where the last step ends. */
  get sigmas(): Float32Array {
    return this.#sigmas;
  }

  get numInferenceSteps(): number | null {
    return this.#numInferenceSteps;
  }

  /** Index of the next step; null before the first. */
  get stepIndex(): number | null {
    return this.#stepIndex;
  }

  /** 1 for variance-preserving samples; otherwise (noise added to unscaled images) the largest σ. */
  get initNoiseSigma(): number {
    return 1;
  }

  /** Starts the next run at timesteps[index], within the plan (image to image). */
  setBeginIndex(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.#timesteps.length) {
      throw new RangeError(
        `${this.className}: beginIndex is ${index}, expected a whole number, 0 .. ${this.#timesteps.length - 1}`,
      );
    }
    this.#beginIndex = index;
    this.#stepIndex = null;
    this.forget();
  }

  setTimesteps(spec: TimestepsSpec): void {
    const asked = typeof spec === "number" ? { numInferenceSteps: spec } : spec;
    const forms = Object.keys(asked).filter((key) => key !== "mu");
    if (forms.length !== 1) {
      throw new RangeError(
        `${this.className}: got ${forms.join(" and ")}, expected one of numInferenceSteps, timesteps and sigmas`,
      );
    }
    if ("mu" in asked && !this.takesMu) {
      throw new RangeError(
        `${this.className}: mu is ${asked.mu}, but it has a meaning only with useDynamicShifting`,
      );
    }
    const plan = this.plan(asked);
    const wrong = plan.sigmas.find((sigma) => !Number.isFinite(Math.fround(sigma)));
    if (wrong !== undefined) {
      throw new RangeError(
        `${this.className}: its options give a noise level of ${wrong}, expected finite ones: choose other betas, sigmas or shifts, or fewer steps`,
      );
    }
    this.follow(plan);
    this.#numInferenceSteps =
      "numInferenceSteps" in asked ? asked.numInferenceSteps : this.stepsOf(plan.timesteps.length);
    this.#stepIndex = null;
    this.#beginIndex = null;
    this.forget();
  }

  /** The timestep that a step from `timestep` leads to; -1 after the last. */
  previousTimestep(timestep: number): number {
    return this.#timesteps[this.#indexOf(timestep) + 1] ?? -1;
  }

  /** Returns the sample itself; schedulers whose samples are larger than the model's inputs override this. */
  scaleModelInput(sample: HostTensor, _timestep: number): HostTensor {
    return sample;
  }

  step(modelOutput: HostTensor, timestep: number, sample: HostTensor, options: StepOptions = {}): StepOutput {
    if (this.#numInferenceSteps === null) {
      throw new RangeError(`${this.className}: the number of steps is not known: call setTimesteps first`);
    }
    const output = this.meanOutput(modelOutput, sample);
    const index = this.indexAt(timestep);
    if (index >= this.#timesteps.length) {
      throw new RangeError(`${this.className} has taken all its steps: call setTimesteps to sample again`);
    }
    const { prev, original } = this.takeStep({ output, sample, index, options });
    this.#stepIndex = index + 1;
    return {
      prevSample: hostTensor(prev, sample.shape),
      predOriginalSample: hostTensor(original, sample.shape),
    };
  }

  addNoise(original: HostTensor, noise: HostTensor, timesteps: ArrayLike<number>): HostTensor {
    const levels = Array.from(timesteps, (timestep) => this.levelAt(timestep));
    return mixByLevel(
      original,
      noise,
      levels,
      (x0, epsilon, { alpha, sigma }) => alpha * x0 + sigma * epsilon,
    );
  }

  /** The timesteps and sigmas to sample with. @throws RangeError naming what is wrong */
  protected abstract plan(spec: Exclude<TimestepsSpec, number>): SigmaPlan;

  /** Signal and noise scale of this scheduler's samples: x = alpha x_0 + sigma ε. */
  protected abstract level(sigma: number): NoiseLevel;

  protected abstract takeStep(step: SigmaStep): SigmaStepOutput;

  /** The model's output, without a learned variance. @throws RangeError on a wrong shape */
  protected meanOutput(modelOutput: HostTensor, sample: HostTensor): Float32Array {
    this.checkShape("the model's output", modelOutput.shape, sample.shape);
    return modelOutput.data;
  }

  /** Whether setTimesteps accepts `mu`, the shift of the noise levels. */
  protected get takesMu(): boolean {
    return false;
  }

  /** Adopts a plan. */
  protected follow({ timesteps, sigmas }: SigmaPlan): void {
    this.#timesteps = timesteps;
    this.#sigmas = Float32Array.from(sigmas);
  }

  /** The number of steps in a plan of `evaluations` model evaluations. */
  protected stepsOf(evaluations: number): number {
    return Math.ceil(evaluations / this.order);
  }

  /** The noise level that images are noised to at `timestep`. */
  protected levelAt(timestep: number): NoiseLevel {
    return this.level(this.#sigmas[this.#noisingIndex(timestep)]);
  }

  /** Index of the step that starts at `timestep`: the one after the last step, or the first of a run. */
  protected indexAt(timestep: number): number {
    return this.#stepIndex ?? this.#beginIndex ?? this.#indexOf(timestep);
  }

  /** With a begin index, images are noised to the level of the next step, as inpainting needs. */
  #noisingIndex(timestep: number): number {
    return this.#beginIndex === null ? this.#indexOf(timestep) : (this.#stepIndex ?? this.#beginIndex);
  }

  /** The step that starts at `timestep`; of two, the second: a run that starts within the plan skips nothing. */
  #indexOf(timestep: number): number {
    const first = this.#timesteps.indexOf(timestep);
    if (first < 0) {
      throw new RangeError(
        `${this.className}: timestep ${timestep} is not among the ${this.#timesteps.length} timesteps that were set`,
      );
    }
    // Whole runs start at index 0, even when rounding has made the first timesteps equal.
    return first > 0 && this.#timesteps[first + 1] === timestep ? first + 1 : first;
  }
}

/** Base of the schedulers over the sigmas of betas. */
export abstract class SigmaSchedulerBase<Config extends NoiseScheduleConfig & JsonObject>
  extends SigmaWalkBase<Config>
  implements DiscreteScheduler
{
  readonly betas: Float32Array;
  readonly alphasCumprod: Float32Array;
  /** σ of each of the T timesteps, rising. */
  protected readonly trainSigmas: Float32Array;

  protected constructor(table: OptionTable<Config>, options: object) {
    super(table, options);
    const { betas, alphasCumprod } = noiseSchedule(this.className, this.config);
    if (this.config.rescaleBetasZeroSnr === true) alphasCumprod[alphasCumprod.length - 1] = LEAST_ALPHA_PROD;
    this.betas = betas;
    this.alphasCumprod = alphasCumprod;
    this.trainSigmas = trainSigmas(alphasCumprod);
    const steps = this.numTrainTimesteps;
    const timesteps = Array.from({ length: steps }, (_, i) => steps - 1 - i);
    this.follow({ timesteps, sigmas: [...this.trainSigmas.toReversed(), 0] });
  }

  getVelocity(sample: HostTensor, noise: HostTensor, timesteps: ArrayLike<number>): HostTensor {
    const levels = Array.from(timesteps, (timestep) => this.levelAt(timestep));
    return mixByLevel(sample, noise, levels, (x0, epsilon, { alpha, sigma }) => alpha * epsilon - sigma * x0);
  }
}
