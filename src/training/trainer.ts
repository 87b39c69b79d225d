// The Trainer: a model, images and settings in, a run's folder out. Steps are yielded as they are done.
//
// Everything random is a function of (seed, step), and of what a checkpoint holds, so a run that was stopped anywhere,
// even killed, goes on from its last checkpoint to the same bytes as one that never stopped.

import { files } from "#platform";
import { fillBatch, fillConditions } from "../data/batches.ts";
import { type Backend, readOutputs } from "../engine/backend.ts";
import { type BackendOptions, createBackend } from "../engine/backends/create.ts";
import { hostTensor } from "../engine/host_tensor.ts";
import { stepsPerEpoch } from "./presets.ts";
import { checkpointSteps } from "./run/checkpoint.ts";
import { checkDisk, runBytes } from "./run/disk.ts";
import { divergence } from "./run/divergence.ts";
import type { InitRecord } from "./run/initial_weights.ts";
import type { StepMetrics } from "./run/metrics_log.ts";
import { closeSession, openSession, type RunPlan, type Session } from "./run/open_run.ts";
import { AfterStep, type StepOutcome } from "./run/run.ts";
import { checkResumable, RunFolder } from "./run/run_folder.ts";
import { RunLock } from "./run/run_lock.ts";
import { Speedometer } from "./run/speedometer.ts";
import type { TrainSettings } from "./settings.ts";
import { type EmaConfig, emaDecay, emaDefaults } from "./step/ema.ts";
import { learningRateAt } from "./step/lr_schedule.ts";
import { type Objective, objectiveOf } from "./step/objective.ts";
import { checkFit, codecOf, resolveSettings, runConfig, type TrainerOptions } from "./trainer_options.ts";

/** A step that was done, and what was written after it. */
export interface TrainProgress extends StepMetrics, StepOutcome {
  /** Steps of the whole run. */
  readonly steps: number;
  /** Epochs of the whole run; the last may be cut short. */
  readonly epochs: number;
  /** Estimated time to the end of the run. */
  readonly secondsLeft: number;
}

/** Trains a model on images, and keeps a run's folder: metrics, samples, checkpoints and the pipeline. */
export class Trainer {
  readonly settings: TrainSettings;
  readonly folder: RunFolder;
  readonly #options: TrainerOptions;
  readonly #ema: EmaConfig | null;
  readonly #objective: Objective;
  readonly #stop = new AbortController();
  #session: Session | undefined;
  #finished = false;

  /** @throws TrainingOptionError naming the option that is wrong, RangeError when an image size does not fit the model */
  constructor(options: TrainerOptions) {
    this.#options = options;
    this.settings = resolveSettings(options);
    this.#objective = objectiveOf(options.scheduler);
    this.folder = new RunFolder(options.out);
    const { emaMaxDecay } = this.settings;
    this.#ema = emaMaxDecay === null ? null : { ...emaDefaults, decay: emaMaxDecay };
    checkFit(options, this.settings);
  }

  /** Steps done before this trainer began; known after `prepare`. */
  get startStep(): number {
    return this.#session?.startStep ?? 0;
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
    return this.#session?.config.init;
  }

  /** Bytes of a step's intermediate results; known after `prepare`. */
  get arenaBytes(): number {
    return this.#session?.executable.stats.arenaBytes ?? 0;
  }

  /**
   * Everything before the first step: checks the folder, starts the backend, compiles the step, and with `resume`
   * reads the last checkpoint. `run` does it if it was not done.
   * @throws RunFolderError, FileError, MemoryError, in one line; the folder is then as it was
   */
  async prepare(): Promise<void> {
    if (this.#session) return;
    const lock = new RunLock(this.folder.path);
    let backend: Backend | undefined;
    try {
      let config = runConfig(this.#options, this.settings);
      if (this.#options.resume) {
        const before = await this.folder.readConfig();
        checkResumable(this.folder, before, config);
        config = { ...config, ...(before.init && { init: before.init }) };
        await lock.acquire(() => this.#options.onStage?.("lock"));
        await lock.writing(() => this.folder.repair());
        this.#finished = await this.#isFinished();
      } else await this.folder.checkFree();
      if (!this.#finished) {
        await this.#checkDisk();
        this.#options.onStage?.("compile");
        backend = await createBackend(this.#backendOptions);
        this.#session = await openSession(this.#plan, backend, config, lock);
      }
    } finally {
      if (this.#session === undefined) {
        await backend?.close();
        await lock.release();
      }
    }
  }

  async #checkDisk(): Promise<void> {
    const { parameterCount } = this.#options.model;
    const needed = runBytes(parameterCount, this.settings.keepCheckpoints, this.#ema !== null);
    await checkDisk(this.folder.path, needed);
  }

  /**
   * Trains, and yields after each step. Ends after the last one, or after `stop`.
   * @throws DivergenceError when the loss stops being finite, FileError when the disk is full, ...
   */
  async *run(): AsyncGenerator<TrainProgress, void, void> {
    await this.prepare();
    const session = this.#session;
    if (session === undefined) return;
    try {
      const { startStep, writer } = session;
      const after = new AfterStep(this.#plan, session, this.#stop.signal);
      if (startStep > 0) {
        await writer.writePipeline();
        const isDone = await after.catchUp(startStep);
        this.#finished = isDone && startStep === this.settings.steps;
      }
      if (startStep === this.settings.steps) return;
      await writer.removeFinalSamples();
      yield* this.#steps(session, after);
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
    const session = this.#session;
    this.#session = undefined;
    if (session) await closeSession(session);
  }

  async *#steps(session: Session, after: AfterStep): AsyncGenerator<TrainProgress, void, void> {
    const { steps, sampleEvery, evalEvery, checkpointEvery, batchSize } = this.settings;
    const { metrics } = session;
    const every = { samples: sampleEvery, quality: evalEvery, checkpoint: checkpointEvery };
    const perEpoch = stepsPerEpoch(this.#options.data.count, batchSize);
    const speed = new Speedometer(batchSize, metrics.secondsBefore);
    let epochLossSum = session.startEpochLossSum;
    for (let step = session.startStep + 1; step <= steps; step++) {
      const { loss, gradNorm, learningRate } = await speed.time(() => this.#step(session, step));
      epochLossSum += loss;
      const inEpoch = ((step - 1) % perEpoch) + 1;
      const ends = inEpoch === perEpoch || step === steps;
      const record: StepMetrics = {
        step,
        epoch: Math.ceil(step / perEpoch),
        loss,
        learningRate,
        gradNorm,
        imagesPerSecond: speed.imagesPerSecond,
        seconds: speed.seconds,
        ...(ends && { epochLoss: epochLossSum / inEpoch }),
      };
      if (ends) epochLossSum = 0;
      metrics.append(record);
      const { stops, isLeft, ...outcome } = await after.outcome({ step, epochLossSum }, speed);
      this.#finished = step === steps && !isLeft;
      yield {
        ...record,
        steps,
        epochs: Math.ceil(steps / perEpoch),
        secondsLeft: speed.secondsLeft(steps - step, every),
        ...outcome,
      };
      if (stops) return;
    }
  }

  /** @param step from 1 */
  async #step(
    { backend, executable, sampler, labels, timesteps, trainStep }: Session,
    step: number,
  ): Promise<{ loss: number; gradNorm: number; learningRate: number }> {
    const { seed, batchSize, lrSchedule: schedule, augmentProbability } = this.settings;
    const done = step - 1;
    const learningRate = learningRateAt(done, { ...this.settings, schedule });
    const drawn = timesteps?.draw(batchSize, seed, done);
    const batch = sampler.batch(done);
    const { data } = this.#options;
    const { height, width } = data.size;
    const images = hostTensor(fillBatch(data, batch), [batchSize, height, width, data.channels]);
    const latents = await codecOf(this.#options).encode(images, backend);
    const run = executable.begin(
      trainStep.feeds({
        images: latents.data,
        ...(augmentProbability > 0 && { conditions: fillConditions(batch) }),
        key: Int32Array.of(seed | 0, Math.floor(seed / 2 ** 32) | 0, done),
        ...drawn,
        ...(labels && { classLabels: labels.batch(batch.indices, done) }),
        step: done,
        learningRate,
        ...(this.#ema && { emaDecay: emaDecay(step, this.#ema) }),
      }),
    );
    const [[loss], [gradNorm]] = await readOutputs(run, 2);
    const lossByImage = drawn && (await run.read(2));
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      const what = Number.isFinite(loss)
        ? `the gradient's norm became ${gradNorm}`
        : `the loss became ${loss}`;
      throw await divergence(this.folder, this.settings, step, `${what} in step ${step}`);
    }
    if (drawn && lossByImage) timesteps?.observe(drawn.timesteps, lossByImage);
    return { loss, gradNorm, learningRate };
  }

  async #isFinished(): Promise<boolean> {
    const { finalSamples, pipeline } = this.folder;
    const { steps, sampleEvery, evalEvery } = this.settings;
    const last = (await checkpointSteps(this.folder)).at(-1);
    // The last grid comes after the last numbers; in a run without grids, only the metrics tell of these.
    const hasNumbers = sampleEvery > 0 ? await files.exists(finalSamples) : evalEvery === 0;
    return last === steps && hasNumbers && (await files.exists(pipeline));
  }

  get #plan(): RunPlan {
    const { settings, folder } = this;
    return { options: this.#options, settings, objective: this.#objective, ema: this.#ema, folder };
  }

  get #backendOptions(): BackendOptions {
    const { backend = "wasm", threads } = this.#options;
    return { backend, ...(threads !== undefined && { threads }) };
  }
}
