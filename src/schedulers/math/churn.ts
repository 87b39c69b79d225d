// Noise added back before a step, up to a higher noise level: lines 4 to 6 of algorithm 2 of Karras et al.
// 2022, "Elucidating the design space of diffusion-based generative models" (arXiv 2206.00364).

import type { StepOptions } from "../scheduler.ts";
import { weightedSum } from "./weighted_sum.ts";

/** A sample and its noise level. */
export interface Noised {
  readonly sample: Float32Array;
  readonly sigma: number;
}

/**
 * The sample at σ (1 + γ), γ = min(sChurn / evaluations, sqrt(2) - 1) where σ is between sTmin and sTmax, else 0.
 * @param evaluations model evaluations in the whole run
 * @param draw draws standard normal noise of the sample's size; called only when noise is added
 */
export function churn(
  { sample, sigma }: Noised,
  options: StepOptions,
  evaluations: number,
  draw: () => Float32Array,
): Noised {
  const { sChurn = 0, sTmin = 0, sTmax = Number.POSITIVE_INFINITY, sNoise = 1 } = options;
  const isIn = sTmin <= sigma && sigma <= sTmax;
  const gamma = isIn ? Math.min(sChurn / evaluations, Math.SQRT2 - 1) : 0;
  if (gamma === 0) return { sample, sigma };
  const higher = sigma * (gamma + 1);
  const added = sNoise * Math.sqrt(higher * higher - sigma * sigma);
  return { sample: weightedSum([1, sample], [added, draw()]), sigma: higher };
}
