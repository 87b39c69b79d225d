// Which noise levels a model is trained on, and how often.

import type { Tensor } from "../../engine/tensor.ts";
import type { RandomStream } from "../../nn/forward_context.ts";

/** The ways of drawing timesteps. */
export const TIMESTEP_SAMPLINGS = ["uniform", "logit-normal", "loss-second-moment"] as const;
/** The name of a way of drawing timesteps. */
export type TimestepSamplingName = (typeof TIMESTEP_SAMPLINGS)[number];

/**
 * - uniform: all alike (Ho et al. 2020).
 * - logit-normal: u = 1 / (1 + exp(-z)), z normal, so the middle of the way more often than its ends; a mean below 0
 *   leans to the image, above 0 to the noise (Esser et al. 2024, arXiv 2403.03206, section 3.1).
 * - loss-second-moment: by how large the losses of a timestep have been (Nichol & Dhariwal 2021): loss_second_moment.ts.
 */
export type TimestepSampling =
  | { readonly name: "uniform" }
  | { readonly name: "logit-normal"; readonly mean: number; readonly std: number }
  | { readonly name: "loss-second-moment" };

/** How far the images of a batch are on their way from image (0) to noise (1): [count]. */
export function drawPositions(
  sampling: Exclude<TimestepSampling, { name: "loss-second-moment" }>,
  random: RandomStream,
  count: number,
): Tensor {
  if (sampling.name === "uniform") return random.uniform([count]);
  return random.normal([count]).mul(sampling.std).add(sampling.mean).sigmoid();
}
