// What tells a model in training how its images were augmented (Karras et al. 2022, arXiv 2206.00364, appendix F.2).

import { CONDITION_SIZE } from "../../data/augment/edm.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { HostWeight, StateDict } from "../../io/state_dict.ts";
import { uniformFanIn } from "../../nn/init.ts";
import { Module } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";

/**
 * A linear map without a bias, added to the time embedding. For images that nothing was done to, the condition is 0
 * and so is what is added: the model alone, without this layer, draws such images. So the layer belongs to the run and
 * its checkpoints, not to the pipeline, which stays a plain diffusers UNet2DModel. It begins with torch's random
 * numbers: one that began at zero would still say next to nothing when a short run ends, and a third of what such a
 * model draws is turned or shifted.
 */
export class AugmentEmbedding extends Module {
  /** Of the weight. */
  readonly shape: Shape;
  readonly #weight: Parameter;

  /** @param width of the model's time embedding */
  constructor(width: number) {
    super();
    this.shape = [width, CONDITION_SIZE];
    this.#weight = this.parameter({
      name: AUGMENT_EMBEDDING,
      torchShape: this.shape,
      init: uniformFanIn(CONDITION_SIZE),
    });
  }

  /** [N, 9] -> [N, width]. */
  forward(conditions: Tensor): Tensor {
    return conditions.matmul(this.#weight.tensor.transpose());
  }
}

/** Its one parameter in checkpoints. */
export const AUGMENT_EMBEDDING = "augment_embedding.weight";

/** Parts the weights of all that is trained into the model's own and the layer's. */
export function partWeights(all: StateDict): { model: StateDict; layer: HostWeight | undefined } {
  const model = new Map(all);
  model.delete(AUGMENT_EMBEDDING);
  return { model, layer: all.get(AUGMENT_EMBEDDING) };
}
