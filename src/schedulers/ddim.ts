// DDIMScheduler, the deterministic (or partly random) sampler of Song et al. 2021, "Denoising diffusion
// implicit models" (arXiv 2010.02502): few steps, and with eta = 0 the same noise always gives the same image.
//
// Every operation rounds to float32, in diffusers' order.

import * as v from "valibot";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import { type AlphaProds, DiscreteSchedulerBase } from "./bases/discrete.ts";
import {
  type ConfigOf,
  type ConfigSource,
  type FromConfigOptions,
  option,
  optionTable,
  readConfig,
} from "./bases/options.ts";
import { type DiscreteConfig, discreteOptions } from "./bases/shared_options.ts";
import { epsilonFromOriginalSample, noiseLevel, predictEpsilon } from "./math/prediction.ts";
import type { StepOptions, StepOutput } from "./scheduler.ts";

const { fround } = Math;

const options = {
  ...discreteOptions,
  /** The last step ends at ᾱ = 1 (no noise); otherwise at ᾱ_0. */
  setAlphaToOne: option(v.boolean(), true),
};
/** The options of DDIMScheduler as resolved. @interface */
export type DDIMSchedulerConfig = DiscreteConfig & ConfigOf<typeof options>;

const table = optionTable("DDIMScheduler", options);

/**
 * x_{t-1} = √ᾱ_{t-1} x_0 + √(1 - ᾱ_{t-1} - σ²) ε + σ z (equation 12).
 * @param z null where σ is 0
 */
export function ddimStep(
  x0: Float32Array,
  epsilon: Float32Array,
  { alphaProdPrev, sigma }: { readonly alphaProdPrev: number; readonly sigma: number },
  z: Float32Array | null,
): Float32Array {
  // Rounding can make the radicand negative where it should be 0: eta = 1 from a timestep of pure noise.
  const rest = Math.max(fround(fround(1 - alphaProdPrev) - fround(sigma * sigma)), 0);
  const ofOriginal = fround(Math.sqrt(alphaProdPrev));
  const ofEpsilon = fround(Math.sqrt(rest));
  const prev = x0.map((x, i) => fround(ofOriginal * x) + fround(ofEpsilon * epsilon[i]));
  if (z !== null) for (let i = 0; i < prev.length; i++) prev[i] += fround(sigma * z[i]);
  return prev;
}

/** σ² = (1 - ᾱ_{t-1}) / (1 - ᾱ_t) (1 - ᾱ_t / ᾱ_{t-1}): the variance of a step's noise at eta = 1 (equation 16). */
export function stepVariance({ alphaProd, alphaProdPrev }: AlphaProds): number {
  const ratio = fround(fround(1 - alphaProdPrev) / fround(1 - alphaProd));
  return fround(ratio * fround(1 - fround(alphaProd / alphaProdPrev)));
}

/** The sampler of DDIM. */
export class DDIMScheduler extends DiscreteSchedulerBase<DDIMSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** ᾱ where the last step ends. */
  readonly finalAlphaCumprod: number;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<DDIMSchedulerConfig> = {}) {
    super(table, options);
    this.finalAlphaCumprod = this.config.setAlphaToOne ? 1 : this.alphasCumprod[0];
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): DDIMScheduler {
    return new DDIMScheduler(readConfig(table, source, options));
  }

  /**
   * timestep - floor(T / numInferenceSteps), as in diffusers: with "trailing" or "linspace" spacing this can differ
   * from the next entry of `timesteps`. With custom timesteps it is the next entry, -1 after the last.
   */
  override previousTimestep(timestep: number): number {
    const steps = this.knownSteps();
    if (this.customTimesteps) return super.previousTimestep(timestep);
    return timestep - Math.floor(this.numTrainTimesteps / steps);
  }

  /**
   * `ddimStep` with σ = eta σ_DDPM (equation 16). Draws z only when eta > 0.
   * @param modelOutput the sample's shape
   * @param sample x_t, [N, ..., C]
   * @throws RangeError on a wrong shape, timestep or eta, or when noise is needed and not given
   */
  step(modelOutput: HostTensor, timestep: number, sample: HostTensor, options: StepOptions = {}): StepOutput {
    const { eta = 0, useClippedModelOutput = false } = options;
    if (!(eta >= 0 && eta <= 1)) throw new RangeError(`DDIMScheduler: eta is ${eta}, expected 0 .. 1`);
    this.checkShape("the model's output", modelOutput.shape, sample.shape);
    const ends = this.alphaProds(timestep, this.previousTimestep(timestep), this.finalAlphaCumprod);
    const level = noiseLevel(ends.alphaProd);

    const original = this.originalSample(modelOutput.data, sample, level, timestep);
    const epsilon = useClippedModelOutput
      ? epsilonFromOriginalSample(original.data, sample.data, level)
      : predictEpsilon(this.config.predictionType, modelOutput.data, sample.data, level);

    const sigma = fround(eta * fround(Math.sqrt(stepVariance(ends))));
    const z = eta > 0 ? this.stepNoise(options, sample, timestep) : null;
    const prev = ddimStep(original.data, epsilon, { alphaProdPrev: ends.alphaProdPrev, sigma }, z);
    return { prevSample: hostTensor(prev, sample.shape), predOriginalSample: original };
  }

  /** The noise variance at eta = 1 (equation 16) for any pair of timesteps; previous < 0 means the last step. */
  getVariance(timestep: number, previousTimestep: number): number {
    return stepVariance(this.alphaProds(timestep, previousTimestep, this.finalAlphaCumprod));
  }
}
