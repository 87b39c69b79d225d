// The Trainer: takes a model, images and settings, fills a run's folder, and yields each completed step.
//
// Everything random is a function of (seed, step) and of a checkpoint's content, so a run that was stopped anywhere,
// even killed, continues from its last checkpoint to the same bytes as one that never stopped.

import { singleProcess } from "../distributed/single.ts";
import type { InitRecord } from "./run/initial_weights.ts";
import type { StepMetrics } from "./run/metrics_log.ts";
import { openRun } from "./run/open_run.ts";
import type { Run, RunOutlook, StepOutcome } from "./run/run.ts";
import { RunFolder } from "./run/run_folder.ts";
import type { TrainSettings } from "./settings.ts";
import { checkFit, resolveSettings, type TrainerOptions } from "./trainer_options.ts";

const A_WHILE_MS = 60_000;

/** A completed step, and the files written after it. */
export interface TrainProgress extends StepMetrics, RunOutlook, StepOutcome {}

/** Trains a model on images, and writes a run's folder: metrics, samples, checkpoints and the pipeline. */
export class Trainer {
  /** All settings of the run, defaults resolved. */
  readonly settings: TrainSettings;
  /** Where the run's files are. */
  readonly folder: RunFolder;
  readonly #options: TrainerOptions;
  readonly #stop = new AbortController();
  #run: Run | undefined;
  #finished = false;
  #pause: { readonly end: Promise<void>; readonly unpause: () => void } | undefined;

  /** @throws TrainingOptionError naming the wrong option, RangeError when an image size does not fit the model */
  constructor(options: TrainerOptions) {
    this.#options = options;
    this.settings = resolveSettings(options);
    this.folder = new RunFolder(options.out);
    checkFit(options, this.settings);
  }

  /** Steps done before this trainer started; known after `prepare`. */
  get startStep(): number {
    return this.#run?.startStep ?? 0;
  }

  /** Whether the run is complete; known after `prepare`, and after `run`. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Whether `stop` was called. */
  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Whether the run waits, or will after the current step, for `unpause` or `stop`. */
  get paused(): boolean {
    return this.#pause !== undefined;
  }

  /** Which of the model's weights were given and which were drawn; known after `prepare`. */
  get init(): InitRecord | undefined {
    return this.#run?.config.init;
  }

  /**
   * What the run computes on, for people: "the processor (WebAssembly)"; and why not on a GPU, where that was not asked
   * for. Known after `prepare`.
   */
  get device(): { readonly name: string; readonly reason?: string } | undefined {
    const { device: name, backendReason: reason } = this.#run?.config ?? {};
    return name === undefined ? undefined : { name, ...(reason !== undefined && { reason }) };
  }

  /** Bytes of a step, with weights and optimizer; known after `prepare`. */
  get memoryBytes(): number {
    return this.#run?.memoryBytes ?? 0;
  }

  /** Bytes of a step's intermediate results; known after `prepare`. */
  get arenaBytes(): number {
    return this.#run?.arenaBytes ?? 0;
  }

  /**
   * Does the work before the first step: checks the folder, starts the backend, compiles the step, and with `resume`
   * reads the last checkpoint. `run` calls it if needed.
   * @throws RunFolderError, FileError, MemoryError, in one line; the folder is then unchanged
   */
  async prepare(): Promise<void> {
    if (this.#run) return;
    const { settings, folder } = this;
    const options = this.#options;
    const { communicator = singleProcess() } = options;
    this.#run = await openRun({ options, settings, folder, communicator, stop: this.#stop.signal });
    this.#finished = this.#run === undefined;
  }

  /**
   * Trains, and yields after each step. Ends after the last one, or after `stop`. The checkpoint of a step that was
   * stopped while it was handled is written after its report, which therefore does not name it: it is
   * `folder.checkpoint(step)`.
   * @throws DivergenceError when the loss is no longer finite, FileError when the disk is full, ...
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
        if (this.#pause !== undefined) await run.pause(this.#pause.end);
        // Several processes learn of it together, after the next step.
        if (this.stopped && run.isAlone) {
          // Stopped while the step was handled, or the run was paused.
          if (outcome.checkpoint === undefined) await run.saveCheckpoint(step);
          return;
        }
      }
    } finally {
      await this.close();
    }
  }

  /**
   * Ends the run after the current step, with a checkpoint: after the step being computed or, called while the report
   * of a step is handled, after that one. Let the loop over `run` come to its end: leaving it writes nothing.
   */
  stop(): void {
    this.#stop.abort();
    this.unpause();
  }

  /**
   * Holds the run after the current step, until `unpause` or `stop`. Memory, GPU and the run's folder stay taken; the
   * pause is not counted as time of training.
   */
  pause(): void {
    if (this.paused || this.stopped) return;
    // Node ends a process that waits for nothing but a promise.
    const wait = setInterval(() => {}, A_WHILE_MS);
    let release = (): void => {};
    const end = new Promise<void>((resolve) => {
      release = resolve;
    });
    const unpause = (): void => {
      clearInterval(wait);
      release();
    };
    this.#pause = { end, unpause };
  }

  /** Ends a pause; does nothing without one. */
  unpause(): void {
    this.#pause?.unpause();
    this.#pause = undefined;
  }

  /** Stops the backend. `run` does this at its end. */
  async close(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    await run?.close();
  }
}
