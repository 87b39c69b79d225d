// A run in progress, the owner of its resources: it holds the folder's lock, the backend, the step and the open files,
// does the work after a step, and closes everything. `openRun` makes it.

import { files, machine } from "#platform";
import { proportionalClasses } from "../../data/class_proportions.ts";
import type { Backend } from "../../engine/backend.ts";
import { isClassConditional } from "../../models/denoiser.ts";
import { firstLine } from "../../platform/errors.ts";
import { RunFolderError } from "../errors.ts";
import type { TrainSettings } from "../settings.ts";
import type { StepBatch, StepBatches } from "../step/step_batches.ts";
import type { StepComputer, StepResult } from "../step/step_computer.ts";
import type { TrainerOptions } from "../trainer_options.ts";
import { explainDivergence } from "./divergence.ts";
import type { EpochLoss } from "./epoch_loss.ts";
import { lossPicture } from "./loss_chart.ts";
import type { LossCurve } from "./loss_curve.ts";
import type { MetricsLog, StepMetrics } from "./metrics_log.ts";
import type { Preview } from "./preview.ts";
import type { Quality, QualityMeter } from "./quality.ts";
import type { RunConfig, RunFolder } from "./run_folder.ts";
import type { RunLock } from "./run_lock.ts";
import type { RunWriter } from "./run_writer.ts";
import type { Speedometer } from "./speedometer.ts";

/** The plan of a run. */
export interface RunPlan {
  readonly options: TrainerOptions;
  readonly settings: TrainSettings;
  readonly folder: RunFolder;
  /** Stops the run after the current step, with a checkpoint; work that a resumed run can repeat is cancelled. */
  readonly stop: AbortSignal;
}

/** The resources of a run. */
export interface RunParts {
  /** The content of config.json. */
  readonly config: RunConfig;
  readonly lock: RunLock;
  readonly backend: Backend;
  readonly computer: StepComputer;
  readonly batches: StepBatches;
  readonly preview: Preview;
  readonly quality: QualityMeter;
  readonly writer: RunWriter;
  readonly metrics: MetricsLog;
  readonly epochLoss: EpochLoss;
  readonly losses: LossCurve;
  readonly speed: Speedometer;
  /** Steps done before. */
  readonly startStep: number;
}

/** The results and files after a step. */
export interface StepOutcome {
  /** Distance of the model's images from the data, measured after this step. */
  readonly quality?: Quality;
  /** Path of the sample grid drawn after this step. */
  readonly samples?: string;
  /** Path of the checkpoint written after this step. */
  readonly checkpoint?: string;
}

/** The length of a run, and its remaining time. */
export interface RunOutlook {
  /** Steps of the whole run. */
  readonly steps: number;
  /** Epochs of the whole run; the last may be incomplete. */
  readonly epochs: number;
  /** Estimated time to the end of the run. */
  readonly secondsLeft: number;
}

export class Run {
  readonly #plan: RunPlan;
  readonly #parts: RunParts;
  #isWarnedOfLosses = false;

  constructor(plan: RunPlan, parts: RunParts) {
    this.#plan = plan;
    this.#parts = parts;
  }

  /** The content of config.json. */
  get config(): RunConfig {
    return this.#parts.config;
  }

  /** Steps done before. */
  get startStep(): number {
    return this.#parts.startStep;
  }

  /** Bytes of a step: weights, optimizer and intermediate results; of these alone where the backend counts no more. */
  get memoryBytes(): number {
    return this.#parts.backend.usedBytes ?? this.arenaBytes;
  }

  /** Bytes of a step's intermediate results. */
  get arenaBytes(): number {
    return this.#parts.computer.arenaBytes;
  }

  /**
   * Call before the first step: writes the pipeline of the step that the run continues from, and does the work that an
   * interruption left out after that step.
   * @returns false when it was interrupted again
   */
  async catchUp(): Promise<boolean> {
    const { computer, writer, startStep } = this.#parts;
    if (startStep > 0) await writer.writePipeline(await computer.drawingWeights());
    const isDone = startStep === 0 || (await this.#explained(startStep, () => this.#makeUpFor(startStep)));
    if (startStep < this.#plan.settings.steps) await writer.removeFinalSamples();
    return isDone;
  }

  /** The batch of a step. @param step from 1 */
  batch(step: number): Promise<StepBatch> {
    return this.#parts.batches.of(step);
  }

  /**
   * Computes a step; meanwhile the next batch is made.
   * @throws DivergenceError when the loss or the gradient is not finite
   */
  compute(batch: StepBatch): Promise<StepResult> {
    const { computer, batches } = this.#parts;
    const result = this.#explained(batch.step, () => computer.compute(batch));
    if (batch.step < this.#plan.settings.steps) batches.prepare(batch.step + 1);
    return result;
  }

  /** Times a step. */
  time<T>(step: () => Promise<T>): Promise<T> {
    return this.#parts.speed.time(step);
  }

  /** Waits for the end of a pause, which is no time of training. */
  pause(end: Promise<void>): Promise<void> {
    return this.#parts.speed.pause(end);
  }

  /** Appends a step to the run's metrics. */
  record(result: StepResult): StepMetrics {
    const { metrics, epochLoss, losses, speed } = this.#parts;
    const { imagesPerSecond, seconds } = speed;
    const record = { ...result, imagesPerSecond, seconds, ...epochLoss.add(result.step, result.loss) };
    metrics.append(record);
    losses.add(result.step, result.loss);
    return record;
  }

  /**
   * Measures and draws if due, then writes the checkpoint if one is due or the run stops.
   * @returns the results, whether the run stops here, and whether due work is left for a resumed run
   * @throws DivergenceError when images or weights are not finite
   */
  afterStep(step: number): Promise<StepOutcome & { readonly stops: boolean; readonly isLeft: boolean }> {
    return this.#explained(step, async () => {
      const due = this.#dueAfter(step);
      // Before the grid: a run with its last grid counts as complete, with all its numbers.
      const quality = due.quality ? await this.#measure() : undefined;
      const samples = due.samples ? await this.#drawSamples(step) : undefined;
      // A later stop is the caller's to see.
      const stops = this.#plan.stop.aborted;
      const checkpoint = stops || due.checkpoint ? await this.#writeCheckpoint(step) : undefined;
      return {
        stops,
        isLeft: (due.quality && quality === undefined) || (due.samples && samples === undefined),
        ...(quality && { quality }),
        ...(samples !== undefined && { samples }),
        ...(checkpoint !== undefined && { checkpoint }),
      };
    });
  }

  /**
   * Writes the checkpoint of the last step.
   * @throws DivergenceError when weights are not finite
   */
  async saveCheckpoint(step: number): Promise<void> {
    await this.#explained(step, () => this.#writeCheckpoint(step));
  }

  /** The length of the run, and the remaining time after a step. */
  outlook(step: number): RunOutlook {
    const { steps, sampleEvery, evalEvery, checkpointEvery } = this.#plan.settings;
    const { speed, epochLoss } = this.#parts;
    const every = { samples: sampleEvery, quality: evalEvery, checkpoint: checkpointEvery };
    return { steps, epochs: epochLoss.epochs, secondsLeft: speed.secondsLeft(steps - step, every) };
  }

  /** Closes the files, stops the backend and releases the folder. */
  async close(): Promise<void> {
    const { metrics, preview, quality, computer, backend, lock } = this.#parts;
    try {
      await metrics.close();
    } finally {
      await preview.close();
      quality.close();
      computer.dispose();
      await backend.close();
      await lock.release();
    }
  }

  /** Whether each kind of work is due: at its interval (0: never) and after the last step, always with a checkpoint. */
  #dueAfter(step: number): Record<"quality" | "samples" | "checkpoint", boolean> {
    const { steps, sampleEvery, evalEvery, checkpointEvery } = this.#plan.settings;
    const isLast = step === steps;
    const isDue = (every: number) => every > 0 && (isLast || step % every === 0);
    return {
      quality: isDue(evalEvery),
      samples: isDue(sampleEvery),
      checkpoint: isLast || isDue(checkpointEvery),
    };
  }

  /** @returns false when it was interrupted again */
  async #makeUpFor(step: number): Promise<boolean> {
    const due = this.#dueAfter(step);
    const isMeasured = this.#parts.metrics.unmeasuredStep !== step;
    if (due.quality && !isMeasured && (await this.#measure()) === undefined) return false;
    if (!due.samples) return true;
    const [last] = this.#gridsOf(step).slice(-1);
    return (await files.exists(last)) || (await this.#drawSamples(step)) !== undefined;
  }

  /** Measures the quality of the model's images and adds it to the record of the last step. */
  #measure(): Promise<Quality | undefined> {
    const { options, settings, stop: signal } = this.#plan;
    const { computer, preview, quality: meter, metrics, speed } = this.#parts;
    const { data, model, onStage } = options;
    const { evalCount } = settings;
    return this.#unlessStopped(async () => {
      if (!meter.isReady) {
        onStage?.("data features");
        // Untimed: it happens once per run, so it does not predict the next measurement.
        await meter.prepare({ signal });
      }
      const quality = await speed.timeAside("quality", async () => {
        onStage?.("quality", 0);
        const onProgress = (share: number) => onStage?.("quality", share);
        // The data's class proportions, because the comparison is with the data as a whole.
        const classLabels =
          data.labels && isClassConditional(model)
            ? proportionalClasses(data.labels.of, evalCount)
            : undefined;
        const weights = await computer.drawingWeights();
        const images = await preview.drawImages(weights, evalCount, { classLabels, signal, onProgress });
        return meter.measure(images, { signal });
      });
      metrics.addQuality(quality);
      return quality;
    });
  }

  #drawSamples(step: number): Promise<string | undefined> {
    const { options, stop } = this.#plan;
    const { computer, preview, writer, speed } = this.#parts;
    const targets = this.#gridsOf(step);
    options.onStage?.("samples");
    return this.#unlessStopped(() =>
      speed.timeAside("samples", async () => {
        const grid = await preview.drawGrid(await computer.drawingWeights(), stop);
        await writer.writeGrid(grid, targets);
        return targets[0];
      }),
    );
  }

  #writeCheckpoint(step: number): Promise<string> {
    const { computer, metrics, epochLoss, writer, speed } = this.#parts;
    this.#plan.options.onStage?.("checkpoint");
    return speed.timeAside("checkpoint", async () => {
      await metrics.sync();
      const { timestepLosses, lossScale } = computer;
      const state = {
        step,
        epochLossSum: epochLoss.sum,
        ...(timestepLosses && { timestepLosses }),
        ...(lossScale && { lossScale }),
      };
      const folder = await writer.writeCheckpoint(state, await computer.values(step));
      await this.#drawLosses();
      return folder;
    });
  }

  /** Draws loss.png. A failure is reported once; only a folder that is lost ends the run. */
  async #drawLosses(): Promise<void> {
    const { losses, writer } = this.#parts;
    const { onWarning = machine.warn } = this.#plan.options;
    try {
      await writer.writeLossChart(await lossPicture(losses));
    } catch (error) {
      if (error instanceof RunFolderError) throw error;
      if (!this.#isWarnedOfLosses) onWarning(`the picture of the losses is not drawn: ${firstLine(error)}`);
      this.#isWarnedOfLosses = true;
    }
  }

  /** The paths for the grid of a step, in writing order. */
  #gridsOf(step: number): readonly string[] {
    const { folder, settings } = this.#plan;
    const own = folder.sampleGrid(step);
    return step === settings.steps ? [own, folder.finalSamples] : [own];
  }

  /** Runs work that a stop cancels: the checkpoint has priority, and a resumed run repeats the work. */
  async #unlessStopped<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { stop } = this.#plan;
    try {
      return await work();
    } catch (error) {
      if (stop.aborted && error === stop.reason) return undefined;
      throw error;
    }
  }

  #explained<T>(step: number, work: () => Promise<T>): Promise<T> {
    return explainDivergence(this.#plan.folder, this.#plan.settings, step, work);
  }
}
