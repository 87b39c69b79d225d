// dpm_solver.ts: the formulas of DPM-Solver (Lu et al. 2022, arXiv 2206.00927) and DPM-Solver++ (arXiv 2211.01095), apart
// from where sigmas come from. The former integrates ε, the latter x_0; their "sde" forms follow the reverse diffusion
// in place of the probability flow.
//
// With f at up to three points, D_0 = f, D_1 = h f' and D_2 = h² f'' at the point where the step starts, a step is
//   x_t = carry x_s + c_0 D_0 + c_1 D_1 + c_2 D_2 + noise z,   c_n = scale h ∫_0^1 e^(rate h (u - 1)) u^n du / n!

import type { SolverPoint } from "../bases/solver_history.ts";
import { exponentialMoments, exponentialStep, type Integrand, type SolverLevel } from "./exponential_step.ts";
import { weightedSum } from "./weighted_sum.ts";

export const dpmAlgorithmTypes = ["dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++"] as const;
export type DpmAlgorithmType = (typeof dpmAlgorithmTypes)[number];

export const dpmSolverTypes = ["midpoint", "heun"] as const;
export type DpmSolverType = (typeof dpmSolverTypes)[number];

/** Values of other solvers' options that diffusers reads as these. */
export const dpmAliases = {
  algorithmType: { deis: "dpmsolver++" },
  solverType: { logrho: "midpoint", bh1: "midpoint", bh2: "midpoint" },
};

/** What an algorithm integrates. */
export const integrandOf = (type: DpmAlgorithmType): Integrand => (type.endsWith("++") ? "data" : "noise");

/** Whether it adds noise in each step. */
export const isStochastic = (type: DpmAlgorithmType): boolean => type.startsWith("sde");

/** @throws RangeError for a last step without noise by ε, which has no value there */
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

/** Which of the formulas. */
export interface DpmRule {
  readonly algorithmType: DpmAlgorithmType;
  readonly solverType: DpmSolverType;
  /** Points lie before the step's start (multistep), or from its start on (singlestep). */
  readonly form: "multistep" | "singlestep";
}

/** A step to be taken. */
export interface DpmStep {
  readonly sample: Float32Array;
  readonly from: SolverLevel;
  readonly to: SolverLevel;
  /** f at `from` first, then at one or two other λ: the order is how many there are. */
  readonly points: readonly SolverPoint[];
  /** z, for stochastic algorithms. */
  readonly noise: Float32Array | null;
}

/** x_t. */
export function dpmStep(rule: DpmRule, { sample, from, to, points, noise }: DpmStep): Float32Array {
  const tau = isStochastic(rule.algorithmType) ? 1 : 0;
  const step = exponentialStep(integrandOf(rule.algorithmType), from, to, tau);
  const places = points.slice(1).map(({ lambda }) => (lambda - from.lambda) / step.h);
  const moments = exponentialMoments(step.rate * step.h, 3).map((moment) => step.scale * step.h * moment);
  const weights = pointWeights(rule, [step.constant, moments[1], moments[2] / 2], places);
  return weightedSum(
    [step.carry, sample],
    ...points.map(({ output }, i) => [weights[i], output] as const),
    ...(noise ? [[step.noise, noise] as const] : []),
  );
}

/** What f is multiplied with at each point. `places` are those of the points after the first, in units of h. */
function pointWeights(
  { solverType, form }: DpmRule,
  [c0, c1, c2]: readonly [number, number, number],
  places: readonly number[],
): number[] {
  const [first, second] = places;
  if (first === undefined) return [c0];
  if (second === undefined) {
    const slope = (solverType === "midpoint" ? c0 / 2 : c1) / first;
    return [c0 - slope, slope];
  }
  if (form === "singlestep" && solverType === "midpoint") {
    // The slope to the point furthest on alone (DPM-Solver-3, algorithm 2).
    return [c0 - c1 / second, 0, c1 / second];
  }
  // The parabola through the points: D_1 = s_1 - u_1 q and D_2 = 2 q, with s_i = (f_i - f_0) / u_i and
  // q = (s_2 - s_1) / (u_2 - u_1). Multistep solvers take q for D_2, as the authors' code does: they are of order 2.
  const curvature = (form === "multistep" ? c2 : 2 * c2) - c1 * first;
  const q = curvature / (second - first);
  const ofFirst = (c1 - q) / first;
  const ofSecond = q / second;
  return [c0 - ofFirst - ofSecond, ofFirst, ofSecond];
}
