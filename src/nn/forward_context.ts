// What a forward pass needs to know besides its inputs: whether it trains, and where random numbers come from.

import type { Shape } from "../engine/shape.ts";
import { normal, type Tensor, uniform } from "../engine/tensor.ts";

/** In-graph random numbers of one program. Each draw takes the next site, so no two draws are the same. */
export class RandomStream {
  readonly #key: Tensor;
  #site = 0;

  /** @param key i32 [3]: seed low, seed high, step */
  constructor(key: Tensor) {
    this.#key = key;
  }

  /** Uniform in [0, 1). */
  uniform(shape: Shape): Tensor {
    return uniform(this.#key, this.#site++, shape);
  }

  /** Standard normal. */
  normal(shape: Shape): Tensor {
    return normal(this.#key, this.#site++, shape);
  }
}

export interface ForwardContext {
  /** Dropout is active in training only. */
  readonly training: boolean;
  /** Needed for dropout in training. */
  readonly random?: RandomStream;
}

/** For sampling and evaluation. */
export const evaluation: ForwardContext = { training: false };
