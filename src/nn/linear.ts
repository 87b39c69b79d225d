// Fully connected layer: y = x Wᵀ + b.

import type { Tensor } from "../engine/tensor.ts";
import { uniformFanIn } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** x W^T + b over the last axis: [..., in] to [..., out], with torch's parameters. Without a bias, b is 0. */
export class Linear extends Module {
  readonly #weight: Parameter;
  readonly #bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, { bias = true }: { readonly bias?: boolean } = {}) {
    super();
    const init = uniformFanIn(inFeatures);
    this.#weight = this.parameter({ name: "weight", torchShape: [outFeatures, inFeatures], init });
    this.#bias = bias ? this.parameter({ name: "bias", torchShape: [outFeatures], init }) : null;
  }

  /** [..., inFeatures] -> [..., outFeatures]. */
  forward(x: Tensor): Tensor {
    const [outFeatures, inFeatures] = this.#weight.shape;
    const rows = x.reshape([-1, inFeatures]); // [R, in]
    const product = rows.matmul(this.#weight.tensor.transpose()); // [R, out]
    const y = this.#bias === null ? product : product.add(this.#bias.tensor);
    return y.reshape([...x.shape.slice(0, -1), outFeatures]);
  }
}
