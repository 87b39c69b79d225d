// A step of the solvers that integrate in λ = log(α / σ), half the log of the signal-to-noise ratio
// (Lu et al. 2022, "DPM-Solver", arXiv 2206.00927, section 3; with noise, Xue et al. 2023, "SA-Solver", arXiv 2309.05019).
//
// The factors of x_s and z are exact; solvers differ in the polynomial that approximates x_0 or ε under the integral.

import * as exact from "../../engine/math/index.ts";
import type { NoiseLevel } from "./prediction.ts";

/** A noise level and its λ; infinite where there is no noise. */
export interface SolverLevel extends NoiseLevel {
  readonly lambda: number;
}

/** The integrand of a solver: the model's x_0 ("data") or its ε ("noise"). */
export type Integrand = "data" | "noise";

/** The exact parts of a step. */
export interface ExponentialStep {
  readonly h: number;
  /** The factor of x_s. */
  readonly carry: number;
  /** The factor of the integral and the rate in it: scale ∫_0^h e^(rate (u - h)) f(u) du. */
  readonly scale: number;
  readonly rate: number;
  /** The integral term for f = 1; finite even where λ_t is not. */
  readonly constant: number;
  /** The factor of z. */
  readonly noise: number;
}

/** The step between two levels; `tau` is 0 for the probability flow, 1 for the reverse diffusion. */
export function exponentialStep(
  integrand: Integrand,
  from: SolverLevel,
  to: SolverLevel,
  tau = 0,
): ExponentialStep {
  const h = to.lambda - from.lambda;
  const g = 1 + tau * tau;
  if (integrand === "data") {
    return {
      h,
      carry: (to.sigma / from.sigma) * (tau === 0 ? 1 : exact.exp(-tau * tau * h)),
      scale: g * to.alpha,
      rate: g,
      constant: to.alpha * -exact.expm1(-g * h),
      noise: tau === 0 ? 0 : to.sigma * Math.sqrt(-exact.expm1(-2 * tau * tau * h)),
    };
  }
  const grown = (to.alpha / from.alpha) * from.sigma; // σ_t e^h
  return {
    h,
    carry: to.alpha / from.alpha,
    scale: -g * to.sigma,
    rate: -1,
    constant: -g * (grown - to.sigma),
    noise: tau * Math.sqrt(Math.max(grown * grown - to.sigma * to.sigma, 0)),
  };
}

/** ∫_0^1 e^(z (u - 1)) u^n du for n = 0 .. count - 1; z = rate h. */
export function exponentialMoments(z: number, count: number): number[] {
  const moments: number[] = [];
  for (let n = 0; n < count; n++) {
    // Integration by parts loses digits for small z; a series in z does not.
    if (Math.abs(z) < 1) moments.push(momentSeries(z, n));
    else moments.push(n === 0 ? -exact.expm1(-z) / z : (1 - n * moments[n - 1]) / z);
  }
  return moments;
}

/** Σ_j (-z)^j n! / (n + 1 + j)!. */
function momentSeries(z: number, n: number): number {
  let term = 1 / (n + 1);
  let sum = term;
  for (let j = 1; Math.abs(term) > 1e-18; j++) {
    term *= -z / (n + 1 + j);
    sum += term;
  }
  return sum;
}

/**
 * The weights of the values at some points when the polynomial through them replaces f under the integral of a step:
 * one for each point, including `scale`.
 * @param lambdas the λ of the points, relative to λ_s; all distinct
 */
export function polynomialWeights(
  { h, rate, scale, constant }: ExponentialStep,
  lambdas: readonly number[],
): number[] {
  if (lambdas.length === 1) return [constant];
  const moments = exponentialMoments(rate * h, lambdas.length);
  const places = lambdas.map((lambda) => lambda / h);
  return places.map((place, j) => {
    // Lagrange's polynomial that is 1 at this place and 0 at the others, by powers of u / h.
    let coefficients = [1];
    for (const [i, other] of places.entries()) {
      if (i !== j) coefficients = timesLine(coefficients, -other / (place - other), 1 / (place - other));
    }
    return scale * h * coefficients.reduce((sum, coefficient, n) => sum + coefficient * moments[n], 0);
  });
}

/** A polynomial times (a + b u); coefficients start with the constant. */
function timesLine(polynomial: readonly number[], a: number, b: number): number[] {
  return Array.from(
    { length: polynomial.length + 1 },
    (_, n) => a * (polynomial[n] ?? 0) + b * (polynomial[n - 1] ?? 0),
  );
}
