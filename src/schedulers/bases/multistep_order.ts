// The order of each step of a multistep solver: how many points it uses.

import type { SolverHistory, SolverPoint } from "./solver_history.ts";

/** The inputs that determine a step's order. */
export interface MultistepPlace {
  /** The configured order. */
  readonly solverOrder: number;
  /** Known points, including this step's. */
  readonly known: number;
  /** Remaining steps, including this one. */
  readonly remaining: number;
  /** Sigmas where the step starts and ends. */
  readonly sigma: number;
  readonly nextSigma: number;
}

/** The order of a step: at most the configured order and the number of known points; 1 where h is infinite or 0. */
export function multistepOrder({ solverOrder, known, remaining, sigma, nextSigma }: MultistepPlace): number {
  if (nextSigma === 0 || nextSigma === sigma) return 1;
  return Math.min(solverOrder, known, remaining);
}

const FEW_STEPS = 15;

/** The options for the end of a run. */
export interface FinalOrders {
  /** Runs of fewer than 15 steps end with orders 2 and 1. */
  readonly lowerOrderFinal: boolean;
  /** Every run ends with order 1. */
  readonly eulerAtFinal?: boolean;
}

/**
 * The points of step `index` of a DPM-Solver or DEIS, the newest first.
 * @param sigmas of the run, including the one where it ends
 * @param history including this step's point
 */
export function dpmPoints(
  orders: FinalOrders & { readonly solverOrder: number },
  sigmas: Float32Array,
  index: number,
  { points }: SolverHistory,
): readonly SolverPoint[] {
  return points.slice(0, dpmOrder(orders, sigmas, index, points.length));
}

function dpmOrder(
  { solverOrder, lowerOrderFinal, eulerAtFinal = false }: FinalOrders & { readonly solverOrder: number },
  sigmas: Float32Array,
  index: number,
  known: number,
): number {
  const remaining = sigmas.length - 1 - index;
  if (eulerAtFinal && remaining === 1) return 1;
  return multistepOrder({
    solverOrder,
    known,
    remaining: lowerOrderFinal && sigmas.length - 1 < FEW_STEPS ? remaining : Number.POSITIVE_INFINITY,
    sigma: sigmas[index],
    nextSigma: sigmas[index + 1],
  });
}
