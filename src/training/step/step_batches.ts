// The input of each step: the images of its batch in the model's space, and the model's conditions.

import { timing } from "#platform";
import type { Codec } from "../../codecs/codec.ts";
import { BatchSampler, fillBatch, fillConditions, partOfBatch } from "../../data/batches.ts";
import type { ImageSource } from "../../data/image_source.ts";
import type { Backend, HostArray } from "../../engine/backend.ts";
import { hostTensor } from "../../engine/host_tensor.ts";
import { type Conditions, type Denoiser, isClassConditional } from "../../models/denoiser.ts";
import type { ImageRange } from "../../pipelines/conditioner.ts";
import { augmentOptions, type TrainSettings } from "../settings.ts";
import { BatchLabels } from "./batch_labels.ts";
import { partOf } from "./batch_share.ts";
import type { TrainStepFeeds } from "./train_step.ts";

/** The input of one step. */
export interface StepBatch extends Conditions<HostArray>, Pick<TrainStepFeeds, "images" | "conditions"> {
  /** From 1. */
  readonly step: number;
}

export interface StepBatchesOptions {
  readonly data: ImageSource;
  readonly model: Denoiser;
  readonly codec: Codec;
  readonly settings: TrainSettings;
  /** The backend for the codec. */
  readonly backend: Backend;
  /** The images of each batch that this process needs. Default: all. */
  readonly own?: ImageRange;
}

/** The batches of a run. Each depends on the seed and the step only. */
export class StepBatches {
  readonly #options: StepBatchesOptions;
  readonly #sampler: BatchSampler;
  /** The labels for class-conditional models. */
  readonly #labels: BatchLabels | null;
  #prepared: { readonly step: number; readonly batch: Promise<StepBatch> } | undefined;

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
  of(step: number): Promise<StepBatch> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    return prepared?.step === step ? prepared.batch : this.#make(step);
  }

  /** Makes the batch of a step before it is asked for, as soon as other tasks have run. */
  prepare(step: number): void {
    const batch = timing.letOthersRun().then(() => this.#make(step));
    // Whoever asks for the batch gets the error.
    batch.catch(() => undefined);
    this.#prepared = { step, batch };
  }

  async #make(step: number): Promise<StepBatch> {
    const { data, codec, settings, backend } = this.#options;
    const { own = { firstImage: 0, count: settings.batchSize } } = this.#options;
    const whole = this.#sampler.batch(step - 1);
    const batch = partOfBatch(whole, own);
    const { height, width } = data.size;
    const shape = [own.count, height, width, data.channels];
    const latents = await codec.encode(hostTensor(fillBatch(data, batch), shape), backend);
    return {
      step,
      images: latents.data,
      ...(settings.augmentProbability > 0 && { conditions: fillConditions(batch) }),
      ...(this.#labels && {
        classLabels: partOf(this.#labels.batch(whole.indices, step - 1), whole.indices.length, own),
      }),
    };
  }
}
