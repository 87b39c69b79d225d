// Dropout (Srivastava et al. 2014): in training, zeroes each value with probability p and scales the rest by 1/(1-p).

import type { Tensor } from "../engine/tensor.ts";
import type { ForwardContext } from "./forward_context.ts";

/**
 * Zeroes each value with probability p in training, and scales the rest by 1 / (1 - p) (Srivastava et al. 2014).
 * @param p probability of a zero, 0 <= p < 1
 * @throws Error when p > 0 in training and the context has no random stream
 */
export function dropout(x: Tensor, p: number, context: ForwardContext): Tensor {
  if (p === 0 || !context.training) return x;
  if (context.random === undefined) {
    throw new Error(
      `dropout of ${p} in training needs random numbers; give the forward context a RandomStream`,
    );
  }
  return context.random
    .uniform(x.shape)
    .lessThan(p)
    .where(0, x.mul(1 / (1 - p)));
}
