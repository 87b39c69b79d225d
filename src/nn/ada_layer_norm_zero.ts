// The norm of a diffusion transformer's block, which timestep and class scale and shift (Peebles & Xie 2023, section 3.2).

import type { Tensor } from "../engine/tensor.ts";
import { silu } from "./activations.ts";
import { LayerNorm } from "./layer_norm.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { CombinedTimestepLabelEmbeddings } from "./timestep_label_embeddings.ts";

/** Added to the variance. */
const EPS = 1e-6;

/** What timestep and class decide in a block, each [N, 1, C]. */
export interface AdaLayerNormZeroResult {
  /** x, normed, scaled and shifted: [N, T, C]. */
  readonly normed: Tensor;
  /** Times the result of attention. */
  readonly gateMsa: Tensor;
  /** Added to the feed-forward layer's input. */
  readonly shiftMlp: Tensor;
  /** 1 more than this, times that input, before. */
  readonly scaleMlp: Tensor;
  /** Times the feed-forward layer's result. */
  readonly gateMlp: Tensor;
}

/** x (1 + scale) + shift. */
export const modulated = (x: Tensor, scale: Tensor, shift: Tensor): Tensor => x.mul(scale.add(1)).add(shift);

/** adaLN-Zero (Peebles & Xie 2023, arXiv 2212.09748; diffusers' class), with timestep and class embedded for itself. */
export class AdaLayerNormZero extends Module {
  readonly #emb: CombinedTimestepLabelEmbeddings;
  readonly #linear: Linear;
  readonly #norm: LayerNorm;

  /** @param classes their number; class `classes` is none */
  constructor(channels: number, classes: number) {
    super();
    this.#emb = this.child("emb", new CombinedTimestepLabelEmbeddings(classes, channels));
    this.#linear = this.child("linear", new Linear(channels, 6 * channels));
    this.#norm = new LayerNorm(channels, EPS, { elementwiseAffine: false });
  }

  /** timestep [N], labels i32 [N] -> the sum of their embeddings, [N, C]. */
  embed(timestep: Tensor, labels: Tensor): Tensor {
    return this.#emb.forward(timestep, labels);
  }

  /** x [N, T, C], timestep [N], labels i32 [N]. */
  forward(x: Tensor, timestep: Tensor, labels: Tensor): AdaLayerNormZeroResult {
    const [n, , channels] = x.shape;
    const all = this.#linear.forward(silu(this.embed(timestep, labels))).reshape([n, 1, 6 * channels]);
    const [shiftMsa, scaleMsa, gateMsa, shiftMlp, scaleMlp, gateMlp] = all.split(6, -1);
    const normed = modulated(this.#norm.forward(x), scaleMsa, shiftMsa);
    return { normed, gateMsa, shiftMlp, scaleMlp, gateMlp };
  }
}
