// The distribution of timesteps in training.

import type { Tensor } from "../../engine/tensor.ts";
import type { RandomStream } from "../../nn/forward_context.ts";

/** The kinds of timestep sampling. */
export const TIMESTEP_SAMPLINGS = ["uniform", "logit-normal", "loss-second-moment"] as const;
/** The name of a kind of timestep sampling. @useDeclaredType */
export type TimestepSamplingName = (typeof TIMESTEP_SAMPLINGS)[number];

/**
 * - uniform: all timesteps equally likely (Ho et al. 2020).
 * - logit-normal: u = 1 / (1 + exp(-z)) with normal z, which favours the middle over the ends; a mean below 0
 *   favours the image, above 0 the noise (Esser et al. 2024, arXiv 2403.03206, section 3.1).
 * - loss-second-moment: by the size of each timestep's losses so far (Nichol & Dhariwal 2021): loss_second_moment.ts.
 */
export type TimestepSampling =
  | { readonly name: "uniform" }
  | { readonly name: "logit-normal"; readonly mean: number; readonly std: number }
  | { readonly name: "loss-second-moment" };

/** Positions of a batch's images between image (0) and noise (1): [count]. */
export function drawPositions(
  sampling: Exclude<TimestepSampling, { name: "loss-second-moment" }>,
  random: RandomStream,
  count: number,
): Tensor {
  if (sampling.name === "uniform") return random.uniform([count]);
  return random.normal([count]).mul(sampling.std).add(sampling.mean).sigmoid();
}
