// A block of a diffusion transformer (Peebles & Xie 2023, arXiv 2212.09748, figure 3): what timestep and class say is in
// its norms and gates.

import type { Tensor } from "../engine/tensor.ts";
import { AdaLayerNormZero, modulated } from "../nn/ada_layer_norm_zero.ts";
import { CrossAttention } from "../nn/cross_attention.ts";
import { dropout } from "../nn/dropout.ts";
import { FeedForward } from "../nn/feed_forward.ts";
import type { ForwardContext } from "../nn/forward_context.ts";
import { LayerNorm } from "../nn/layer_norm.ts";
import { Module } from "../nn/module.ts";
import { type DiTTransformer2DConfig, tokenChannels } from "./dit_transformer_2d_config.ts";

/** Self-attention and feed-forward, each after a norm, gated, with a residual (diffusers' BasicTransformerBlock). */
export class DiTTransformerBlock extends Module {
  readonly #norm1: AdaLayerNormZero;
  readonly #attn1: CrossAttention;
  readonly #norm3: LayerNorm;
  readonly #ff: FeedForward;
  readonly #dropout: number;

  constructor(config: DiTTransformer2DConfig) {
    super();
    const { numAttentionHeads: heads, attentionBias: bias, activationFn, dropout: p } = config;
    const { normElementwiseAffine: elementwiseAffine, normEps, numEmbedsAdaNorm } = config;
    const channels = tokenChannels(config);
    this.#norm1 = this.child("norm1", new AdaLayerNormZero(channels, numEmbedsAdaNorm));
    this.#attn1 = this.child("attn1", new CrossAttention({ channels, heads, bias }));
    this.#norm3 = this.child("norm3", new LayerNorm(channels, normEps, { elementwiseAffine }));
    this.#ff = this.child("ff", new FeedForward(channels, { activationFn, dropout: p }));
    this.#dropout = p;
  }

  /** timestep [N], labels i32 [N] -> this block's embedding of both, [N, C]. */
  embed(timestep: Tensor, labels: Tensor): Tensor {
    return this.#norm1.embed(timestep, labels);
  }

  /** x [N, T, C], timestep [N], labels i32 [N] -> [N, T, C]. */
  forward(x: Tensor, timestep: Tensor, labels: Tensor, context: ForwardContext): Tensor {
    const { normed, gateMsa, shiftMlp, scaleMlp, gateMlp } = this.#norm1.forward(x, timestep, labels);
    const mixed = dropout(this.#attn1.forward(normed), this.#dropout, context);
    const informed = x.add(mixed.mul(gateMsa));
    const own = modulated(this.#norm3.forward(informed), scaleMlp, shiftMlp);
    return informed.add(this.#ff.forward(own, context).mul(gateMlp));
  }
}
