// With how many points a multistep solver takes a step.

import type { SolverHistory, SolverPoint } from "./solver_history.ts";

/** What a step's order depends on. */
export interface MultistepPlace {
  /** The order that is configured. */
  readonly solverOrder: number;
  /** How many points are known, that of this step included. */
  readonly known: number;
  /** Steps that are left, this one included. */
  readonly remaining: number;
  /** Sigmas where the step starts and ends. */
  readonly sigma: number;
  readonly nextSigma: number;
}

/** The order of a step: at most what is configured and known, and 1 where h is infinite or 0. */
export function multistepOrder({ solverOrder, known, remaining, sigma, nextSigma }: MultistepPlace): number {
  if (nextSigma === 0 || nextSigma === sigma) return 1;
  return Math.min(solverOrder, known, remaining);
}

const FEW_STEPS = 15;

/** How a run ends. */
export interface FinalOrders {
  /** Runs of fewer than 15 steps end with the orders 2 and 1. */
  readonly lowerOrderFinal: boolean;
  /** Every run ends with order 1. */
  readonly eulerAtFinal?: boolean;
}

/**
 * The points of the step at `index` of a DPM-Solver or DEIS, the newest first.
 * @param sigmas of the run, that of its end included
 * @param history with the point of this step
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
