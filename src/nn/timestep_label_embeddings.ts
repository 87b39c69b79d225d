// Embeds a timestep and a class into one vector, as diffusion transformers do (Peebles & Xie 2023, arXiv 2212.09748).

import type { Tensor } from "../engine/tensor.ts";
import { Embedding } from "./embedding.ts";
import { Module } from "./module.ts";
import { TimestepEmbedding, Timesteps } from "./timestep_embedding.ts";

/** Sines and cosines of the timestep. */
const TIME_FEATURES = 256;

/** A table with a row for each class, and a last one for none (diffusers' LabelEmbedding). */
class LabelEmbedding extends Module {
  readonly #table: Embedding;

  constructor(classes: number, width: number) {
    super();
    this.#table = this.child("embedding_table", new Embedding(classes + 1, width));
  }

  /** [N] -> [N, width]. */
  forward(labels: Tensor): Tensor {
    return this.#table.forward(labels);
  }
}

/** The sum of an embedded timestep and an embedded class (diffusers' class). Class number `classes` is no class. */
export class CombinedTimestepLabelEmbeddings extends Module {
  readonly #timeProj = new Timesteps(TIME_FEATURES, true, 1);
  readonly #timestepEmbedder: TimestepEmbedding;
  readonly #classEmbedder: LabelEmbedding;

  constructor(classes: number, width: number) {
    super();
    this.#timestepEmbedder = this.child("timestep_embedder", new TimestepEmbedding(TIME_FEATURES, width));
    this.#classEmbedder = this.child("class_embedder", new LabelEmbedding(classes, width));
  }

  /** timestep [N], labels i32 [N], from 0 to `classes` -> [N, width]. */
  forward(timestep: Tensor, labels: Tensor): Tensor {
    const ofTime = this.#timestepEmbedder.forward(this.#timeProj.forward(timestep));
    return ofTime.add(this.#classEmbedder.forward(labels));
  }
}
