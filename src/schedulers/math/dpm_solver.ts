// The formulas of DPM-Solver (Lu et al. 2022, arXiv 2206.00927) and DPM-Solver++ (arXiv 2211.01095), for any choice of
// sigmas. The former integrates ε, the latter x_0; the "sde" variants follow the reverse diffusion instead of the
// probability flow.
//
// With f at up to three points, D_0 = f, D_1 = h f' and D_2 = h² f'' at the start of the step, a step is
//   x_t = carry x_s + c_0 D_0 + c_1 D_1 + c_2 D_2 + noise z,   c_n = scale h ∫_0^1 e^(rate h (u - 1)) u^n du / n!

import type { SolverPoint } from "../bases/solver_history.ts";
import { exponentialMoments, exponentialStep, type Integrand, type SolverLevel } from "./exponential_step.ts";
import { weightedSum } from "./weighted_sum.ts";

export const dpmAlgorithmTypes = ["dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++"] as const;
export type DpmAlgorithmType = (typeof dpmAlgorithmTypes)[number];

export const dpmSolverTypes = ["midpoint", "heun"] as const;
export type DpmSolverType = (typeof dpmSolverTypes)[number];

/** Option values of other solvers that diffusers reads as these. */
export const dpmAliases = {
  algorithmType: { deis: "dpmsolver++" },
  solverType: { logrho: "midpoint", bh1: "midpoint", bh2: "midpoint" },
};

/** The integrand of an algorithm. */
export const integrandOf = (type: DpmAlgorithmType): Integrand => (type.endsWith("++") ? "data" : "noise");

/** Whether an algorithm adds noise in each step. */
export const isStochastic = (type: DpmAlgorithmType): boolean => type.startsWith("sde");

/** @throws RangeError for algorithms that integrate ε with a last step to no noise, where they have no value */
export function checkDpmOptions(
  className: string,
  algorithmType: DpmAlgorithmType,
  finalSigmasType: "zero" | "sigma_min",
): void {
  if (integrandOf(algorithmType) === "noise" && finalSigmasType === "zero") {
    throw new RangeError(
      `${className}: algorithmType "${algorithmType}" does not go with finalSigmasType "zero"; use "sigma_min"`,
    );
  }
}

/** Selects the formula. */
export interface DpmRule {
  readonly algorithmType: DpmAlgorithmType;
  readonly solverType: DpmSolverType;
}

/** The inputs of a step. */
export interface DpmStep {
  readonly sample: Float32Array;
  readonly from: SolverLevel;
  readonly to: SolverLevel;
  /** f at `from`, then at one or two other λ; their number is the order. */
  readonly points: readonly SolverPoint[];
  /** z, for stochastic algorithms. */
  readonly noise: Float32Array | null;
}

/** The factors of D_0, D_1 and D_2. */
export type Moments = readonly [c0: number, c1: number, c2: number];

/**
 * x_t, with D_1 and D_2 taken from differences between the points.
 * @param weightsOf the factors of f at each point; `places` are u = (λ_m - λ_s) / h of the points after the first
 */
export function dpmStep(
  type: DpmAlgorithmType,
  { sample, from, to, points, noise }: DpmStep,
  weightsOf: (moments: Moments, places: readonly number[]) => readonly number[],
): Float32Array {
  const step = exponentialStep(integrandOf(type), from, to, isStochastic(type) ? 1 : 0);
  const places = points.slice(1).map(({ lambda }) => (lambda - from.lambda) / step.h);
  const moments = exponentialMoments(step.rate * step.h, 3).map((moment) => step.scale * step.h * moment);
  const weights = weightsOf([step.constant, moments[1], moments[2] / 2], places);
  return weightedSum(
    [step.carry, sample],
    ...points.map(({ output }, i) => [weights[i], output] as const),
    ...(noise ? [[step.noise, noise] as const] : []),
  );
}

/** Order 2: D_1 = (f_1 - f_0) / u, weighted by the midpoint rule or by its exact integral. */
export function slopeWeights(type: DpmSolverType, [c0, c1]: Moments, u: number): readonly number[] {
  const slope = (type === "midpoint" ? c0 / 2 : c1) / u;
  return [c0 - slope, slope];
}

/**
 * Order 3, the parabola through the points: D_1 = s_1 - u_1 q, with s_i = (f_i - f_0) / u_i and
 * q = (s_2 - s_1) / (u_2 - u_1), of which D_2 is a multiple: 2 q.
 */
export function parabolaWeights(
  [c0, c1, c2]: Moments,
  [u1, u2]: readonly [number, number],
  multiple: number,
): readonly number[] {
  const q = (multiple * c2 - c1 * u1) / (u2 - u1);
  const ofFirst = (c1 - q) / u1;
  const ofSecond = q / u2;
  return [c0 - ofFirst - ofSecond, ofFirst, ofSecond];
}
