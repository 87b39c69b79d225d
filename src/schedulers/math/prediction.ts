// The meanings of a model's output. With x_t = α x_0 + σ ε, α = sqrt(ᾱ_t), σ = sqrt(1 - ᾱ_t), it is one of
//   epsilon       the noise ε                        (Ho et al. 2020)
//   sample        the clean image x_0
//   v_prediction  v = α ε - σ x_0                    (Salimans & Ho 2022, appendix D)
// and each can be computed from any other. Every operation rounds to float32, as tensor libraries do.

import { weightedSum } from "./weighted_sum.ts";

const { fround } = Math;

/** The names of the prediction types. */
export const predictionTypes = ["epsilon", "sample", "v_prediction"] as const;
/** What a diffusion model predicts: ε, x_0 or v. @useDeclaredType */
export type PredictionType = (typeof predictionTypes)[number];

/** Prediction types of schedulers that also support flows: flow_prediction is ε - x_0, from image to noise. */
export const solverPredictionTypes = [...predictionTypes, "flow_prediction"] as const;
/** What a solver's model predicts: a `PredictionType`, or the direction of a flow. @useDeclaredType */
export type SolverPredictionType = (typeof solverPredictionTypes)[number];

/** α and σ of a timestep, float32. */
export interface NoiseLevel {
  /** Scale of the image. */
  readonly alpha: number;
  /** Scale of the noise. */
  readonly sigma: number;
}

/** The noise level of ᾱ_t. */
export function noiseLevel(alphaProd: number): NoiseLevel {
  return { alpha: fround(Math.sqrt(alphaProd)), sigma: fround(Math.sqrt(fround(1 - alphaProd))) };
}

/**
 * The x_0 given by a model's output, in a new array. Without signal (α = 0) epsilon does not determine x_0: the result
 * is infinite, or 0 where the noise is predicted exactly.
 */
export function predictOriginalSample(
  type: PredictionType,
  output: Float32Array,
  sample: Float32Array,
  { alpha, sigma }: NoiseLevel,
): Float32Array {
  switch (type) {
    case "epsilon":
      return sample.map((x, i) => {
        const signal = fround(x - fround(sigma * output[i]));
        return signal === 0 ? 0 : signal / alpha;
      });
    case "sample":
      return output.slice();
    case "v_prediction":
      return sample.map((x, i) => fround(alpha * x) - fround(sigma * output[i]));
    default:
      throw new RangeError(`prediction type ${String(type satisfies never)} is unknown`);
  }
}

/** The ε given by a model's output, in a new array. */
export function predictEpsilon(
  type: PredictionType,
  output: Float32Array,
  sample: Float32Array,
  level: NoiseLevel,
): Float32Array {
  const { alpha, sigma } = level;
  switch (type) {
    case "epsilon":
      return output.slice();
    case "sample":
      return epsilonFromOriginalSample(output, sample, level);
    case "v_prediction":
      return sample.map((x, i) => fround(alpha * output[i]) + fround(sigma * x));
    default:
      throw new RangeError(`prediction type ${String(type satisfies never)} is unknown`);
  }
}

/** The ε between a clean image and its noised sample: (x_t - α x_0) / σ. */
export function epsilonFromOriginalSample(
  original: Float32Array,
  sample: Float32Array,
  { alpha, sigma }: NoiseLevel,
): Float32Array {
  return sample.map((x, i) => fround(x - fround(alpha * original[i])) / sigma);
}

/**
 * The x_0 given by a model's output for samples x = x_0 + σ ε (the model's input is x / sqrt(σ² + 1)), in a new array;
 * Karras et al. 2022, section 5.
 */
export function predictOriginalFromExploding(
  type: PredictionType,
  output: Float32Array,
  sample: Float32Array,
  sigma: number,
): Float32Array {
  const scale = 1 / (sigma * sigma + 1);
  switch (type) {
    case "epsilon":
      return weightedSum([1, sample], [-sigma, output]);
    case "sample":
      return output.slice();
    case "v_prediction":
      return weightedSum([-sigma * Math.sqrt(scale), output], [scale, sample]);
    default:
      throw new RangeError(`prediction type ${String(type satisfies never)} is unknown`);
  }
}
