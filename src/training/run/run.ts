// A run in progress, the owner of its resources: the backend, the step, and on the first process the records in its
// folder. It does the work after a step, and closes everything. `openRun` makes it. Of several processes, all call the
// same methods at the same steps.

import { proportionalClasses } from "../../data/class_proportions.ts";
import { anyOf } from "../../distributed/collective.ts";
import type { Communicator } from "../../distributed/communicator.ts";
import { CancelledElsewhere } from "../../distributed/errors.ts";
import type { Backend } from "../../engine/backend.ts";
import { isClassConditional } from "../../models/denoiser.ts";
import type { TrainSettings } from "../settings.ts";
import type { StepBatch, StepBatches } from "../step/step_batches.ts";
import type { StepComputer, StepResult } from "../step/step_computer.ts";
import type { TrainerOptions } from "../trainer_options.ts";
import { explainDivergence } from "./divergence.ts";
import type { EpochLoss } from "./epoch_loss.ts";
import type { StepMetrics } from "./metrics_log.ts";
import type { Preview } from "./preview.ts";
import type { Quality, QualityMeter } from "./quality.ts";
import type { RunConfig, RunFolder } from "./run_folder.ts";
import type { RunRecords } from "./run_records.ts";
import type { Speedometer } from "./speedometer.ts";

/** The plan of a run. */
export interface RunPlan {
  readonly options: TrainerOptions;
  readonly settings: TrainSettings;
  readonly folder: RunFolder;
  /** The processes that train together, of which the first one has the folder. */
  readonly communicator: Communicator;
  /** Stops the run after the current step, with a checkpoint; work that a resumed run can repeat is cancelled. */
  readonly stop: AbortSignal;
}

/** The resources of a run. */
export interface RunParts {
  /** The content of config.json. */
  readonly config: RunConfig;
  /** On the first process. */
  readonly records: RunRecords | undefined;
  readonly backend: Backend;
  readonly computer: StepComputer;
  readonly batches: StepBatches;
  readonly preview: Preview;
  readonly quality: QualityMeter;
  readonly epochLoss: EpochLoss;
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

const NOTHING_DUE = {};

export class Run {
  readonly #plan: RunPlan;
  readonly #parts: RunParts;

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

  /** Whether no other process trains with this one. */
  get isAlone(): boolean {
    return this.#plan.communicator.size === 1;
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
    const { computer, records, startStep } = this.#parts;
    if (startStep > 0) await records?.writePipeline(await computer.drawingWeights());
    const isDone = startStep === 0 || (await this.#explained(startStep, () => this.#makeUpFor(startStep)));
    if (startStep < this.#plan.settings.steps) await records?.removeFinalSamples();
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
    const { records, epochLoss, speed } = this.#parts;
    const { imagesPerSecond, seconds } = speed;
    const record = { ...result, imagesPerSecond, seconds, ...epochLoss.add(result.step, result.loss) };
    records?.append(record);
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
      const measured = due.quality ? await this.#measure() : NOTHING_DUE;
      const drawn = due.samples ? await this.#drawSamples(step) : NOTHING_DUE;
      const isCancelled = measured === undefined || drawn === undefined;
      // A later stop is the caller's to see.
      const [stops, isLeft] = await anyOf(this.#plan.communicator, [this.#plan.stop.aborted, isCancelled]);
      const checkpoint = stops || due.checkpoint ? await this.#writeCheckpoint(step) : undefined;
      // Who has stopped may end at once, and would take the first process, which still writes, for one that hangs.
      if (stops) await this.#plan.communicator.barrier();
      return { stops, isLeft, ...measured, ...drawn, ...(checkpoint !== undefined && { checkpoint }) };
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
    const { records, preview, quality, computer, backend } = this.#parts;
    try {
      await records?.close();
    } finally {
      await preview.close();
      quality.close();
      computer.dispose();
      await backend.close();
      await records?.release();
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
    const { communicator } = this.#plan;
    const { records } = this.#parts;
    const [isUnmeasured, isUndrawn] = await anyOf(communicator, [
      due.quality && records?.isMeasured(step) === false,
      due.samples && (await records?.hasGrid(step)) === false,
    ]);
    const measured = isUnmeasured ? await this.#measure() : NOTHING_DUE;
    const drawn = isUndrawn ? await this.#drawSamples(step) : NOTHING_DUE;
    const isCancelled = measured === undefined || drawn === undefined;
    const [isLeft] = await anyOf(communicator, [isCancelled]);
    return !isLeft;
  }

  /**
   * Measures the quality of the model's images and adds it to the record of the last step.
   * @returns the numbers, on the first process; undefined when it was cancelled
   */
  async #measure(): Promise<Pick<StepOutcome, "quality"> | undefined> {
    const { communicator, options, settings, stop: signal } = this.#plan;
    const { computer, preview, quality: meter, records, speed } = this.#parts;
    const { data, model, onStage } = options;
    const { evalCount } = settings;
    const prepared = await this.#unlessStopped(async () => {
      if (records !== undefined && !meter.isReady) onStage?.("data features");
      // Untimed: it happens once per run, so it does not predict the next measurement.
      if (records !== undefined) await meter.prepare({ signal });
      return true;
    });
    const [isCancelled] = await anyOf(communicator, [prepared === undefined]);
    if (isCancelled) return undefined;
    return this.#unlessStopped(() =>
      speed.timeAside("quality", async () => {
        onStage?.("quality", 0);
        const onProgress = (share: number) => onStage?.("quality", share);
        // The data's class proportions, because the comparison is with the data as a whole.
        const classLabels =
          data.labels && isClassConditional(model)
            ? proportionalClasses(data.labels.of, evalCount)
            : undefined;
        const weights = await computer.drawingWeights();
        const images = await preview.drawImages(weights, evalCount, { classLabels, signal, onProgress });
        if (images === undefined) return {};
        const quality = await meter.measure(images, { signal });
        records?.addQuality(quality);
        return { quality };
      }),
    );
  }

  /** @returns the grid's path, on the first process; undefined when it was cancelled */
  #drawSamples(step: number): Promise<Pick<StepOutcome, "samples"> | undefined> {
    const { options, stop } = this.#plan;
    const { computer, preview, records, speed } = this.#parts;
    options.onStage?.("samples");
    return this.#unlessStopped(() =>
      speed.timeAside("samples", async () => {
        const grid = await preview.drawGrid(await computer.drawingWeights(), stop);
        return grid && records ? { samples: await records.writeGrid(step, grid) } : {};
      }),
    );
  }

  /** @returns the checkpoint's folder, on the first process */
  async #writeCheckpoint(step: number): Promise<string | undefined> {
    const { computer, epochLoss, records, speed } = this.#parts;
    if (records === undefined) return undefined;
    this.#plan.options.onStage?.("checkpoint");
    return speed.timeAside("checkpoint", async () => {
      const { timestepLosses, lossScale } = computer;
      const state = {
        step,
        epochLossSum: epochLoss.sum,
        ...(timestepLosses && { timestepLosses }),
        ...(lossScale && { lossScale }),
      };
      return records.writeCheckpoint(state, await computer.values(step));
    });
  }

  /** Runs work that a stop cancels: the checkpoint has priority, and a resumed run repeats the work. */
  async #unlessStopped<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { stop } = this.#plan;
    try {
      return await work();
    } catch (error) {
      if ((stop.aborted && error === stop.reason) || error instanceof CancelledElsewhere) return undefined;
      throw error;
    }
  }

  #explained<T>(step: number, work: () => Promise<T>): Promise<T> {
    return explainDivergence(this.#plan.folder, this.#plan.settings, step, work);
  }
}
