// Layer normalization (Ba et al. 2016) over the channels of each token.

import { full, type Tensor } from "../engine/tensor.ts";
import { constantInit } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/**
 * Layer normalisation (Ba et al. 2016, arXiv 1607.06450) over the last axis: mean 0 and variance 1 in each row, then a
 * scale and a shift for each channel.
 */
export class LayerNorm extends Module {
  readonly #eps: number;
  readonly #weight: Parameter;
  readonly #bias: Parameter;

  /** @param eps added to the variance */
  constructor(channels: number, eps: number) {
    super();
    this.#eps = eps;
    this.#weight = this.parameter({ name: "weight", torchShape: [channels], init: constantInit(1) });
    this.#bias = this.parameter({ name: "bias", torchShape: [channels], init: constantInit(0) });
  }

  /** [..., C] -> the same shape. */
  forward(x: Tensor): Tensor {
    const last = [x.shape.length - 1];
    const centred = x.sub(x.mean(last, true));
    const variance = centred.square().mean(last, true); // [..., 1]
    const inverseDeviation = full(1, []).div(variance.add(this.#eps).sqrt());
    return centred.mul(inverseDeviation).mul(this.#weight.tensor).add(this.#bias.tensor);
  }
}
