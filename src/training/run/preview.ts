// Draws images during a run, for sample grids and quality numbers. It writes no files.

import type { Codec } from "../../codecs/codec.ts";
import type { Communicator } from "../../distributed/communicator.ts";
import { drawTogether } from "../../distributed/draw_together.ts";
import type { Backend } from "../../engine/backend.ts";
import { imageGrid, type Pixels } from "../../io/image/index.ts";
import type { StateDict } from "../../io/state_dict.ts";
import type { Denoiser } from "../../models/denoiser.ts";
import { classColumns, spreadClasses } from "../../pipelines/class_grid.ts";
import type { Id2Label } from "../../pipelines/class_labels.ts";
import type { PipelineParts } from "../../pipelines/components.ts";
import type { ImageRange } from "../../pipelines/conditioner.ts";
import { DDPMPipeline } from "../../pipelines/ddpm_pipeline.ts";
import { fewStepScheduler } from "../../pipelines/sampling_defaults.ts";
import { schedulerFromConfig } from "../../schedulers/index.ts";
import type { TrainSettings } from "../settings.ts";
import type { TrainScheduler } from "../step/objective.ts";

export interface PreviewOptions {
  readonly model: Denoiser;
  readonly codec: Codec;
  readonly scheduler: TrainScheduler;
  readonly settings: TrainSettings;
  /** Shared, stays open. */
  readonly backend: Backend;
  /** Names of the classes of a class-conditional model. */
  readonly id2label?: Id2Label;
  /** The processes that draw together. */
  readonly communicator: Communicator;
}

/** Options for drawing images. */
export interface PreviewDrawing {
  /** Classes that a class-conditional model cycles through. */
  readonly classLabels?: readonly number[] | undefined;
  /** Cancels the drawing: the promise rejects with its reason. */
  readonly signal: AbortSignal;
  /** Called with the finished share. */
  readonly onProgress?: (share: number) => void;
}

export class Preview {
  readonly #settings: TrainSettings;
  readonly #communicator: Communicator;
  /** Has its own model, which receives the weights each time. */
  readonly #pipeline: DDPMPipeline<Denoiser>;

  constructor(options: PreviewOptions) {
    const { model, codec, scheduler, settings, backend, id2label, communicator } = options;
    const { sampleScheduler, sampleSteps: steps } = settings;
    const sampling = sampleScheduler === null ? undefined : { scheduler: sampleScheduler, steps };
    this.#settings = settings;
    this.#communicator = communicator;
    // As later calls read it from the folder: another scheduler made from it then has no defaults of its own, as in
    // diffusers.
    const saved = schedulerFromConfig(scheduler.toConfig());
    this.#pipeline = new DDPMPipeline(model.withoutValues(), saved, {
      ...{ backend, codec, sampling },
      ...(id2label && { id2label }),
    });
  }

  /** The parts of its pipeline. */
  get parts(): PipelineParts<Denoiser> {
    return this.#pipeline;
  }

  /**
   * Draws a grid of images. Its classes are always the same: all, or evenly spaced ones where there are more than
   * images.
   * @returns the grid, on the first process
   * @throws the signal's reason when it is aborted on any process
   */
  async drawGrid(weights: StateDict, signal: AbortSignal): Promise<Pixels | undefined> {
    const { sampleCount } = this.#settings;
    const classLabels = spreadClasses(this.#pipeline.classes, sampleCount);
    const images = await this.drawImages(weights, sampleCount, { signal, classLabels });
    return images && imageGrid(images, { columns: classColumns(sampleCount, classLabels?.length ?? 1) });
  }

  /**
   * Draws images from the run's fixed noise; every process its share of them.
   * @returns the images, on the first process
   * @throws NotFiniteError, the signal's reason when it is aborted on any process
   */
  async drawImages(
    weights: StateDict,
    count: number,
    { classLabels, signal, onProgress }: PreviewDrawing,
  ): Promise<Pixels[] | undefined> {
    const { sampleScheduler, sampleSteps, seed } = this.#settings;
    this.#pipeline.unet.loadStateDict(weights);
    this.#pipeline.weightsChanged();
    const draw = (part: ImageRange) =>
      this.#pipeline.generateImages({
        count,
        part,
        steps: sampleSteps,
        scheduler: sampleScheduler ?? fewStepScheduler(this.#pipeline.schedulerName),
        ...(classLabels && { classLabels }),
        seed,
        signal,
        onStep: ({ firstImage, count: drawn, step, steps }) =>
          onProgress?.((firstImage - part.firstImage + (drawn * step) / steps) / part.count),
      });
    return drawTogether(this.#communicator, count, draw, signal);
  }

  /** Frees the resources for drawing; the backend stays open. */
  close(): Promise<void> {
    return this.#pipeline.close();
  }
}
