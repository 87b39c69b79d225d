// All that a run leaves in its folder, and its hold on the folder. Of several processes, only the first keeps records.

import { files } from "#platform";
import type { Pixels } from "../../io/image/index.ts";
import type { StateDict } from "../../io/state_dict.ts";
import { firstLine } from "../../platform/errors.ts";
import { RunFolderError } from "../errors.ts";
import type { TrainSettings } from "../settings.ts";
import type { StateValues } from "../step/step_computer.ts";
import type { TrainingState } from "./checkpoint.ts";
import { lossPicture } from "./loss_chart.ts";
import type { LossCurve } from "./loss_curve.ts";
import type { MetricsLog, StepMetrics } from "./metrics_log.ts";
import type { Quality } from "./quality.ts";
import type { RunFolder } from "./run_folder.ts";
import type { RunLock } from "./run_lock.ts";
import type { RunWriter } from "./run_writer.ts";

export interface RecordParts {
  readonly folder: RunFolder;
  readonly settings: TrainSettings;
  readonly lock: RunLock;
  readonly writer: RunWriter;
  readonly metrics: MetricsLog;
  readonly losses: LossCurve;
  readonly onWarning: (message: string) => void;
}

export class RunRecords {
  readonly #parts: RecordParts;
  #isWarnedOfLosses = false;

  constructor(parts: RecordParts) {
    this.#parts = parts;
  }

  /** Seconds of training before this start. */
  get secondsBefore(): number {
    return this.#parts.metrics.secondsBefore;
  }

  /** Adds a step to the run's metrics. */
  append(record: StepMetrics): void {
    const { metrics, losses } = this.#parts;
    metrics.append(record);
    losses.add(record.step, record.loss);
  }

  /** Adds quality numbers to the last step's. */
  addQuality(quality: Quality): void {
    this.#parts.metrics.addQuality(quality);
  }

  /** Whether the last step, which is `step`, has quality numbers. */
  isMeasured(step: number): boolean {
    return this.#parts.metrics.unmeasuredStep !== step;
  }

  /** Whether the grids of a step are there. */
  hasGrid(step: number): Promise<boolean> {
    const [last] = this.#gridsOf(step).slice(-1);
    return files.exists(last);
  }

  /** Writes the grid of a step. @returns its path */
  async writeGrid(step: number, grid: Pixels): Promise<string> {
    const targets = this.#gridsOf(step);
    await this.#parts.writer.writeGrid(grid, targets);
    return targets[0];
  }

  /** Writes the pipeline. @param weights of its model */
  writePipeline(weights: StateDict): Promise<void> {
    return this.#parts.writer.writePipeline(weights);
  }

  /** Removes the final grid of an earlier end of the run. */
  removeFinalSamples(): Promise<void> {
    return this.#parts.writer.removeFinalSamples();
  }

  /** Writes a checkpoint, the pipeline and the picture of the losses. @returns the checkpoint's folder */
  async writeCheckpoint(state: TrainingState, values: StateValues): Promise<string> {
    const { metrics, writer } = this.#parts;
    await metrics.sync();
    const folder = await writer.writeCheckpoint(state, values);
    await this.#drawLosses();
    return folder;
  }

  /** Closes the files. */
  async close(): Promise<void> {
    await this.#parts.metrics.close();
  }

  /** Lets go of the folder, after everything else has ended. */
  async release(): Promise<void> {
    await this.#parts.lock.release();
  }

  /** Draws loss.png. A failure is reported once; only a folder that is lost ends the run. */
  async #drawLosses(): Promise<void> {
    const { losses, writer, onWarning } = this.#parts;
    try {
      await writer.writeLossChart(await lossPicture(losses));
    } catch (error) {
      if (error instanceof RunFolderError) throw error;
      if (!this.#isWarnedOfLosses) onWarning(`the picture of the losses is not drawn: ${firstLine(error)}`);
      this.#isWarnedOfLosses = true;
    }
  }

  /** The paths for the grid of a step, in writing order. */
  #gridsOf(step: number): readonly [string, ...string[]] {
    const { folder, settings } = this.#parts;
    const own = folder.sampleGrid(step);
    return step === settings.steps ? [own, folder.finalSamples] : [own];
  }
}
