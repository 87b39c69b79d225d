// What every resnet of a conditional UNet is told: the timestep, and whatever is added to its embedding.

import { concat, type Tensor } from "../engine/tensor.ts";
import { Embedding } from "../nn/embedding.ts";
import { Module } from "../nn/module.ts";
import { TimestepEmbedding, Timesteps } from "../nn/timestep_embedding.ts";
import type { Conditions } from "./denoiser.ts";
import type { UNet2DConditionConfig } from "./unet_2d_condition_config.ts";

/** The embeddings of timestep, classes, sizes and whole prompts, which are added up. */
export class UNet2DConditionEmbeddings extends Module {
  /** Width of the embedding. */
  readonly timeEmbedDim: number;
  readonly #timeProj: Timesteps;
  readonly #timeEmbedding: TimestepEmbedding;
  readonly #embedClass: ((labels: Tensor) => Tensor) | null;
  readonly #embedSizes: ((textEmbeds: Tensor, timeIds: Tensor) => Tensor) | null;

  /** @throws RangeError for a width without frequencies */
  constructor(config: UNet2DConditionConfig) {
    super();
    const { flipSinToCos, freqShift, actFn, timeCondProjDim: condProjDim } = config;
    const [features] = config.blockOutChannels;
    this.timeEmbedDim = config.timeEmbeddingDim ?? 4 * features;
    this.#timeProj = new Timesteps(features, flipSinToCos, freqShift);
    this.#timeEmbedding = this.child(
      "time_embedding",
      new TimestepEmbedding(features, this.timeEmbedDim, { actFn, condProjDim }),
    );
    this.#embedClass = this.#buildClassEmbedding(config, features);
    this.#embedSizes = this.#buildAddEmbedding(config);
  }

  /** timestep [N], and the model's conditions -> [N, timeEmbedDim]. */
  forward(timestep: Tensor, { classLabels, textEmbeds, timeIds, timestepCond }: Conditions<Tensor>): Tensor {
    let emb = this.#timeEmbedding.forward(this.#timeProj.forward(timestep), timestepCond);
    if (this.#embedClass !== null && classLabels !== undefined) emb = emb.add(this.#embedClass(classLabels));
    if (this.#embedSizes !== null && textEmbeds !== undefined && timeIds !== undefined)
      emb = emb.add(this.#embedSizes(textEmbeds, timeIds));
    return emb;
  }

  #buildClassEmbedding(config: UNet2DConditionConfig, features: number): ((labels: Tensor) => Tensor) | null {
    const { classEmbedType, numClassEmbeds, projectionClassEmbeddingsInputDim, actFn } = config;
    switch (classEmbedType) {
      case null: {
        if (numClassEmbeds === null) return null;
        const table = this.child("class_embedding", new Embedding(numClassEmbeds, this.timeEmbedDim));
        return (labels) => table.forward(labels);
      }
      case "timestep": {
        const embedding = this.child(
          "class_embedding",
          new TimestepEmbedding(features, this.timeEmbedDim, { actFn }),
        );
        return (labels) => embedding.forward(this.#timeProj.forward(labels));
      }
      case "projection": {
        const width = projectionClassEmbeddingsInputDim ?? 0;
        const embedding = this.child("class_embedding", new TimestepEmbedding(width, this.timeEmbedDim));
        return (labels) => embedding.forward(labels);
      }
      case "identity":
        return (labels) => labels;
      default:
        return classEmbedType satisfies never;
    }
  }

  /** SDXL's: the prompt's pooled embedding beside the features of each size (Podell et al. 2023, section 2.2). */
  #buildAddEmbedding(
    config: UNet2DConditionConfig,
  ): ((textEmbeds: Tensor, timeIds: Tensor) => Tensor) | null {
    const { additionEmbedType, additionTimeEmbedDim, projectionClassEmbeddingsInputDim } = config;
    if (additionEmbedType === null) return null;
    const timeProj = new Timesteps(additionTimeEmbedDim ?? 0, config.flipSinToCos, config.freqShift);
    const embedding = this.child(
      "add_embedding",
      new TimestepEmbedding(projectionClassEmbeddingsInputDim ?? 0, this.timeEmbedDim),
    );
    return (textEmbeds, timeIds) => {
      const [n, ids] = timeIds.shape;
      const features = timeProj.forward(timeIds.reshape([n * ids])); // [N ids, F]
      return embedding.forward(concat([textEmbeds, features.reshape([n, ids * features.shape[1]])], 1));
    };
  }
}
