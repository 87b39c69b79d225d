// Writes a run's files except its metrics: sample grids, checkpoints, and the pipeline. Before it writes, it checks
// that the folder still belongs to the run.

import { files, paths } from "#platform";
import { type Pixels, writeImage } from "../../io/image/index.ts";
import type { StateDict } from "../../io/state_dict.ts";
import type { Denoiser } from "../../models/denoiser.ts";
import { type PipelineParts, writeModel } from "../../pipelines/components.ts";
import { writePipeline } from "../../pipelines/folders.ts";
import type { TrainSettings } from "../settings.ts";
import { partWeights } from "../step/augment_embedding.ts";
import { emaConfig, emaToJson } from "../step/ema.ts";
import type { StateValues } from "../step/step_computer.ts";
import { writeAugmentEmbedding } from "./augment_checkpoint.ts";
import { type TrainingState, UNET, UNET_EMA, writeCheckpoint } from "./checkpoint.ts";
import type { RunFolder } from "./run_folder.ts";
import type { RunHold } from "./run_lock.ts";

const { join } = paths;

export interface RunWriterOptions {
  readonly folder: RunFolder;
  readonly settings: TrainSettings;
  /** The components of the pipeline. */
  readonly parts: PipelineParts<Denoiser>;
  /** All writes go through it. */
  readonly hold: RunHold;
}

export class RunWriter {
  readonly #options: RunWriterOptions;

  constructor(options: RunWriterOptions) {
    this.#options = options;
  }

  /** Writes a grid of samples. */
  async writeGrid(grid: Pixels, targets: readonly string[]): Promise<void> {
    await this.#options.hold.writing(async (check) => {
      for (const file of targets) await writeImage(file, grid, check);
    });
  }

  /**
   * Writes a checkpoint, and the pipeline with the same weights.
   * @returns the checkpoint's folder
   */
  async writeCheckpoint(state: TrainingState, values: StateValues): Promise<string> {
    const { folder, settings, hold } = this.#options;
    const parts = {
      state,
      optimizer: values,
      writeModels: (aside: string) => this.#writeModels(aside, values, state.step),
    };
    const path = await hold.writing((check) =>
      writeCheckpoint(folder, parts, settings.keepCheckpoints, check),
    );
    await this.writePipeline(partWeights(values.ema ?? values.network).model);
    return path;
  }

  /** Writes the picture of the losses. @param png the bytes of the file */
  async writeLossChart(png: Uint8Array): Promise<void> {
    const { hold, folder } = this.#options;
    await hold.writing((check) => files.writeFileAtomic(folder.lossChart, png, check));
  }

  /** Writes the pipeline. @param weights of its model */
  async writePipeline(weights: StateDict): Promise<void> {
    const { folder, parts, hold } = this.#options;
    const fill = (aside: string) => writePipeline(aside, parts, weights);
    await hold.writing((check) => files.replaceDirAtomic(folder.pipeline, fill, check));
  }

  /** Removes the final grid of an earlier end of the run, so that it is not mistaken for the next one. */
  async removeFinalSamples(): Promise<void> {
    const { hold, folder } = this.#options;
    await hold.writing(() => files.remove(folder.finalSamples));
  }

  /**
   * Writes the folders of a checkpoint that hold models: the weights and their average, and the augmentation embedding.
   */
  async #writeModels(aside: string, { network, ema }: StateValues, step: number): Promise<void> {
    const { settings, parts } = this.#options;
    const config = emaConfig(settings.emaMaxDecay);
    const own = partWeights(network);
    const averaged = ema && partWeights(ema);
    await writeModel(join(aside, UNET), parts.unet, own.model);
    if (config && averaged) {
      await writeModel(join(aside, UNET_EMA), parts.unet, averaged.model, emaToJson(config, step));
    }
    if (own.layer) await writeAugmentEmbedding(aside, own.layer, averaged?.layer);
  }
}
