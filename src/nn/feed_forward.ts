// The feed-forward layer of transformers: a GELU, gated (Shazeer 2020) or plain, between two projections.

import type { Tensor } from "../engine/tensor.ts";
import { type Activation, activation, gelu } from "./activations.ts";
import { dropout } from "./dropout.ts";
import { evaluation, type ForwardContext } from "./forward_context.ts";
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

/** An activation of a projection of x (diffusers' GELU, for one). */
class ActivatedLinear extends Module {
  readonly #proj: Linear;
  readonly #act: Activation;

  constructor(inFeatures: number, outFeatures: number, act: Activation) {
    super();
    this.#proj = this.child("proj", new Linear(inFeatures, outFeatures));
    this.#act = act;
  }

  /** [..., inFeatures] -> [..., outFeatures]. */
  forward(x: Tensor): Tensor {
    return this.#act(this.#proj.forward(x));
  }
}

/** The possible names in a transformer's activation_fn; "gelu-approximate" is the GELU by tanh. */
export const feedForwardNames = ["geglu", "gelu", "gelu-approximate"] as const;
/** The name of a feed-forward layer's activation in diffusers. @useDeclaredType */
export type FeedForwardName = (typeof feedForwardNames)[number];

/** What a feed-forward layer may have besides its width. */
export interface FeedForwardOptions {
  /** Default "geglu". */
  readonly activationFn?: FeedForwardName;
  /** Probability of dropout between its projections, in training. Default 0. */
  readonly dropout?: number;
}

/** How much wider its inner features are than its input. */
const MULTIPLE = 4;

/** An activated projection to four times the channels, and a projection back (diffusers' FeedForward). */
export class FeedForward extends Module {
  readonly #inner: GEGLU | ActivatedLinear;
  readonly #dropout: number;
  readonly #out: Linear;

  constructor(channels: number, { activationFn = "geglu", dropout: p = 0 }: FeedForwardOptions = {}) {
    super();
    this.#inner = this.child("net.0", innerLayer(activationFn, channels, MULTIPLE * channels));
    this.#dropout = p;
    this.#out = this.child("net.2", new Linear(MULTIPLE * channels, channels));
  }

  /** [..., C] -> the same shape. */
  forward(x: Tensor, context: ForwardContext = evaluation): Tensor {
    return this.#out.forward(dropout(this.#inner.forward(x), this.#dropout, context));
  }
}

function innerLayer(name: FeedForwardName, from: number, to: number): GEGLU | ActivatedLinear {
  switch (name) {
    case "geglu":
      return new GEGLU(from, to);
    case "gelu":
      return new ActivatedLinear(from, to, gelu);
    case "gelu-approximate":
      return new ActivatedLinear(from, to, activation("gelu_pytorch_tanh"));
    default:
      return name satisfies never;
  }
}
