// The feed-forward layer of transformers: a gated GELU (Shazeer 2020) between two projections.

import type { Tensor } from "../engine/tensor.ts";
import { gelu } from "./activations.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** a · gelu(b), where a and b are two projections of x (Shazeer 2020, arXiv 2002.05202). */
export class GEGLU extends Module {
  readonly #proj: Linear;

  constructor(inFeatures: number, outFeatures: number) {
    super();
    this.#proj = this.child("proj", new Linear(inFeatures, 2 * outFeatures));
  }

  /** [..., inFeatures] -> [..., outFeatures]. */
  forward(x: Tensor): Tensor {
    const [value, gate] = this.#proj.forward(x).split(2, -1);
    return value.mul(gelu(gate));
  }
}

/** How much wider its inner features are than its input. */
const MULTIPLE = 4;

/** GEGLU to four times the channels, and a projection back (diffusers' FeedForward with "geglu"). */
export class FeedForward extends Module {
  readonly #gated: GEGLU;
  readonly #out: Linear;

  constructor(channels: number) {
    super();
    this.#gated = this.child("net.0", new GEGLU(channels, MULTIPLE * channels));
    this.#out = this.child("net.2", new Linear(MULTIPLE * channels, channels));
  }

  /** [..., C] -> the same shape. */
  forward(x: Tensor): Tensor {
    return this.#out.forward(this.#gated.forward(x));
  }
}
