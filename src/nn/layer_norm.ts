// Layer normalization (Ba et al. 2016) over the channels of each token.

import { full, type Tensor } from "../engine/tensor.ts";
import { constantInit } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** What a layer norm has besides its width. */
export interface LayerNormOptions {
  /** Whether it scales and shifts each channel. Default true. */
  readonly elementwiseAffine?: boolean;
}

/**
 * Layer normalisation (Ba et al. 2016, arXiv 1607.06450) over the last axis: mean 0 and variance 1 in each row, then a
 * scale and a shift for each channel.
 */
export class LayerNorm extends Module {
  readonly #eps: number;
  readonly #affine: { readonly weight: Parameter; readonly bias: Parameter } | null;

  /** @param eps added to the variance */
  constructor(channels: number, eps: number, { elementwiseAffine = true }: LayerNormOptions = {}) {
    super();
    this.#eps = eps;
    this.#affine = elementwiseAffine
      ? {
          weight: this.parameter({ name: "weight", torchShape: [channels], init: constantInit(1) }),
          bias: this.parameter({ name: "bias", torchShape: [channels], init: constantInit(0) }),
        }
      : null;
  }

  /** [..., C] -> the same shape. */
  forward(x: Tensor): Tensor {
    const last = [x.shape.length - 1];
    const centred = x.sub(x.mean(last, true));
    const variance = centred.square().mean(last, true); // [..., 1]
    const inverseDeviation = full(1, []).div(variance.add(this.#eps).sqrt());
    const normed = centred.mul(inverseDeviation);
    return this.#affine === null
      ? normed
      : normed.mul(this.#affine.weight.tensor).add(this.#affine.bias.tensor);
  }
}
