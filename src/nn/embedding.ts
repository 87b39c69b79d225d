// A table of vectors, one per class or timestep.

import type { Tensor } from "../engine/tensor.ts";
import { normal } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** A table of vectors by index: [N] to [N, D]. */
export class Embedding extends Module {
  readonly #weight: Parameter;

  constructor(count: number, width: number) {
    super();
    this.#weight = this.parameter({ name: "weight", torchShape: [count, width], init: normal() });
  }

  /** index [N], whole numbers from 0 to count-1 -> [N, width]. */
  forward(index: Tensor): Tensor {
    return this.#weight.tensor.gather(index.cast("i32"));
  }
}
