// Gradient clipping by the global norm (Pascanu et al. 2013), as torch's clip_grad_norm_.

import { concat, full, type Tensor } from "../engine/tensor.ts";

/** √(Σ g²) over all gradients, shape []. */
export function globalNorm(gradients: readonly Tensor[]): Tensor {
  const squares = gradients.map((g) => g.square().sum().reshape([1]));
  return concat(squares, 0).sum().sqrt();
}

/** The factor for every gradient that limits their norm to `maxNorm`; shape []. */
export const clipCoefficient = (norm: Tensor, maxNorm: number): Tensor =>
  full(maxNorm, []).div(norm.add(1e-6)).minimum(1);
