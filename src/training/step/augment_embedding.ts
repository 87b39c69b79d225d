// Embeds the augmentation of images for a model in training (Karras et al. 2022, arXiv 2206.00364, appendix F.2).

import { CONDITION_SIZE } from "../../data/augment/edm.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { HostWeight, StateDict } from "../../io/state_dict.ts";
import { uniformFanIn } from "../../nn/init.ts";
import { Module } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";

/**
 * A linear map without bias, added to the time embedding. Without augmentation the condition and the added vector are
 * 0, so the model alone, without this layer, draws such images. Therefore the layer belongs to the run and its
 * checkpoints, not to the pipeline, which stays a plain diffusers UNet2DModel. Its initial values are torch's random
 * ones: from zeros, it would still have little effect at the end of a short run, and a third of the model's images
 * would be rotated or shifted.
 */
export class AugmentEmbedding extends Module {
  /** Shape of the weight. */
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

/** The name of its only parameter in checkpoints. */
export const AUGMENT_EMBEDDING = "augment_embedding.weight";

/** Splits trained weights into the model's and the layer's. */
export function partWeights(all: StateDict): { model: StateDict; layer: HostWeight | undefined } {
  const model = new Map(all);
  model.delete(AUGMENT_EMBEDDING);
  return { model, layer: all.get(AUGMENT_EMBEDDING) };
}
