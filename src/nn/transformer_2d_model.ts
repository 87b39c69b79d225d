// A transformer over the pixels of an image that also sees a condition (Rombach et al. 2022, section 3.3).

import type { Tensor } from "../engine/tensor.ts";
import { BasicTransformerBlock } from "./basic_transformer_block.ts";
import { Conv2d } from "./conv2d.ts";
import { GroupNorm } from "./group_norm.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** Widths and depth of a transformer over an image. */
export interface Transformer2DOptions {
  /** C, of the image. */
  readonly channels: number;
  /** A divisor of C. */
  readonly heads: number;
  /** Number of blocks. */
  readonly layers: number;
  /** D, of the condition's tokens. */
  readonly crossAttentionDim: number;
  /** Groups of the norm before it. */
  readonly normGroups: number;
  /** Whether the projections around the blocks are linear layers; else 1 x 1 convolutions, which files keep apart. */
  readonly useLinearProjection: boolean;
}

/** Added to the variance in the norm before it. */
const EPS = 1e-6;

/** Group norm, projection, transformer blocks, projection and a residual: [N, H, W, C] to the same (diffusers' class). */
export class Transformer2DModel extends Module {
  readonly #norm: GroupNorm;
  readonly #projIn: Conv2d | Linear;
  readonly #blocks: readonly BasicTransformerBlock[];
  readonly #projOut: Conv2d | Linear;

  /** @throws RangeError unless `heads` and `normGroups` divide `channels` */
  constructor(options: Transformer2DOptions) {
    super();
    const { channels, normGroups: groups, useLinearProjection } = options;
    const projection = () =>
      useLinearProjection
        ? new Linear(channels, channels)
        : new Conv2d({ inChannels: channels, outChannels: channels, kernelSize: 1 });
    this.#norm = this.child("norm", new GroupNorm({ groups, channels, eps: EPS }));
    this.#projIn = this.child("proj_in", projection());
    this.#blocks = Array.from({ length: options.layers }, (_, i) =>
      this.child(`transformer_blocks.${i}`, new BasicTransformerBlock(options)),
    );
    this.#projOut = this.child("proj_out", projection());
  }

  /** x [N, H, W, C], condition [N, S, crossAttentionDim] -> [N, H, W, C]. */
  forward(x: Tensor, condition: Tensor): Tensor {
    const [n, h, w, channels] = x.shape;
    let tokens = this.#projIn.forward(this.#norm.forward(x)).reshape([n, h * w, channels]);
    for (const block of this.#blocks) tokens = block.forward(tokens, condition);
    return this.#projOut.forward(tokens.reshape(x.shape)).add(x);
  }
}
