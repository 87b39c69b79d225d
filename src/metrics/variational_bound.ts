// The variational bound on the negative log-likelihood of images, term by term: the number of bits with which the
// model could encode them. Ho et al. 2020, "Denoising diffusion probabilistic models", equation 5 and section 3.3;
// Nichol & Dhariwal 2021, "Improved denoising diffusion probabilistic models", section 3.1. In float64.

import * as exact from "../engine/math/index.ts";

/** The variance of p(x_{t-1} | x_t): the posterior's β̃_t, or β_t. */
export type FixedVariance = "fixed_small" | "fixed_large";

/** A diffusion with fixed variances. */
export interface BoundSchedule {
  /** ᾱ_t, for t = 0 .. T-1. */
  readonly alphasCumprod: ArrayLike<number>;
  readonly betas: ArrayLike<number>;
  readonly variance: FixedVariance;
}

/** Half the distance between neighbouring levels of 8-bit pixels in [-1, 1]. */
const HALF_LEVEL = 1 / 255;
const HALF_LOG_TWO_PI = 0.5 * exact.log(2 * Math.PI);

/** Nats per bit. */
export const NATS_PER_BIT = Math.LN2;

/**
 * One term: for t > 0 KL(q(x_{t-1} | x_t, x_0) ‖ p(x_{t-1} | x_t)), for t = 0 -log p(x_0 | x_1), of 8-bit pixels.
 * @param x0 in [-1, 1]
 * @param xt x0 with the noise of timestep t
 * @param predicted the model's x_0 for xt
 * @returns nats, the mean over values
 */
export function boundTerm(
  { alphasCumprod, betas, variance }: BoundSchedule,
  t: number,
  x0: ArrayLike<number>,
  xt: ArrayLike<number>,
  predicted: ArrayLike<number>,
): number {
  const before = t > 0 ? alphasCumprod[t - 1] : 1;
  const beta = betas[t];
  // Equation 7: the posterior's mean and variance.
  const ofOriginal = (Math.sqrt(before) * beta) / (1 - alphasCumprod[t]);
  const ofSample = (Math.sqrt(1 - beta) * (1 - before)) / (1 - alphasCumprod[t]);
  const posterior = posteriorVariance(alphasCumprod, betas, t);
  const ofModel = variance === "fixed_small" || t === 0 ? posterior : beta;
  const sigma = Math.sqrt(ofModel);
  const ratio = posterior / ofModel;
  const constant = 0.5 * (ratio - 1 - exact.log(ratio));
  let sum = 0;
  for (let i = 0; i < x0.length; i++) {
    const mean = ofOriginal * predicted[i] + ofSample * xt[i];
    if (t === 0) {
      sum -= logLevel(x0[i], mean, sigma);
    } else {
      const distance = ofOriginal * x0[i] + ofSample * xt[i] - mean;
      sum += constant + (0.5 * distance * distance) / ofModel;
    }
  }
  return sum / x0.length;
}

/** KL(q(x_T | x_0) ‖ N(0, 1)): nats, the mean over values. */
export function priorTerm({ alphasCumprod }: BoundSchedule, x0: ArrayLike<number>): number {
  const signal = alphasCumprod[alphasCumprod.length - 1];
  const variance = 1 - signal;
  let squares = 0;
  for (let i = 0; i < x0.length; i++) squares += x0[i] * x0[i];
  return 0.5 * (variance - 1 - exact.log(variance) + (signal * squares) / x0.length);
}

/** β̃_t; at t = 0, where it is 0, that of t = 1 instead. */
function posteriorVariance(alphasCumprod: ArrayLike<number>, betas: ArrayLike<number>, t: number): number {
  const at = Math.max(1, t);
  return ((1 - alphasCumprod[at - 1]) / (1 - alphasCumprod[at])) * betas[at];
}

/**
 * Logarithm of the probability that N(mean, σ²) rounds to x's level; the outermost levels reach to infinity (Ho et
 * al., equation 13).
 */
function logLevel(x: number, mean: number, sigma: number): number {
  const above = x > 1 - HALF_LEVEL ? Infinity : (x + HALF_LEVEL - mean) / sigma;
  const below = x < -1 + HALF_LEVEL ? -Infinity : (x - HALF_LEVEL - mean) / sigma;
  // Mirrored into the lower tail, where small numbers keep their digits.
  const [low, high] = below > 0 ? [-above, -below] : [below, above];
  const ofHigh = logNormalCdf(high);
  return ofHigh + exact.log(-exact.expm1(logNormalCdf(low) - ofHigh));
}

/** log Φ(z) to about 1e-14: a series near 0, the continued fraction of Mills' ratio in the tails. */
export function logNormalCdf(z: number): number {
  if (z === Infinity) return 0;
  if (z === -Infinity) return -Infinity;
  if (z > 2) return exact.log1p(-exact.exp(logNormalCdf(-z)));
  const logDensity = -0.5 * z * z - HALF_LOG_TWO_PI;
  if (z >= -2) {
    let [term, sum] = [z, z];
    for (let k = 3; Math.abs(term) > 1e-18; k += 2) {
      term *= (z * z) / k;
      sum += term;
    }
    return exact.log(0.5 + exact.exp(logDensity) * sum);
  }
  let fraction = -z;
  for (let k = 120; k > 0; k--) fraction = -z + k / fraction;
  return logDensity - exact.log(fraction);
}
