// What each step learns from: the images of its batch as the model sees them, and what it is conditioned on.

import type { Codec } from "../../codecs/codec.ts";
import { BatchSampler, fillBatch, fillConditions } from "../../data/batches.ts";
import type { ImageSource } from "../../data/image_source.ts";
import type { Backend, HostArray } from "../../engine/backend.ts";
import { hostTensor } from "../../engine/host_tensor.ts";
import { type Conditions, type Denoiser, isClassConditional } from "../../models/denoiser.ts";
import { augmentOptions, type TrainSettings } from "../settings.ts";
import { BatchLabels } from "./batch_labels.ts";
import type { TrainStepFeeds } from "./train_step.ts";

/** What one step learns from. */
export interface StepBatch extends Conditions<HostArray>, Pick<TrainStepFeeds, "images" | "conditions"> {
  /** From 1. */
  readonly step: number;
}

export interface StepBatchesOptions {
  readonly data: ImageSource;
  readonly model: Denoiser;
  readonly codec: Codec;
  readonly settings: TrainSettings;
  /** Where the codec computes. */
  readonly backend: Backend;
}

/** The batches of a run. Each is a function of the seed and the step. */
export class StepBatches {
  readonly #options: StepBatchesOptions;
  readonly #sampler: BatchSampler;
  /** What class-conditional models are shown of the images' labels. */
  readonly #labels: BatchLabels | null;

  constructor(options: StepBatchesOptions) {
    const { data, model, settings } = options;
    const { batchSize, seed, flip, labelDropout } = settings;
    this.#options = options;
    this.#sampler = new BatchSampler({
      count: data.count,
      batchSize,
      seed,
      flip,
      augment: augmentOptions(settings),
    });
    const labels = isClassConditional(model) ? data.labels : undefined;
    this.#labels = labels ? new BatchLabels(labels, labelDropout, seed) : null;
  }

  /** @param step from 1 */
  async of(step: number): Promise<StepBatch> {
    const { data, codec, settings, backend } = this.#options;
    const batch = this.#sampler.batch(step - 1);
    const { height, width } = data.size;
    const shape = [settings.batchSize, height, width, data.channels];
    const latents = await codec.encode(hostTensor(fillBatch(data, batch), shape), backend);
    return {
      step,
      images: latents.data,
      ...(settings.augmentProbability > 0 && { conditions: fillConditions(batch) }),
      ...(this.#labels && { classLabels: this.#labels.batch(batch.indices, step - 1) }),
    };
  }
}
