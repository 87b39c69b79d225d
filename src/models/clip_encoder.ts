// The transformer of CLIP's text model (Radford et al. 2021): layers of causal self-attention and a perceptron.

import type { Tensor } from "../engine/tensor.ts";
import { type Activation, activation } from "../nn/activations.ts";
import { dotProductAttention } from "../nn/dot_product_attention.ts";
import { LayerNorm } from "../nn/layer_norm.ts";
import { Linear } from "../nn/linear.ts";
import { Module } from "../nn/module.ts";
import type { CLIPTextConfig } from "./clip_text_config.ts";

/** Causal self-attention [N, T, D] -> [N, T, D]. */
class CLIPAttention extends Module {
  readonly #heads: number;
  readonly #kProj: Linear;
  readonly #vProj: Linear;
  readonly #qProj: Linear;
  readonly #outProj: Linear;

  constructor({ hiddenSize, numAttentionHeads }: CLIPTextConfig) {
    super();
    this.#heads = numAttentionHeads;
    this.#kProj = this.child("k_proj", new Linear(hiddenSize, hiddenSize));
    this.#vProj = this.child("v_proj", new Linear(hiddenSize, hiddenSize));
    this.#qProj = this.child("q_proj", new Linear(hiddenSize, hiddenSize));
    this.#outProj = this.child("out_proj", new Linear(hiddenSize, hiddenSize));
  }

  forward(x: Tensor): Tensor {
    const [q, k, v] = [this.#qProj, this.#kProj, this.#vProj].map((projection) => projection.forward(x));
    return this.#outProj.forward(dotProductAttention(q, k, v, { heads: this.#heads, isCausal: true }));
  }
}

/** Linear, activation, linear: [N, T, D] -> [N, T, D]. */
class CLIPMLP extends Module {
  readonly #act: Activation;
  readonly #fc1: Linear;
  readonly #fc2: Linear;

  constructor({ hiddenSize, intermediateSize, hiddenAct }: CLIPTextConfig) {
    super();
    this.#act = activation(hiddenAct);
    this.#fc1 = this.child("fc1", new Linear(hiddenSize, intermediateSize));
    this.#fc2 = this.child("fc2", new Linear(intermediateSize, hiddenSize));
  }

  forward(x: Tensor): Tensor {
    return this.#fc2.forward(this.#act(this.#fc1.forward(x)));
  }
}

/** One layer of the transformer, with norms before both parts. */
export class CLIPEncoderLayer extends Module {
  readonly #selfAttn: CLIPAttention;
  readonly #layerNorm1: LayerNorm;
  readonly #mlp: CLIPMLP;
  readonly #layerNorm2: LayerNorm;

  constructor(config: CLIPTextConfig) {
    super();
    const { hiddenSize, layerNormEps } = config;
    this.#selfAttn = this.child("self_attn", new CLIPAttention(config));
    this.#layerNorm1 = this.child("layer_norm1", new LayerNorm(hiddenSize, layerNormEps));
    this.#mlp = this.child("mlp", new CLIPMLP(config));
    this.#layerNorm2 = this.child("layer_norm2", new LayerNorm(hiddenSize, layerNormEps));
  }

  /** [N, T, D] -> the same shape. */
  forward(x: Tensor): Tensor {
    const seen = x.add(this.#selfAttn.forward(this.#layerNorm1.forward(x)));
    return seen.add(this.#mlp.forward(this.#layerNorm2.forward(seen)));
  }
}
