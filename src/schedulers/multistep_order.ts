// multistep_order.ts: with how many points a multistep solver takes a step.

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

/** Runs of fewer steps than this end with lower orders where lowerOrderFinal is set. */
const FEW_STEPS = 15;

/** How many steps count as left: all of them as far as orders go, unless a short run is to end with low orders. */
export function remainingSteps(lowerOrderFinal: boolean, index: number, count: number): number {
  return lowerOrderFinal && count < FEW_STEPS ? count - index : Number.POSITIVE_INFINITY;
}
