// Multi-head self-attention over the pixels of an image (Vaswani et al. 2017), with the group norm before it and the
// residual around it.

import * as exact from "../engine/math/index.ts";
import type { Tensor } from "../engine/tensor.ts";
import { GroupNorm } from "./group_norm.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** Channels and heads of an attention layer, and its norm. */
export interface AttentionOptions {
  /** C. */
  readonly channels: number;
  /** Channels of one head; the number of heads is channels / headDim, rounded down. */
  readonly headDim: number;
  /** Groups of the norm before the projections; null for no norm. */
  readonly normGroups: number | null;
  /** Added to the variance in the norm. */
  readonly normEps: number;
  /** Divides the sum with the residual. */
  readonly rescaleOutputFactor: number;
}

/**
 * Self-attention over the pixels of an image [N, H, W, C], with a group norm before and the input added after it
 * (diffusers' Attention in its blocks).
 */
export class Attention extends Module {
  readonly #heads: number;
  readonly #headDim: number;
  readonly #rescaleOutputFactor: number;
  readonly #groupNorm: GroupNorm | null;
  readonly #toQ: Linear;
  readonly #toK: Linear;
  readonly #toV: Linear;
  readonly #toOut: Linear;

  /** @throws RangeError when one head is wider than all channels */
  constructor({ channels, headDim, normGroups, normEps, rescaleOutputFactor }: AttentionOptions) {
    super();
    if (headDim > channels) {
      throw new RangeError(
        `an attention head of ${headDim} channels is wider than the block's ${channels}; choose attention_head_dim of at most ${channels}`,
      );
    }
    this.#headDim = headDim;
    this.#heads = Math.floor(channels / headDim);
    this.#rescaleOutputFactor = rescaleOutputFactor;
    this.#groupNorm =
      normGroups === null
        ? null
        : this.child("group_norm", new GroupNorm({ groups: normGroups, channels, eps: normEps }));
    const inner = this.#heads * headDim;
    this.#toQ = this.child("to_q", new Linear(channels, inner));
    this.#toK = this.child("to_k", new Linear(channels, inner));
    this.#toV = this.child("to_v", new Linear(channels, inner));
    this.#toOut = this.child("to_out.0", new Linear(inner, channels));
  }

  /** [N, H, W, C] -> [N, H, W, C]. */
  forward(x: Tensor): Tensor {
    const [n, h, w, channels] = x.shape;
    const normed = this.#groupNorm?.forward(x) ?? x;
    const tokens = normed.reshape([n, h * w, channels]); // [N, T, C]
    const q = this.#toQ.forward(tokens); // [N, T, heads d], as are k, v and mixed
    const k = this.#toK.forward(tokens);
    const v = this.#toV.forward(tokens);
    const mixed = q.attention(k, v, { heads: this.#heads, scale: exact.pow(this.#headDim, -0.5) });
    const out = this.#toOut.forward(mixed);
    const sum = out.reshape(x.shape).add(x);
    return this.#rescaleOutputFactor === 1 ? sum : sum.div(this.#rescaleOutputFactor);
  }
}
