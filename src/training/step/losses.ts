// The training target of a diffusion model, and its loss.

import * as exact from "../../engine/math/index.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { PredictionType, SolverPredictionType } from "../../schedulers/math/prediction.ts";

/** Signal and noise scale of each image, [N, 1, 1, 1]: √ᾱ_t and √(1 - ᾱ_t), or for a flow 1 - σ and σ. */
export interface NoiseScales {
  readonly alpha: Tensor;
  readonly sigma: Tensor;
}

/** x_t = α x_0 + σ ε (Ho et al. 2020, equation 4). */
export const addNoise = (clean: Tensor, noise: Tensor, { alpha, sigma }: NoiseScales): Tensor =>
  clean.mul(alpha).add(noise.mul(sigma));

/** The target for the model: ε, x_0, v = α ε - σ x_0 (Salimans & Ho 2022), or a flow's ε - x_0 (Liu et al. 2022). */
export function predictionTarget(
  type: SolverPredictionType,
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
    case "flow_prediction":
      return noise.sub(clean);
    default:
      return type satisfies never;
  }
}

/**
 * Mean squared error: per image, weighted, then averaged over the batch.
 * @param prediction [N, H, W, C]
 * @param weights [N]; null weights all images equally
 * @returns shape []
 */
export function meanSquaredError(prediction: Tensor, target: Tensor, weights: Tensor | null): Tensor {
  if (weights === null) return prediction.sub(target).square().mean();
  return squaredErrors(prediction, target).mul(weights).mean();
}

/** Mean squared error of each image, [N]. */
export const squaredErrors = (prediction: Tensor, target: Tensor): Tensor =>
  prediction.sub(target).square().mean([1, 2, 3]);

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

/** Scales of image or noise below this count as this in `errorScale` (Li & He 2025, arXiv 2511.13720, table 2). */
const LEAST_SCALE = 0.05;

/**
 * The error of a quantity over the error of x_0 at x_t = α x_0 + σ ε, for σ > 0: as x_t is known, an error in x_0 fixes
 * those of ε = (x_t - α x_0) / σ, of v and of ε - x_0.
 */
function errorScale(type: SolverPredictionType, alpha: number, sigma: number): number {
  switch (type) {
    case "epsilon":
      return alpha / sigma;
    case "sample":
      return 1;
    case "v_prediction":
      return (alpha * alpha + sigma * sigma) / sigma;
    case "flow_prediction":
      return (alpha + sigma) / sigma;
    default:
      return type satisfies never;
  }
}

/**
 * The weight with which the squared error of a prediction becomes that of another quantity: a model that predicts x_0
 * with the loss of v is weighted by 1 / σ² (Li & He 2025, arXiv 2511.13720, "Back to basics", section 4).
 * @param predicted by the model
 * @param measured by the loss
 */
export function conversionWeight(
  predicted: SolverPredictionType,
  measured: SolverPredictionType,
  { alpha, sigma }: { readonly alpha: number; readonly sigma: number },
): number {
  const a = Math.max(alpha, LEAST_SCALE);
  const s = Math.max(sigma, LEAST_SCALE);
  return exact.square(errorScale(measured, a, s) / errorScale(predicted, a, s));
}

/**
 * Min-SNR weight of a flow's prediction u at noise levels σ, [N] in [0, 1]. As x_0 = x_σ - σ u, the error of x_0 is σ
 * times the error of u, and x_0 has weight min(SNR, γ); with SNR = ((1 - σ) / σ)² this gives min((1 - σ)², γ σ²).
 */
export const flowMinSnrWeight = (sigma: Tensor, gamma: number): Tensor =>
  sigma.neg().add(1).square().minimum(sigma.square().mul(gamma));

/** `conversionWeight` of a flow's prediction at noise levels σ, [N] in [0, 1], where α = 1 - σ; null for 1. */
export function flowConversionWeight(measured: SolverPredictionType, sigma: Tensor): Tensor | null {
  const alpha = sigma.neg().add(1);
  switch (measured) {
    case "epsilon":
      return alpha.square();
    case "sample":
      return sigma.square();
    case "v_prediction":
      return alpha.square().add(sigma.square()).square();
    case "flow_prediction":
      return null;
    default:
      return measured satisfies never;
  }
}
