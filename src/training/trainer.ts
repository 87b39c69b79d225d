// The Trainer: a model, images and settings in, a run's folder out. Steps are yielded as they are done.
//
// Everything random is a function of (seed, step), and of what a checkpoint holds, so a run that was stopped anywhere,
// even killed, goes on from its last checkpoint to the same bytes as one that never stopped.

import type { InitRecord } from "./run/initial_weights.ts";
import type { StepMetrics } from "./run/metrics_log.ts";
import { openRun } from "./run/open_run.ts";
import type { Run, RunOutlook, StepOutcome } from "./run/run.ts";
import { RunFolder } from "./run/run_folder.ts";
import type { TrainSettings } from "./settings.ts";
import { checkFit, resolveSettings, type TrainerOptions } from "./trainer_options.ts";

/** A step that was done, and what was written after it. */
export interface TrainProgress extends StepMetrics, RunOutlook, StepOutcome {}

/** Trains a model on images, and keeps a run's folder: metrics, samples, checkpoints and the pipeline. */
export class Trainer {
  readonly settings: TrainSettings;
  readonly folder: RunFolder;
  readonly #options: TrainerOptions;
  readonly #stop = new AbortController();
  #run: Run | undefined;
  #finished = false;

  /** @throws TrainingOptionError naming the option that is wrong, RangeError when an image size does not fit the model */
  constructor(options: TrainerOptions) {
    this.#options = options;
    this.settings = resolveSettings(options);
    this.folder = new RunFolder(options.out);
    checkFit(options, this.settings);
  }

  /** Steps done before this trainer began; known after `prepare`. */
  get startStep(): number {
    return this.#run?.startStep ?? 0;
  }

  /** Whether the run has nothing left to do; known after `prepare`, and after `run`. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Whether `stop` was called. */
  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** What was kept of the weights that the model was given, and what was drawn; known after `prepare`. */
  get init(): InitRecord | undefined {
    return this.#run?.config.init;
  }

  /** Bytes of a step's intermediate results; known after `prepare`. */
  get arenaBytes(): number {
    return this.#run?.arenaBytes ?? 0;
  }

  /**
   * Everything before the first step: checks the folder, starts the backend, compiles the step, and with `resume`
   * reads the last checkpoint. `run` does it if it was not done.
   * @throws RunFolderError, FileError, MemoryError, in one line; the folder is then as it was
   */
  async prepare(): Promise<void> {
    if (this.#run) return;
    const { settings, folder } = this;
    this.#run = await openRun({ options: this.#options, settings, folder, stop: this.#stop.signal });
    this.#finished = this.#run === undefined;
  }

  /**
   * Trains, and yields after each step. Ends after the last one, or after `stop`.
   * @throws DivergenceError when the loss stops being finite, FileError when the disk is full, ...
   */
  async *run(): AsyncGenerator<TrainProgress, void, void> {
    await this.prepare();
    const run = this.#run;
    if (run === undefined) return;
    const { steps } = this.settings;
    try {
      const isCaughtUp = await run.catchUp();
      this.#finished = isCaughtUp && run.startStep === steps;
      for (let step = run.startStep + 1; step <= steps; step++) {
        const result = await run.time(async () => {
          const batch = await run.batch(step);
          return run.compute(batch);
        });
        const metrics = run.record(result);
        const { stops, isLeft, ...outcome } = await run.afterStep(step);
        this.#finished = step === steps && !isLeft;
        yield { ...metrics, ...run.outlook(step), ...outcome };
        if (stops) return;
      }
    } finally {
      await this.close();
    }
  }

  /** Asks the run to end after the present step, with a checkpoint. */
  stop(): void {
    this.#stop.abort();
  }

  /** Stops the backend. `run` does it at its end. */
  async close(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    await run?.close();
  }
}
