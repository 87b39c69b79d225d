// What a diffusion model is asked to predict, and how its mistakes are weighed.

import type { Tensor } from "../engine/tensor.ts";
import type { PredictionType } from "../schedulers/prediction.ts";

/** Signal and noise scale of each image: √ᾱ_t and √(1 - ᾱ_t), [N, 1, 1, 1]. */
export interface NoiseScales {
  readonly alpha: Tensor;
  readonly sigma: Tensor;
}

/** x_t = α x_0 + σ ε (Ho et al. 2020, equation 4). */
export const addNoise = (clean: Tensor, noise: Tensor, { alpha, sigma }: NoiseScales): Tensor =>
  clean.mul(alpha).add(noise.mul(sigma));

/** What the model should answer: ε, x_0, or v = α ε - σ x_0 (Salimans & Ho 2022). */
export function predictionTarget(
  type: PredictionType,
  clean: Tensor,
  noise: Tensor,
  { alpha, sigma }: NoiseScales,
): Tensor {
  switch (type) {
    case "epsilon":
      return noise;
    case "sample":
      return clean;
    case "v_prediction":
      return noise.mul(alpha).sub(clean.mul(sigma));
    default:
      return type satisfies never;
  }
}

/**
 * Mean squared error: by image, weighed, then over the batch.
 * @param prediction [N, H, W, C]
 * @param weights [N]; null weighs all images alike
 * @returns shape []
 */
export function meanSquaredError(prediction: Tensor, target: Tensor, weights: Tensor | null): Tensor {
  const squares = prediction.sub(target).square();
  return weights === null ? squares.mean() : squares.mean([1, 2, 3]).mul(weights).mean();
}

/**
 * Min-SNR weight of a timestep (Hang et al. 2023): min(SNR, γ) for x_0, divided by SNR for ε and by SNR + 1 for v.
 * At SNR 0 the weight for ε is its limit, 1.
 * @param alphaCumprod ᾱ_t, 0 <= ᾱ_t <= 1; SNR is ᾱ_t / (1 - ᾱ_t)
 */
export function minSnrWeight(type: PredictionType, alphaCumprod: number, gamma: number): number {
  const snr = alphaCumprod / (1 - alphaCumprod);
  switch (type) {
    case "epsilon":
      return Math.min(1, gamma / snr);
    case "sample":
      return Math.min(snr, gamma);
    case "v_prediction":
      return Math.min(snr, gamma) / (snr + 1);
    default:
      return type satisfies never;
  }
}
