// The interface of all schedulers.
//
// A scheduler knows the noise levels of a diffusion process. In training it adds noise to images; in sampling it
// chooses the timesteps and computes, from the model's output at one timestep, the sample at the next.

import type { HostTensor } from "../engine/host_tensor.ts";
import type { JsonObject } from "../io/diffusers_json.ts";

/** A source of standard normal noise, for example `torchNoise`. */
export interface NoiseSource {
  /** Standard normal values of the given shape, channels last. */
  randn(shape: readonly number[]): HostTensor;
}

/**
 * The number of sampling steps; or the exact timesteps (descending, below numTrainTimesteps); or, for schedulers over
 * sigmas, the exact noise levels (descending, with the one where the last step ends). `mu` is the shift of the noise
 * levels for schedulers with useDynamicShifting.
 */
export type TimestepsSpec =
  | number
  | { readonly numInferenceSteps: number; readonly mu?: number }
  | { readonly timesteps: readonly number[] }
  | { readonly sigmas: readonly number[] };

/** Options of `step`. Each scheduler uses those of its formula and ignores the others. */
export interface StepOptions {
  /** Draws the noise of this step, once if the step needs noise. Required unless `varianceNoise` is given. */
  readonly noise?: NoiseSource;
  /** The noise of this step, of the sample's shape, in place of `noise`. */
  readonly varianceNoise?: HostTensor;
  /** DDIM's weight of the noise: 0 (the default) is deterministic, 1 is DDPM's. */
  readonly eta?: number;
  /** DDIM: derive epsilon anew from the clipped x_0, as Glide does. Default false. */
  readonly useClippedModelOutput?: boolean;
  /** Euler and Heun: amount of noise added back in steps between sTmin and sTmax (Karras et al. 2022, algorithm 2). */
  readonly sChurn?: number;
  /** Smallest and largest σ that sChurn applies to. */
  readonly sTmin?: number;
  /** Largest σ that sChurn applies to. Default: no limit. */
  readonly sTmax?: number;
  /** Scale of that noise; 1 is the formula's. DPMSolverSDE: scale of the noise of every step. */
  readonly sNoise?: number;
  /** RePaint: the image whose known part is kept, [N or 1, ..., C], in [-1, 1]. */
  readonly originalImage?: HostTensor;
  /** RePaint: the known part, [N or 1, ..., C or 1]: 1 keeps a value, 0 redraws it. */
  readonly mask?: HostTensor;
  /** LMS: how many steps' derivatives it uses, 1 or more. Default 4. */
  readonly order?: number;
}

/** The result of a step; both tensors have the sample's shape. */
export interface StepOutput {
  /** x_{t-1}: the sample at the previous (less noisy) timestep. */
  readonly prevSample: HostTensor;
  /** The x_0 given by the model's output, after clipping or thresholding. */
  readonly predOriginalSample: HostTensor;
}

/** The interface of all schedulers. Samples are channels last, [N, ..., C]. */
export interface Scheduler {
  /** Every option as resolved, in camelCase. */
  readonly config: JsonObject;
  /** Model evaluations per step: 1, or 2 for second-order methods. */
  readonly order: number;
  /** Standard deviation of the noise that sampling starts from. */
  readonly initNoiseSigma: number;
  /** T, the number of noise levels that the model is trained on. */
  readonly numTrainTimesteps: number;
  /** The timesteps to call `step` with, in that order. Before `setTimesteps`: all of them, T-1 .. 0. */
  readonly timesteps: readonly number[];
  /** The number of steps given to `setTimesteps`; null before its first call. */
  readonly numInferenceSteps: number | null;

  /**
   * Chooses the timesteps to sample with, and starts a new sampling run.
   * @throws RangeError when timesteps are not whole, not descending or not below numTrainTimesteps, or when steps and
   *   timesteps are both given
   */
  setTimesteps(spec: TimestepsSpec): void;

  /** Starts the next run at timesteps[index]; absent where a step follows from its timestep alone. */
  setBeginIndex?(index: number): void;

  /** The model's input for a sample at a timestep, scaled if the formula requires it. */
  scaleModelInput(sample: HostTensor, timestep: number): HostTensor;

  /**
   * One step of the reverse process, from `timestep` to the next entry of the schedule.
   * @param modelOutput [N, ..., C], or [N, ..., 2C] with the learned variance in the second half
   * @param sample x_t, [N, ..., C]
   */
  step(modelOutput: HostTensor, timestep: number, sample: HostTensor, options?: StepOptions): StepOutput;

  /**
   * The forward process: x_t = sqrt(ᾱ_t) x_0 + sqrt(1 - ᾱ_t) noise.
   * @param timesteps one per batch item, or one for all
   */
  addNoise(original: HostTensor, noise: HostTensor, timesteps: ArrayLike<number>): HostTensor;

  /** The options in snake_case with `_class_name` and `_diffusers_version`: the content of scheduler_config.json. */
  toConfig(): JsonObject;
}

/** A scheduler over discrete betas (variance preserving), as DDPM defined them. */
export interface DiscreteScheduler extends Scheduler {
  /** β_t, T values. */
  readonly betas: Float32Array;
  /** ᾱ_t, the running product of 1 - β_t, T values. */
  readonly alphasCumprod: Float32Array;

  /** The timestep that a step from `timestep` leads to; below 0 when it is the last step. */
  previousTimestep(timestep: number): number;

  /**
   * The target of v prediction: v = sqrt(ᾱ_t) noise - sqrt(1 - ᾱ_t) x_0.
   * @param timesteps one per batch item, or one for all
   */
  getVelocity(sample: HostTensor, noise: HostTensor, timesteps: ArrayLike<number>): HostTensor;
}
