// Noise levels as σ = sqrt((1 - ᾱ) / ᾱ), the standard deviation of the noise relative to the image (Karras et al.
// 2022), and the spacings of σ that do not follow the timesteps.

import * as exact from "../../engine/math/index.ts";
import { betaQuantile } from "./beta_quantile.ts";

const { fround } = Math;

/** σ of each of the T timesteps, rising; float32. */
export function trainSigmas(alphasCumprod: Float32Array): Float32Array {
  return alphasCumprod.map((alphaProd) => Math.sqrt(fround(fround(1 - alphaProd) / alphaProd)));
}

/** The value of a table at position `x`: interpolated linearly between entries, constant beyond the ends. */
export function interpolate(x: number, table: Float32Array): number {
  const last = table.length - 1;
  if (x <= 0 || last === 0) return table[0];
  if (x >= last) return table[last];
  const below = Math.floor(x);
  return table[below] + (x - below) * (table[below + 1] - table[below]);
}

/** The timestep (0 .. T-1, fractional) whose noise level is `sigma`: linear in log σ between timesteps. */
export function timestepOfSigma(sigma: number, trained: Float32Array): number {
  const log = exact.log(Math.max(sigma, 1e-10));
  const last = trained.length - 1;
  if (last === 0) return 0;
  let low = 0;
  let above = trained.length; // the first of the rising sigmas that exceeds `sigma`
  while (low < above) {
    const middle = (low + above) >> 1;
    if (fround(exact.log(trained[middle])) <= log) low = middle + 1;
    else above = middle;
  }
  const below = Math.min(Math.max(above - 1, 0), last - 1);
  const lower = fround(exact.log(trained[below]));
  const upper = fround(exact.log(trained[below + 1]));
  const weight = Math.min(Math.max((lower - log) / (lower - upper), 0), 1);
  return (1 - weight) * below + weight * (below + 1);
}

/** `count` values from `start` to `end`, both included; for one value, `start`. */
export function linspace(start: number, end: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) =>
    i === 0 ? start : i === count - 1 ? end : start + (i * (end - start)) / (count - 1),
  );
}

/** The ends of a falling sequence of sigmas. */
export interface SigmaRange {
  readonly sigmaMin: number;
  readonly sigmaMax: number;
}

/** Karras et al. 2022, equation 5: the sigma at position `x`, 0 .. 1, of a sequence even in σ^(1/ρ). */
export function karrasSigma({ sigmaMin, sigmaMax }: SigmaRange, x: number, rho: number): number {
  const [least, most] = [exact.pow(sigmaMin, 1 / rho), exact.pow(sigmaMax, 1 / rho)];
  return exact.pow(most + x * (least - most), rho);
}

/** Even in σ^(1/ρ). */
export function karrasSigmas(range: SigmaRange, count: number, rho = 7): number[] {
  return linspace(0, 1, count).map((x) => karrasSigma(range, x, rho));
}

/** Even in log σ, which is even in λ = -log σ (Lu et al. 2022, DPM-Solver, section 3.3). */
export function exponentialSigmas({ sigmaMin, sigmaMax }: SigmaRange, count: number): number[] {
  return linspace(exact.log(sigmaMax), exact.log(sigmaMin), count).map(exact.exp);
}

/** Quantiles of a beta distribution: dense at both ends (Lee et al. 2024, "Beta sampling is all you need"). */
export function betaSigmas({ sigmaMin, sigmaMax }: SigmaRange, count: number): number[] {
  return linspace(0, 1, count).map((x) => sigmaMin + betaQuantile(1 - x, 0.6, 0.6) * (sigmaMax - sigmaMin));
}

/** Shifts flow-matching sigmas towards noise: shift σ / (1 + (shift - 1) σ) (Esser et al. 2024, eq. 23). */
export function shiftSigma(sigma: number, shift: number): number {
  return (shift * sigma) / (1 + (shift - 1) * sigma);
}

/** An ancestral step: further down than the target level, then up to it by new noise: down² + up² = to². */
export interface AncestralStep {
  readonly down: number;
  readonly up: number;
}

/**
 * The split that draws from the posterior q(x_to | x_from, x_0) of x = x_0 + σ ε:
 * up² = to² (from² - to²) / from², which leaves down = to² / from.
 */
export function ancestralStep(from: number, to: number): AncestralStep {
  return { down: (to * to) / from, up: (to * Math.sqrt((from - to) * (from + to))) / from };
}
