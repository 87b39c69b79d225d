// What a run writes besides its metrics: sample grids, checkpoints, and the pipeline that they make.

import { files, paths } from "#platform";
import type { Codec } from "../../codecs/codec.ts";
import type { Backend } from "../../engine/backend.ts";
import { imageGrid, type RgbImage, writeImage } from "../../io/image/index.ts";
import { readStateDict, type StateDict } from "../../io/state_dict.ts";
import type { Denoiser } from "../../models/denoiser.ts";
import { classColumns, spreadClasses } from "../../pipelines/class_grid.ts";
import type { Id2Label } from "../../pipelines/class_labels.ts";
import { readWeights, writeModel } from "../../pipelines/components.ts";
import { DDPMPipeline } from "../../pipelines/ddpm_pipeline.ts";
import { writePipeline } from "../../pipelines/folders.ts";
import { DDPMScheduler } from "../../schedulers/index.ts";
import { DivergenceError } from "../errors.ts";
import type { TrainSettings } from "../settings.ts";
import type { AugmentEmbedding } from "../step/augment_embedding.ts";
import { type EmaConfig, emaToJson } from "../step/ema.ts";
import type { TrainScheduler } from "../step/objective.ts";
import type { TrainStep } from "../step/train_step.ts";
import { partWeights, readAugmentEmbedding, writeAugmentEmbedding } from "./augment_checkpoint.ts";
import {
  explainDamage,
  readCheckpoint,
  type TrainingState,
  UNET,
  UNET_EMA,
  writeCheckpoint,
} from "./checkpoint.ts";
import type { RunFolder } from "./run_folder.ts";
import type { RunHold } from "./run_lock.ts";

const { join } = paths;

/** How images are drawn while a run learns. */
export interface PreviewOptions {
  /** What class-conditional models draw, in turn. */
  readonly classLabels?: readonly number[] | undefined;
  /** Ends the drawing: the promise is rejected with its reason. */
  readonly signal: AbortSignal;
  /** Told of the share that is done. */
  readonly onProgress?: (share: number) => void;
}

export interface RunWriterOptions {
  readonly folder: RunFolder;
  readonly settings: TrainSettings;
  readonly ema: EmaConfig | null;
  readonly model: Denoiser;
  readonly codec: Codec;
  /** What is trained beside the model, if anything. */
  readonly augmentEmbedding: AugmentEmbedding | null;
  readonly scheduler: TrainScheduler;
  readonly trainStep: TrainStep;
  readonly backend: Backend;
  /** Everything that is written goes through it. */
  readonly hold: RunHold;
  /** Names of the classes of a class-conditional model. */
  readonly id2label?: Id2Label;
}

export class RunWriter {
  readonly #options: RunWriterOptions;
  /** Draws the samples: a model of its own, which takes over the averaged weights each time. */
  readonly #preview: DDPMPipeline<Denoiser>;

  constructor(options: RunWriterOptions) {
    this.#options = options;
    const { model, codec, scheduler, backend, id2label } = options;
    const pipelineOptions = { backend, codec, ...(id2label && { id2label }) };
    this.#preview = new DDPMPipeline(model.withoutValues(), scheduler, pipelineOptions);
  }

  /**
   * Draws a grid of images, always of the same classes, evenly spread where there are more of them than images.
   * @throws the signal's reason when it is aborted
   */
  async drawSamples(targets: readonly string[], signal: AbortSignal): Promise<void> {
    const { hold, settings } = this.#options;
    const { sampleCount } = settings;
    const classLabels = spreadClasses(this.#preview.classes, sampleCount);
    const images = await this.drawImages(sampleCount, { signal, classLabels });
    const grid = imageGrid(images, { columns: classColumns(sampleCount, classLabels?.length ?? 1) });
    await hold.writing(async (check) => {
      for (const file of targets) await writeImage(file, grid, check);
    });
  }

  /**
   * Draws images with the averaged weights from the run's fixed noise.
   * @throws the signal's reason when it is aborted
   */
  async drawImages(count: number, { classLabels, signal, onProgress }: PreviewOptions): Promise<RgbImage[]> {
    const { scheduler, settings } = this.#options;
    const { sampleSteps, seed } = settings;
    this.#preview.unet.loadStateDict(await this.#sampleWeights());
    this.#preview.weightsChanged();
    return this.#preview.generateImages({
      count,
      steps: sampleSteps,
      // DDPM's own steps want to be many; those of a flow do not.
      ...(scheduler instanceof DDPMScheduler && { scheduler: "ddim" }),
      ...(classLabels && { classLabels }),
      seed,
      signal,
      onStep: ({ firstImage, count: drawn, step, steps }) =>
        onProgress?.((firstImage + (drawn * step) / steps) / count),
    });
  }

  /**
   * Writes a checkpoint, and the pipeline with the same weights.
   * @returns the checkpoint's folder
   * @throws DivergenceError when a weight is not a finite number; then nothing was written
   */
  async writeCheckpoint(state: TrainingState): Promise<string> {
    const { folder, settings, model, trainStep, backend, ema, hold } = this.#options;
    const { network, expAvg, expAvgSq } = trainStep;
    for (const part of [network, expAvg, expAvgSq]) await part.download(backend);
    await trainStep.ema?.download(backend);
    const weights = network.stateDict();
    const average = trainStep.ema?.stateDict();
    const optimizer = { expAvg: expAvg.stateDict(), expAvgSq: expAvgSq.stateDict() };
    for (const part of [weights, average, optimizer.expAvg, optimizer.expAvgSq]) {
      if (part) checkFinite(part, state.step);
    }
    const writeModels = async (aside: string): Promise<void> => {
      const own = partWeights(weights);
      const averaged = average && partWeights(average);
      await writeModel(join(aside, UNET), model, own.model);
      if (ema && averaged) {
        await writeModel(join(aside, UNET_EMA), model, averaged.model, emaToJson(ema, state.step));
      }
      if (own.layer) await writeAugmentEmbedding(aside, own.layer, averaged?.layer);
    };
    const { keepCheckpoints } = settings;
    const path = await hold.writing((check) =>
      writeCheckpoint(folder, { state, optimizer, writeModels }, keepCheckpoints, check),
    );
    await this.writePipeline();
    return path;
  }

  /** Writes the pipeline with the present weights. */
  async writePipeline(): Promise<void> {
    const { folder, hold } = this.#options;
    const weights = await this.#sampleWeights();
    const fill = (aside: string) => writePipeline(aside, this.#preview, weights);
    await hold.writing((check) => files.replaceDirAtomic(folder.pipeline, fill, check));
  }

  /** Puts the model, its average and the optimizer back to where a checkpoint stands; not yet on the backend. */
  async readCheckpoint(step: number): Promise<TrainingState> {
    const { folder, model, augmentEmbedding, trainStep } = this.#options;
    const path = folder.checkpoint(step);
    const trainable = [...trainStep.network.namedParameters()].filter(([, { trainable }]) => trainable);
    const shapes = new Map(trainable.map(([name, { torchShape }]) => [name, torchShape]));
    const { state, optimizer } = await readCheckpoint(folder, step, shapes);
    await explainDamage(path, async () => {
      await readWeights(join(path, UNET), model);
      const average = trainStep.ema ? await readStateDict(join(path, UNET_EMA)) : null;
      if (augmentEmbedding !== null) {
        const { shape } = augmentEmbedding;
        augmentEmbedding.loadStateDict(await readAugmentEmbedding(path, "weight", shape));
        const layer = average && (await readAugmentEmbedding(path, "average", shape));
        for (const [name, weight] of layer ?? []) average?.set(name, weight);
      }
      if (average) trainStep.ema?.loadStateDict(average);
    });
    trainStep.expAvg.loadStateDict(optimizer.expAvg);
    trainStep.expAvgSq.loadStateDict(optimizer.expAvgSq);
    return state;
  }

  /** Makes sure that no grid of an earlier end of the run is taken for that of the next. */
  async removeFinalSamples(): Promise<void> {
    const { hold, folder } = this.#options;
    await hold.writing(() => files.remove(folder.finalSamples));
  }

  async close(): Promise<void> {
    await this.#preview.close();
  }

  async #sampleWeights(): Promise<StateDict> {
    const { trainStep, backend } = this.#options;
    const source = trainStep.ema ?? trainStep.network;
    await source.download(backend);
    return partWeights(source.stateDict()).model;
  }
}

function checkFinite(weights: StateDict, step: number): void {
  for (const [name, { data }] of weights) {
    if (!data.every(Number.isFinite)) {
      throw new DivergenceError(step, `${name} is no longer finite after step ${step}`);
    }
  }
}
