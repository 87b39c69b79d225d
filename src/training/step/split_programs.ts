// A training step in parts: the gradients of a microbatch at a time, their sum over those of this process and then over
// all processes, and the update from it, which every process computes.

import type { Communicator } from "../../distributed/communicator.ts";
import type { Backend, Executable } from "../../engine/backend.ts";
import { numel } from "../../engine/shape.ts";
import { mapConditions } from "../../models/denoiser.ts";
import type { ImageRange } from "../../pipelines/conditioner.ts";
import { BatchNumbers } from "./batch_numbers.ts";
import { type BatchShare, microbatchesOf, partOf } from "./batch_share.ts";
import { GradientSums } from "./gradient_sums.ts";
import { type StepNumbers, type StepPrograms, uploadState } from "./step_programs.ts";
import type { SplitTrainStep, TrainStepFeeds } from "./train_step.ts";

export interface SplitOptions {
  readonly share: BatchShare;
  readonly communicator: Communicator;
}

/** Puts a training step in parts on a backend. @throws MemoryError when it does not fit */
export async function compileSplit(
  backend: Backend,
  step: SplitTrainStep,
  options: SplitOptions,
): Promise<StepPrograms> {
  uploadState(backend, step);
  backend.write(step.region, new Float32Array(numel(step.region.shape)));
  const gradients = await backend.compile(step.gradients);
  const update = await backend.compile(step.update);
  const sums = await GradientSums.create(backend, step.region, microbatchesOf(options.share).length);
  return new SplitStep(backend, step, { gradients, update, sums }, options);
}

interface Parts {
  readonly gradients: Executable;
  readonly update: Executable;
  readonly sums: GradientSums;
}

class SplitStep implements StepPrograms {
  readonly #backend: Backend;
  readonly #step: SplitTrainStep;
  readonly #parts: Parts;
  readonly #options: SplitOptions;
  /** The last step's norm, in which differences between processes show. */
  #lastNorm = 0;

  constructor(backend: Backend, step: SplitTrainStep, parts: Parts, options: SplitOptions) {
    this.#backend = backend;
    this.#step = step;
    this.#parts = parts;
    this.#options = options;
  }

  get arenaBytes(): number {
    const { gradients, update } = this.#parts;
    return gradients.stats.arenaBytes + update.stats.arenaBytes;
  }

  async run(feeds: TrainStepFeeds): Promise<StepNumbers> {
    const { share, communicator } = this.#options;
    const { gradients, update, sums } = this.#parts;
    const numbers = new BatchNumbers(share, communicator, this.#step.gradients.outputs.length > 1);
    numbers.setNorm(this.#lastNorm);
    for (const range of microbatchesOf(share)) {
      const given = this.#step.feeds(partOfFeeds(feeds, share, range)).gradients;
      const [[loss], byImage] = await gradients.run(given);
      numbers.set(range, loss, byImage);
      await sums.add();
    }
    // Of other processes these are 0, so the sums are exact.
    await communicator.sum(numbers.values);
    numbers.checkNorms();
    await this.#sumRegion(communicator);
    const [[gradNorm]] = await update.run(this.#step.feeds(feeds).update);
    this.#lastNorm = gradNorm;
    return { loss: numbers.meanLoss, gradNorm, lossByImage: numbers.lossByImage };
  }

  dispose(): void {
    const { gradients, update, sums } = this.#parts;
    for (const part of [gradients, update, sums]) part.dispose();
  }

  async #sumRegion(communicator: Communicator): Promise<void> {
    if (communicator.size === 1) return;
    const { region } = this.#step;
    const inPlace = await this.#backend.view?.(region);
    if (inPlace !== undefined) {
      await communicator.sum(inPlace);
      return;
    }
    const values = await this.#backend.read(region);
    await communicator.sum(values);
    this.#backend.write(region, values);
  }
}

/** The inputs of a microbatch. @param range of the whole batch */
function partOfFeeds(
  feeds: TrainStepFeeds,
  { wholeBatch, own }: BatchShare,
  range: ImageRange,
): TrainStepFeeds {
  const { images, conditions, timesteps, importance, key } = feeds;
  const inShare = { firstImage: range.firstImage - own.firstImage, count: range.count };
  return {
    ...feeds,
    ...mapConditions(feeds, (values) => partOf(values, own.count, inShare)),
    images: partOf(images, own.count, inShare),
    ...(conditions && { conditions: partOf(conditions, own.count, inShare) }),
    ...(timesteps && { timesteps: partOf(timesteps, wholeBatch, range) }),
    ...(importance && { importance: partOf(importance, wholeBatch, range) }),
    ...(key && { key: Int32Array.of(...key, range.firstImage) }),
  };
}
