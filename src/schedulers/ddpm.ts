// DDPMScheduler, the ancestral sampler of Ho et al. 2020, "Denoising diffusion probabilistic models" (arXiv
// 2006.11239), with the learned variances of Nichol & Dhariwal 2021 (arXiv 2102.09672): a step draws from the posterior
// q(x_{t-1} | x_t, x_0) for the predicted x_0.
//
// Every operation rounds to float32, in diffusers' order, so that long sampling runs agree.

import * as v from "valibot";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import * as exact from "../engine/math/index.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
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
import { halfOfChannels } from "./math/learned_variance.ts";
import { noiseLevel } from "./math/prediction.ts";
import type { StepOptions, StepOutput } from "./scheduler.ts";

const { fround } = Math;
const VARIANCE_MIN = fround(1e-20); // keeps its logarithm finite

/** The names of the variance types. */
const varianceTypes = [
  "fixed_small",
  "fixed_small_log",
  "fixed_large",
  "fixed_large_log",
  "learned",
  "learned_range",
] as const;

/**
 * The variance of a step's noise. fixed_small: the posterior's, β̃_t; fixed_large: β_t. The _log forms are the same,
 * computed through a logarithm. learned: the model outputs the variance in its second half of channels; learned_range:
 * it outputs v in [-1, 1], which interpolates between log β̃_t and log β_t (Nichol & Dhariwal 2021, equation 15).
 *
 * @useDeclaredType
 */
export type VarianceType = (typeof varianceTypes)[number];

const options = {
  ...discreteOptions,
  /** The variance of the noise that a step adds. */
  varianceType: option(v.picklist(varianceTypes), "fixed_small"),
};
/** The options of DDPMScheduler as resolved. @interface */
export type DDPMSchedulerConfig = DiscreteConfig & ConfigOf<typeof options>;

const table = optionTable("DDPMScheduler", options, { foreignValues: { varianceType: [null] } });

/** The noise that a step covers. */
export interface Stride {
  /** 1 - β. */
  readonly alpha: number;
  /** β_t; with skipped timesteps, that of the whole stride. */
  readonly beta: number;
}

type StepEnds = AlphaProds & Stride;

/**
 * x_{t-1} = μ̃_t(x_t, x_0) + σ_t z (Ho et al. 2020, algorithm 2, line 4), where
 *   μ̃_t = √ᾱ_{t-1} β_t / (1 - ᾱ_t) x_0 + √α_t (1 - ᾱ_{t-1}) / (1 - ᾱ_t) x_t (equation 7).
 * @param sigma σ_t of value i; not called when z is null
 * @param z null at the last step
 */
export function ddpmStep(
  x: Float32Array,
  x0: Float32Array,
  { alphaProd, alphaProdPrev, alpha, beta }: StepEnds,
  sigma: (i: number) => number,
  z: Float32Array | null,
): Float32Array {
  const betaProd = fround(1 - alphaProd);
  const betaProdPrev = fround(1 - alphaProdPrev);
  const ofOriginal = fround(fround(fround(Math.sqrt(alphaProdPrev)) * beta) / betaProd);
  const ofSample = fround(fround(fround(Math.sqrt(alpha)) * betaProdPrev) / betaProd);
  const prev = x.map((xt, i) => fround(ofOriginal * x0[i]) + fround(ofSample * xt));
  if (z !== null) for (let i = 0; i < prev.length; i++) prev[i] += fround(sigma(i) * z[i]);
  return prev;
}

/** β̃_t = (1 - ᾱ_{t-1}) / (1 - ᾱ_t) β_t (equation 7), at least 1e-20. */
function posteriorVariance({ alphaProd, alphaProdPrev, beta }: StepEnds): number {
  const ratio = fround(fround(1 - alphaProdPrev) / fround(1 - alphaProd));
  return Math.max(fround(ratio * beta), VARIANCE_MIN);
}

/** Base of the schedulers that draw from the posterior: DDPM and unCLIP. */
export abstract class PosteriorSchedulerBase<
  Config extends Partial<DiscreteConfig> & { varianceType: VarianceType } & JsonObject,
> extends DiscreteSchedulerBase<Config> {
  /**
   * `ddpmStep` with the configured variance. Draws z once when timestep > 0, never at timestep 0.
   * @param modelOutput the sample's shape; [N, ..., 2C] for the learned variance types
   * @param sample x_t, [N, ..., C]
   * @throws RangeError on a wrong shape or timestep, or when noise is needed and not given
   */
  step(modelOutput: HostTensor, timestep: number, sample: HostTensor, options: StepOptions = {}): StepOutput {
    const { mean: output, variance: learned } = this.#split(modelOutput, sample);
    const ends = this.#ends(timestep);
    const original = this.originalSample(output, sample, noiseLevel(ends.alphaProd), timestep);

    const z = timestep > 0 ? this.stepNoise(options, sample, timestep) : null;
    const prev = ddpmStep(sample.data, original.data, ends, this.#standardDeviation(ends, learned), z);
    return { prevSample: hostTensor(prev, sample.shape), predOriginalSample: original };
  }

  /**
   * The variance of the noise that `step` adds, for the fixed variance types.
   * @throws RangeError for learned variance types
   */
  getVariance(timestep: number): number {
    const varianceType: VarianceType = this.config.varianceType;
    if (varianceType === "learned" || varianceType === "learned_range") {
      throw new RangeError(
        `${this.className}: with varianceType "${varianceType}" the model gives the variance`,
      );
    }
    const ends = this.#ends(timestep);
    const posterior = posteriorVariance(ends);
    return varianceType === "fixed_small" || varianceType === "fixed_small_log" ? posterior : ends.beta;
  }

  /** β of a step, and 1 - β; with skipped timesteps, those of the whole stride. */
  protected stride(_timestep: number, _previous: number, { alphaProd, alphaProdPrev }: AlphaProds): Stride {
    const alpha = fround(alphaProd / alphaProdPrev);
    return { alpha, beta: fround(1 - alpha) };
  }

  #ends(timestep: number): StepEnds {
    const previous = this.previousTimestep(timestep);
    const prods = this.alphaProds(timestep, previous, 1);
    return { ...prods, ...this.stride(timestep, previous, prods) };
  }

  /** σ_t of value i; `learned` is the model's variance output for the learned types. */
  #standardDeviation(ends: StepEnds, learned: Float32Array): (i: number) => number {
    const posterior = posteriorVariance(ends);
    const { beta } = ends;
    const logPosterior = fround(exact.log(posterior));
    const logBeta = fround(exact.log(beta));
    const varianceType: VarianceType = this.config.varianceType;
    switch (varianceType) {
      case "fixed_small":
        return constant(Math.sqrt(posterior));
      case "fixed_small_log":
        return constant(exact.exp(0.5 * logPosterior));
      case "fixed_large":
        return constant(Math.sqrt(beta));
      case "fixed_large_log":
        return constant(exact.exp(0.5 * logBeta));
      case "learned":
        return (i) => rootOfLearned(learned[i]);
      case "learned_range":
        return (i) => {
          const fraction = fround(fround(learned[i] + 1) / 2);
          const log = fround(fround(fraction * logBeta) + fround(fround(1 - fraction) * logPosterior));
          return fround(exact.exp(fround(0.5 * log)));
        };
      default:
        throw new RangeError(`variance type ${String(varianceType satisfies never)} is unknown`);
    }
  }

  /** The model's output without its learned variance, [N, ..., C], and that variance (empty for the fixed types). */
  #split(output: HostTensor, sample: HostTensor): { mean: Float32Array; variance: Float32Array } {
    const { data, shape } = output;
    const varianceType: VarianceType = this.config.varianceType;
    if (varianceType !== "learned" && varianceType !== "learned_range") {
      this.checkShape("the model's output", shape, sample.shape);
      return { mean: data, variance: new Float32Array(0) };
    }
    this.checkLearnedVariance(varianceType, output, sample);
    return { mean: halfOfChannels(output, 0), variance: halfOfChannels(output, 1) };
  }
}

function constant(value: number): () => number {
  const rounded = fround(value);
  return () => rounded;
}

function rootOfLearned(variance: number): number {
  if (variance < 0) {
    throw new RangeError(
      `DDPMScheduler: the model's variance is ${variance}, expected >= 0; is varianceType "learned_range" meant?`,
    );
  }
  return fround(Math.sqrt(variance));
}

/** The sampler of DDPM: a random step at every timestep, or at a subset of them. */
export class DDPMScheduler extends PosteriorSchedulerBase<DDPMSchedulerConfig> {
  /** The class's name in files. */
  static readonly className = table.className;

  /** @throws RangeError naming the option that is wrong, what was given and what is allowed */
  constructor(options: Partial<DDPMSchedulerConfig> = {}) {
    super(table, options);
  }

  /**
   * From a file's JSON (snake_case), another scheduler or its config.
   * @throws RangeError naming the key that is wrong
   */
  static fromConfig(source: ConfigSource, options?: FromConfigOptions): DDPMScheduler {
    return new DDPMScheduler(readConfig(table, source, options));
  }
}
