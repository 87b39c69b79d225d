// The noise schedules β_1 .. β_T and their running product.
//
// A trained model depends on the exact values, so they are computed as in diffusers: float32 values, products in double
// precision rounded once per element, the ᾱ-based schedules entirely in double precision.

import * as exact from "../../engine/math/index.ts";

const { fround } = Math;

/** The names of the schedules. */
export const betaSchedules = [
  "linear",
  "scaled_linear",
  "squaredcos_cap_v2",
  "laplace",
  "sigmoid",
  "exp",
] as const;
/** How β_t grows with the timestep. @useDeclaredType */
export type BetaSchedule = (typeof betaSchedules)[number];

/** A schedule by name, T = `count` values. `betaStart` and `betaEnd` apply to linear, scaled_linear and sigmoid. */
export function makeBetas(
  schedule: BetaSchedule,
  count: number,
  betaStart: number,
  betaEnd: number,
): Float32Array {
  switch (schedule) {
    case "linear": // Ho et al. 2020
      return linspace(betaStart, betaEnd, count);
    case "scaled_linear": // latent diffusion: linear in sqrt(β)
      return linspace(Math.sqrt(betaStart), Math.sqrt(betaEnd), count).map((root) => root * root);
    case "squaredcos_cap_v2": // Nichol & Dhariwal 2021, equation 17
      return betasForAlphaBar(count, cosineAlphaBar);
    case "laplace": // Hang et al. 2024, "Improved noise schedule for diffusion training"
      return betasForAlphaBar(count, laplaceAlphaBar);
    case "sigmoid": // GeoDiff, Xu et al. 2022
      return linspace(-6, 6, count).map((x) => {
        const sigmoid = fround(1 / (1 + exact.exp(-x)));
        return fround(sigmoid * fround(betaEnd - betaStart)) + fround(betaStart);
      });
    case "exp":
      return betasForAlphaBar(count, (t) => exact.exp(-12 * t));
    default:
      throw new RangeError(`beta schedule ${String(schedule satisfies never)} is unknown`);
  }
}

/** Betas whose running product follows ᾱ(t), t in [0, 1]: β_i = min(1 - ᾱ((i+1)/T) / ᾱ(i/T), maxBeta). */
function betasForAlphaBar(count: number, alphaBar: (t: number) => number, maxBeta = 0.999): Float32Array {
  return Float32Array.from({ length: count }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / count) / alphaBar(i / count), maxBeta),
  );
}

function cosineAlphaBar(t: number): number {
  return exact.square(exact.cos((((t + 0.008) / 1.008) * Math.PI) / 2));
}

function laplaceAlphaBar(t: number): number {
  const sign = 0.5 - t < 0 ? -1 : 1;
  const logSnr = -0.5 * sign * exact.log(1 - 2 * Math.abs(0.5 - t) + 1e-6);
  const snr = exact.exp(logSnr);
  return Math.sqrt(snr / (1 + snr));
}

/** The running product of 1 - β: ᾱ. */
export function cumulativeAlphas(betas: Float32Array): Float32Array {
  let product = 1;
  return betas.map((beta) => {
    product *= fround(1 - beta);
    return product;
  });
}

/**
 * Shifts and scales sqrt(ᾱ) so that its last value is 0 (pure noise) and its first unchanged, and converts back to
 * betas: Lin et al. 2023, "Common diffusion noise schedules and sample steps are flawed", algorithm 1.
 */
export function rescaleZeroTerminalSnr(betas: Float32Array): Float32Array {
  const roots = cumulativeAlphas(betas).map(Math.sqrt);
  const first = roots[0];
  const last = roots[roots.length - 1];
  const scale = fround(first / fround(first - last));
  const alphaBar = roots.map((root) => exact.square(fround(fround(root - last) * scale)));
  return alphaBar.map((value, i) => 1 - (i === 0 ? value : fround(value / alphaBar[i - 1])));
}

/**
 * The betas whose signal-to-noise ratio is that of `betas` divided by shift²: a shift above 1 leans towards noise, as
 * images of more pixels need (Hoogeboom et al. 2023, "simple diffusion", arXiv 2301.11093, section 3.1, where it is the
 * side over 64 or 32).
 */
export function shiftBetas(betas: Float32Array, shift: number): Float32Array {
  const factor = shift * shift;
  const shifted = Float64Array.from(
    cumulativeAlphas(betas),
    (alphaBar) => alphaBar / (alphaBar + factor * (1 - alphaBar)),
  );
  return betas.map((_, i) => 1 - shifted[i] / (i === 0 ? 1 : shifted[i - 1]));
}

/** `count` float32 values from `start` to `end`, both included; each is one multiply-add from the nearer end. */
function linspace(start: number, end: number, count: number): Float32Array {
  const from = fround(start);
  const to = fround(end);
  const step = fround(fround(to - from) / (count - 1));
  const half = Math.floor(count / 2);
  return Float32Array.from({ length: count }, (_, i) => {
    if (count === 1) return from;
    return i < half ? from + step * i : to - step * (count - 1 - i);
  });
}
