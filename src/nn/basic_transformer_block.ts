// A transformer's block: tokens see each other, then a condition, then each passes through a feed-forward layer.

import type { Tensor } from "../engine/tensor.ts";
import { CrossAttention } from "./cross_attention.ts";
import { FeedForward } from "./feed_forward.ts";
import { LayerNorm } from "./layer_norm.ts";
import { Module } from "./module.ts";

/** Widths of a transformer's block. */
export interface BasicTransformerBlockOptions {
  /** C, of its tokens. */
  readonly channels: number;
  /** A divisor of C. */
  readonly heads: number;
  /** D, of the condition's tokens. */
  readonly crossAttentionDim: number;
}

/** Added to the variance in its norms. */
const EPS = 1e-5;

/** Self-attention, cross-attention and feed-forward, each after a layer norm and with a residual (diffusers' class). */
export class BasicTransformerBlock extends Module {
  readonly #norm1: LayerNorm;
  readonly #attn1: CrossAttention;
  readonly #norm2: LayerNorm;
  readonly #attn2: CrossAttention;
  readonly #norm3: LayerNorm;
  readonly #ff: FeedForward;

  /** @throws RangeError unless `heads` divides `channels` */
  constructor({ channels, heads, crossAttentionDim }: BasicTransformerBlockOptions) {
    super();
    this.#norm1 = this.child("norm1", new LayerNorm(channels, EPS));
    this.#attn1 = this.child("attn1", new CrossAttention({ channels, heads }));
    this.#norm2 = this.child("norm2", new LayerNorm(channels, EPS));
    this.#attn2 = this.child(
      "attn2",
      new CrossAttention({ channels, crossChannels: crossAttentionDim, heads }),
    );
    this.#norm3 = this.child("norm3", new LayerNorm(channels, EPS));
    this.#ff = this.child("ff", new FeedForward(channels));
  }

  /** x [N, T, C], condition [N, S, crossAttentionDim] -> [N, T, C]. */
  forward(x: Tensor, condition: Tensor): Tensor {
    const own = x.add(this.#attn1.forward(this.#norm1.forward(x)));
    const informed = own.add(this.#attn2.forward(this.#norm2.forward(own), condition));
    return informed.add(this.#ff.forward(this.#norm3.forward(informed)));
  }
}
