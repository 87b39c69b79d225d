// A model's diffusion in continuous time, for samplers that choose their own steps.
//
// Samples are x = α x_0 + σ ε. The model knows a noise level by its angle φ = atan2(σ, α) alone (Salimans & Ho 2022,
// arXiv 2202.00512, appendix D): the trained timesteps are angles from near 0 (image) to at most π/2 (pure noise),
// interpolated linearly in between. Unlike log σ, the angle is finite at ᾱ = 0. One model serves samples of both
// scalings: variance preserving, α² + σ² = 1, and variance exploding, α = 1.

import * as exact from "../../engine/math/index.ts";
import type { DDPMScheduler } from "../ddpm.ts";
import { type NoiseLevel, predictOriginalSample } from "../math/prediction.ts";
import { clipSample, thresholdSample } from "../math/thresholding.ts";
import { weightedSum } from "../math/weighted_sum.ts";

/** The model's next input: one image, variance preserving, and its timestep (fractional), 0 .. T-1. */
export interface ModelInput {
  /** The image, [H, W, C]. */
  readonly sample: Float32Array;
  /** Where it stands between image and noise. */
  readonly timestep: number;
}

/** Work on one image: it yields model inputs and receives the model's outputs. */
export type ImageWork<T> = Generator<ModelInput, T, Float32Array>;

/** The two scalings of samples (Song et al. 2021, arXiv 2011.13456, section 3.4): α² + σ² = 1, and α = 1. */
export const sdes = ["vp", "ve"] as const;
/** The scaling of samples: variance preserving or variance exploding. @useDeclaredType */
export type Sde = (typeof sdes)[number];

/** The noise levels of a scheduler, and the x_0 predicted by the model. */
export class Diffusion {
  readonly #scheduler: DDPMScheduler;
  /** φ of the timesteps, rising. */
  readonly #angles: Float64Array;

  /**
   * @param scheduler gives noise schedule, prediction type, clipping and spacing
   * @throws RangeError where these samplers cannot work: no noise at timestep 0, or epsilon prediction at pure noise
   */
  constructor(scheduler: DDPMScheduler) {
    const { alphasCumprod, config } = scheduler;
    if (!(alphasCumprod[0] < 1)) {
      throw new RangeError(
        "ᾱ is 1 at timestep 0, expected less: score and noise are not defined without noise",
      );
    }
    if (
      config.predictionType === "epsilon" &&
      alphasCumprod.at(-1) === 0 &&
      !config.clipSample &&
      !config.thresholding
    ) {
      throw new RangeError(
        'the last timestep is pure noise, where epsilon says nothing of x_0; use predictionType "v_prediction" or "sample", or clipSample',
      );
    }
    this.#scheduler = scheduler;
    this.#angles = Float64Array.from(alphasCumprod, (alphaProd) =>
      exact.atan2(Math.sqrt(1 - alphaProd), Math.sqrt(alphaProd)),
    );
  }

  /** T, the number of noise levels. */
  get numTrainTimesteps(): number {
    return this.#angles.length;
  }

  /** `count` timesteps, falling, spaced as the scheduler's config says. @throws RangeError when it cannot */
  timesteps(count: number): readonly number[] {
    this.#scheduler.setTimesteps(count);
    return this.#scheduler.timesteps;
  }

  /** α and σ of a whole timestep. */
  level(timestep: number, sde: Sde): NoiseLevel {
    const alphaProd = this.#scheduler.alphasCumprod[timestep];
    const alpha = Math.sqrt(alphaProd);
    const sigma = Math.sqrt(1 - alphaProd);
    return sde === "vp" ? { alpha, sigma } : { alpha: 1, sigma: sigma / alpha };
  }

  /** 1 - β of a whole timestep. */
  alpha(timestep: number): number {
    return 1 - this.#scheduler.betas[timestep];
  }

  /** The smallest and the largest angle that the model was trained at. */
  get angleRange(): { readonly least: number; readonly largest: number } {
    return { least: this.#angles[0], largest: this.#angles[this.#angles.length - 1] };
  }

  /** The timestep (fractional) of a noise level; levels outside the trained range give the nearest one. */
  timestepOf({ alpha, sigma }: NoiseLevel): number {
    const angle = exact.atan2(sigma, alpha);
    const angles = this.#angles;
    const last = angles.length - 1;
    if (angle <= angles[0]) return 0;
    if (angle >= angles[last]) return last;
    let below = 0;
    let above = last; // angles[below] <= angle < angles[above]
    while (above - below > 1) {
      const middle = (below + above) >> 1;
      if (angles[middle] <= angle) below = middle;
      else above = middle;
    }
    return below + (angle - angles[below]) / (angles[above] - angles[below]);
  }

  /** The x_0 that the model predicts for a sample at a noise level, clipped or thresholded like the scheduler's. */
  *originalSample(sample: Float32Array, level: NoiseLevel): ImageWork<Float32Array> {
    const size = exact.hypot(level.alpha, level.sigma);
    const input = size === 1 ? sample : weightedSum([1 / size, sample]);
    const output = yield { sample: input, timestep: this.timestepOf(level) };
    const { config } = this.#scheduler;
    const original = predictOriginalSample(config.predictionType, output, input, {
      alpha: level.alpha / size,
      sigma: level.sigma / size,
    });
    if (config.thresholding) {
      thresholdSample(original, 1, config.dynamicThresholdingRatio, config.sampleMaxValue);
    } else if (config.clipSample) {
      clipSample(original, config.clipSampleRange);
    }
    return original;
  }
}

/** The variance-preserving form of a sample, viewable at any noise level. */
export function preserving(sample: Float32Array, { alpha, sigma }: NoiseLevel): Float32Array {
  return weightedSum([1 / exact.hypot(alpha, sigma), sample]);
}

/** The score ∇ log p(x) = (α x_0 - x) / σ², with the predicted x_0 (Tweedie's formula). */
export function score(
  sample: Float32Array,
  original: Float32Array,
  { alpha, sigma }: NoiseLevel,
): Float32Array {
  return weightedSum([alpha / exact.square(sigma), original], [-1 / exact.square(sigma), sample]);
}

/** The noise ε = (x - α x_0) / σ, with the predicted x_0. */
export function noiseIn(
  sample: Float32Array,
  original: Float32Array,
  { alpha, sigma }: NoiseLevel,
): Float32Array {
  return weightedSum([1 / sigma, sample], [-alpha / sigma, original]);
}

/** The root mean square. */
export function rootMeanSquare(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum / values.length);
}
