// ddpm.ts: DDPMScheduler, the ancestral sampler of Ho et al. 2020, "Denoising diffusion probabilistic models"
// (arXiv 2006.11239), with the learned variances of Nichol & Dhariwal 2021 (arXiv 2102.09672).
//
// Every operation rounds to float32, in diffusers' order, so that long sampling runs agree.

import * as v from "valibot";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import { type AlphaProds, type DiscreteConfig, DiscreteSchedulerBase, discreteDefaults } from "./discrete.ts";
import { halfOfChannels } from "./learned_variance.ts";
import {
  type ConfigSource,
  clippingEntries,
  discreteEntries,
  type FromConfigOptions,
  type OptionTable,
  readConfig,
} from "./options.ts";
import { noiseLevel } from "./prediction.ts";
import type { StepOptions, StepOutput } from "./scheduler.ts";

const { fround } = Math;
const VARIANCE_MIN = fround(1e-20); // so that its logarithm is finite

const varianceTypes = [
  "fixed_small",
  "fixed_small_log",
  "fixed_large",
  "fixed_large_log",
  "learned",
  "learned_range",
] as const;

/**
 * The variance of a step's noise. fixed_small: the posterior's, β̃_t; fixed_large: β_t. The _log forms are the same
 * taken through a logarithm. learned: the model's second half of channels is the variance itself; learned_range: it
 * is v in [-1, 1], between log β̃_t and log β_t (Nichol & Dhariwal 2021, equation 15).
 */
export type VarianceType = (typeof varianceTypes)[number];

/** The options of DDPMScheduler as resolved. */
export type DDPMSchedulerConfig = DiscreteConfig & { varianceType: VarianceType };

const table: OptionTable<DDPMSchedulerConfig> = {
  className: "DDPMScheduler",
  schema: v.object({
    ...discreteEntries,
    ...clippingEntries,
    varianceType: v.exactOptional(v.picklist(varianceTypes)),
  }),
  defaults: { ...discreteDefaults, varianceType: "fixed_small" },
};

/** The sampler of DDPM: as many random steps as there are timesteps, or a subset of them. */
export class DDPMScheduler extends DiscreteSchedulerBase<DDPMSchedulerConfig> {
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

  /**
   * x_{t-1} = μ(x_t, x_0) + σ_t z (equations 6, 7 and 11). Draws z once when timestep > 0, never at timestep 0.
   * @param modelOutput the sample's shape; [N, ..., 2C] for the learned variance types
   * @param sample x_t, [N, ..., C]
   * @throws RangeError on a wrong shape or timestep, or when noise is needed and not given
   */
  step(modelOutput: HostTensor, timestep: number, sample: HostTensor, options: StepOptions = {}): StepOutput {
    const { mean: output, variance: learned } = this.#split(modelOutput, sample);
    const ends = this.#ends(timestep);
    const { alphaProd, alphaProdPrev } = ends;
    const betaProd = fround(1 - alphaProd);
    const betaProdPrev = fround(1 - alphaProdPrev);
    const alpha = fround(alphaProd / alphaProdPrev);
    const beta = fround(1 - alpha);

    const original = this.originalSample(output, sample, noiseLevel(alphaProd), timestep);

    // Equation 7: the posterior's mean from the predicted x_0 and x_t.
    const originalCoeff = fround(fround(fround(Math.sqrt(alphaProdPrev)) * beta) / betaProd);
    const sampleCoeff = fround(fround(fround(Math.sqrt(alpha)) * betaProdPrev) / betaProd);
    const x0 = original.data;
    const prev = sample.data.map((x, i) => fround(originalCoeff * x0[i]) + fround(sampleCoeff * x));

    if (timestep > 0) {
      const noise = this.stepNoise(options, sample, timestep);
      const sigma = this.#standardDeviation(ends, learned);
      for (let i = 0; i < prev.length; i++) prev[i] += fround(sigma(i) * noise[i]);
    }
    return { prevSample: hostTensor(prev, sample.shape), predOriginalSample: original };
  }

  /**
   * The variance of the noise that `step` adds, for the fixed variance types.
   * @throws RangeError for the learned ones, whose variance is the model's
   */
  getVariance(timestep: number): number {
    const { varianceType } = this.config;
    if (varianceType === "learned" || varianceType === "learned_range") {
      throw new RangeError(`DDPMScheduler: with varianceType "${varianceType}" the model gives the variance`);
    }
    const { posterior, beta } = variances(this.#ends(timestep));
    return varianceType === "fixed_small" || varianceType === "fixed_small_log" ? posterior : beta;
  }

  #ends(timestep: number): AlphaProds {
    return this.alphaProds(timestep, this.previousTimestep(timestep), 1);
  }

  /** σ_t of value i; `learned` is the model's variance for the types that have one. */
  #standardDeviation(ends: AlphaProds, learned: Float32Array): (i: number) => number {
    const { posterior, beta } = variances(ends);
    const logPosterior = fround(Math.log(posterior));
    const logBeta = fround(Math.log(beta));
    const { varianceType } = this.config;
    switch (varianceType) {
      case "fixed_small":
        return constant(Math.sqrt(posterior));
      case "fixed_small_log":
        return constant(Math.exp(0.5 * logPosterior));
      case "fixed_large":
        return constant(Math.sqrt(beta));
      case "fixed_large_log":
        return constant(Math.exp(0.5 * logBeta));
      case "learned":
        return (i) => rootOfLearned(learned[i]);
      case "learned_range":
        return (i) => {
          const fraction = fround(fround(learned[i] + 1) / 2);
          const log = fround(fround(fraction * logBeta) + fround(fround(1 - fraction) * logPosterior));
          return fround(Math.exp(fround(0.5 * log)));
        };
      default:
        throw new RangeError(`variance type ${String(varianceType satisfies never)} is unknown`);
    }
  }

  /** The model's output without its learned variance, [N, ..., C], and that variance (empty for the fixed types). */
  #split(output: HostTensor, sample: HostTensor): { mean: Float32Array; variance: Float32Array } {
    const { data, shape } = output;
    const { varianceType } = this.config;
    if (varianceType !== "learned" && varianceType !== "learned_range") {
      this.checkShape("the model's output", shape, sample.shape);
      return { mean: data, variance: new Float32Array(0) };
    }
    const channels = sample.shape.at(-1) ?? 1;
    const what = `the model's output (varianceType "${varianceType}")`;
    this.checkShape(what, shape, [...sample.shape.slice(0, -1), 2 * channels]);
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

/** β̃_t (at least 1e-20) and β_t of a step; with skipped timesteps, of the whole stride. */
function variances({ alphaProd, alphaProdPrev }: AlphaProds): { posterior: number; beta: number } {
  const beta = fround(1 - fround(alphaProd / alphaProdPrev));
  const ratio = fround(fround(1 - alphaProdPrev) / fround(1 - alphaProd));
  return { posterior: Math.max(fround(ratio * beta), VARIANCE_MIN), beta };
}
