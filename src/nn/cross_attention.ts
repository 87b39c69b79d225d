// Attention of tokens to each other or to those of a condition, such as a prompt (Vaswani et al. 2017).

import type { Tensor } from "../engine/tensor.ts";
import { dotProductAttention } from "./dot_product_attention.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** Widths of attention between two sequences. */
export interface CrossAttentionOptions {
  /** C, the channels of the tokens that ask. */
  readonly channels: number;
  /** D, the channels of the tokens that are seen. Default: C. */
  readonly crossChannels?: number;
  /** A divisor of C. */
  readonly heads: number;
  /** Whether queries, keys and values have biases; the output has one in any case. Default false. */
  readonly bias?: boolean;
}

/** Attention of tokens [N, T, C] to tokens [N, S, D] (diffusers' Attention, as BasicTransformerBlock has it). */
export class CrossAttention extends Module {
  readonly #heads: number;
  readonly #toQ: Linear;
  readonly #toK: Linear;
  readonly #toV: Linear;
  readonly #toOut: Linear;

  /** @throws RangeError unless `heads` divides `channels` */
  constructor({ channels, crossChannels = channels, heads, bias = false }: CrossAttentionOptions) {
    super();
    if (channels % heads !== 0) {
      throw new RangeError(
        `${channels} channels cannot be shared out among ${heads} attention heads; choose a divisor of the channels`,
      );
    }
    this.#heads = heads;
    this.#toQ = this.child("to_q", new Linear(channels, channels, { bias }));
    this.#toK = this.child("to_k", new Linear(crossChannels, channels, { bias }));
    this.#toV = this.child("to_v", new Linear(crossChannels, channels, { bias }));
    this.#toOut = this.child("to_out.0", new Linear(channels, channels));
  }

  /** x [N, T, C], seen [N, S, D]; without it, x sees itself -> [N, T, C]. */
  forward(x: Tensor, seen: Tensor = x): Tensor {
    const [q, k, v] = [this.#toQ.forward(x), this.#toK.forward(seen), this.#toV.forward(seen)];
    return this.#toOut.forward(dotProductAttention(q, k, v, { heads: this.#heads }));
  }
}
