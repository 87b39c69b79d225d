// The Trainer: a model, images and settings in, a run's folder out. Steps are yielded as they are done.
//
// Everything random is a function of (seed, step), and of what a checkpoint holds, so a run that was stopped anywhere, even killed, goes on from its
// last checkpoint to the same bytes as one that never stopped.

import { existsSync } from "node:fs";
import { BatchSampler, fillBatch, fillConditions } from "../data/batches.ts";
import type { Backend, Executable } from "../engine/backend.ts";
import { type BackendOptions, createBackend } from "../engine/backends/create.ts";
import { TorchGenerator } from "../engine/random/torch_generator.ts";
import { checkpointSteps, explainDamage, type TrainingState } from "./checkpoint.ts";
import { BatchLabels, isClassConditional } from "./class_labels.ts";
import { checkDisk, runBytes } from "./disk.ts";
import { type EmaConfig, emaDecay, emaDefaults } from "./ema.ts";
import { DivergenceError, TrainingOptionError } from "./errors.ts";
import { LossSecondMoment } from "./loss_second_moment.ts";
import { learningRateAt } from "./lr_schedule.ts";
import { MetricsLog, type StepMetrics } from "./metrics_log.ts";
import { type Objective, objectiveOf, timestepCount } from "./objective.ts";
import { stepsPerEpoch } from "./presets.ts";
import { checkResumable, type RunConfig, RunFolder } from "./run_folder.ts";
import { RunLock } from "./run_lock.ts";
import { RunWriter } from "./run_writer.ts";
import { augmentOptions, type TrainSettings } from "./settings.ts";
import { Speedometer } from "./speedometer.ts";
import { checkStep, compileTrainStep, startState } from "./start.ts";
import type { TrainStep } from "./train_step.ts";
import { checkFit, resolveSettings, runConfig, stepOptions, type TrainerOptions } from "./trainer_options.ts";

/** A step that was done, and what was written after it. */
export interface TrainProgress extends StepMetrics {
  /** Steps of the whole run. */
  readonly steps: number;
  /** Epochs of the whole run; the last may be cut short. */
  readonly epochs: number;
  /** Estimated time to the end of the run. */
  readonly secondsLeft: number;
  /** The grid of samples that was drawn after this step. */
  readonly samples?: string;
  /** The checkpoint that was written after this step. */
  readonly checkpoint?: string;
}

/** What `prepare` sets up. */
interface Session {
  /** Held as long as the session lasts. */
  readonly lock: RunLock;
  readonly backend: Backend;
  readonly trainStep: TrainStep;
  readonly executable: Executable;
  readonly writer: RunWriter;
  readonly metrics: MetricsLog;
  readonly sampler: BatchSampler;
  /** What class-conditional models are told of the images. */
  readonly labels: BatchLabels | null;
  /** Draws the timesteps where the losses so far decide on them. */
  readonly timesteps: LossSecondMoment | null;
  /** Steps done before this session. */
  readonly startStep: number;
  readonly startEpochLossSum: number;
}

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

  /** Whether the run to resume has nothing left to do; known after `prepare`. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Whether `stop` was called. */
  get stopped(): boolean {
    return this.#stop.signal.aborted;
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
      const config = runConfig(this.#options, this.settings);
      if (this.#options.resume) {
        checkResumable(this.folder, await this.folder.readConfig(), config);
        await lock.acquire();
        await this.folder.repair();
        this.#finished = await this.#isFinished();
      } else await this.folder.checkFree();
      if (!this.#finished) {
        await this.#checkDisk();
        this.#options.onStage?.("compile");
        backend = await createBackend(this.#backendOptions);
        this.#session = await this.#open(backend, config, lock);
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
      if (startStep > 0) {
        await writer.writePipeline();
        await this.#drawMissing(session, startStep);
      }
      if (startStep === this.settings.steps) return;
      await writer.removeFinalSamples();
      yield* this.#steps(session);
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
    if (!session) return;
    session.metrics.close();
    await session.writer.close();
    session.executable.dispose();
    await session.backend.close();
    await session.lock.release();
  }

  async *#steps(session: Session): AsyncGenerator<TrainProgress, void, void> {
    const { steps, sampleEvery, checkpointEvery, batchSize } = this.settings;
    const { metrics } = session;
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
      const samples =
        isDue(step, sampleEvery) || step === steps
          ? await speed.timeAside("samples", () => this.#drawSamples(session, step))
          : undefined;
      // A stop that is asked for later than this ends the next step.
      const stops = this.stopped;
      const checkpoint =
        isDue(step, checkpointEvery) || step === steps || stops
          ? await speed.timeAside("checkpoint", () => this.#writeCheckpoint(session, { step, epochLossSum }))
          : undefined;
      yield {
        ...record,
        steps,
        epochs: Math.ceil(steps / perEpoch),
        secondsLeft: speed.secondsLeft(steps - step, { samples: sampleEvery, checkpoint: checkpointEvery }),
        ...(samples !== undefined && { samples }),
        ...(checkpoint !== undefined && { checkpoint }),
      };
      if (stops) return;
    }
  }

  /** @param step from 1 */
  async #step(
    { executable, sampler, labels, timesteps, trainStep }: Session,
    step: number,
  ): Promise<{ loss: number; gradNorm: number; learningRate: number }> {
    const { seed, batchSize, lrSchedule: schedule, augmentProbability } = this.settings;
    const done = step - 1;
    const learningRate = learningRateAt(done, { ...this.settings, schedule });
    const drawn = timesteps?.draw(batchSize, seed, done);
    const batch = sampler.batch(done);
    const [[loss], [gradNorm], lossByImage] = await executable.run(
      trainStep.feeds({
        images: fillBatch(this.#options.data, batch),
        ...(augmentProbability > 0 && { conditions: fillConditions(batch) }),
        key: Int32Array.of(seed | 0, Math.floor(seed / 2 ** 32) | 0, done),
        ...drawn,
        ...(labels && { classLabels: labels.batch(batch.indices, done) }),
        step: done,
        learningRate,
        ...(this.#ema && { emaDecay: emaDecay(step, this.#ema) }),
      }),
    );
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      const what = Number.isFinite(loss)
        ? `the gradient's norm became ${gradNorm}`
        : `the loss became ${loss}`;
      throw await this.#diverged(step, `${what} in step ${step}`);
    }
    if (drawn) timesteps?.observe(drawn.timesteps, lossByImage);
    return { loss, gradNorm, learningRate };
  }

  async #drawSamples({ writer }: Session, step: number): Promise<string | undefined> {
    this.#options.onStage?.("samples");
    const file = this.folder.sampleGrid(step);
    const files = step === this.settings.steps ? [file, this.folder.finalSamples] : [file];
    try {
      await writer.drawSamples(files, this.#stop.signal);
      return file;
    } catch (error) {
      // Interrupted: the checkpoint matters more, and the grid is drawn when the run is resumed.
      if (this.stopped && error === this.#stop.signal.reason) return undefined;
      throw error;
    }
  }

  /** A run that was interrupted while it drew a grid has a checkpoint of that step without it. */
  async #drawMissing(session: Session, step: number): Promise<void> {
    const isLast = step === this.settings.steps;
    if (!isLast && !isDue(step, this.settings.sampleEvery)) return;
    const wanted = isLast ? this.folder.finalSamples : this.folder.sampleGrid(step);
    if (!existsSync(wanted)) await this.#drawSamples(session, step);
  }

  async #writeCheckpoint(
    { writer, metrics, timesteps }: Session,
    state: { step: number; epochLossSum: number },
  ): Promise<string> {
    this.#options.onStage?.("checkpoint");
    metrics.sync();
    try {
      return await writer.writeCheckpoint({
        ...state,
        ...(timesteps !== null && { timestepLosses: timesteps.state() }),
      });
    } catch (error) {
      throw error instanceof DivergenceError ? await this.#diverged(error.step, error.message) : error;
    }
  }

  async #isFinished(): Promise<boolean> {
    const { finalSamples, pipeline } = this.folder;
    const last = (await checkpointSteps(this.folder)).at(-1);
    return last === this.settings.steps && existsSync(finalSamples) && existsSync(pipeline);
  }

  async #diverged(step: number, what: string): Promise<DivergenceError> {
    const last = (await checkpointSteps(this.folder)).at(-1);
    const kept =
      last === undefined
        ? "no checkpoint was written yet"
        : `the last good checkpoint is ${this.folder.checkpoint(last)}`;
    return new DivergenceError(
      step,
      `${what}: training has diverged and was stopped; ${kept}; try a lower learning rate than ${this.settings.learningRate}`,
    );
  }

  async #open(backend: Backend, config: RunConfig, lock: RunLock): Promise<Session> {
    const { settings, folder } = this;
    const { model, scheduler, data, resume = false } = this.#options;
    const step = stepOptions(this.#options, settings, this.#objective);
    checkStep(backend, step);
    // The model first: its weights are the same with what else is trained and without.
    const generator = new TorchGenerator(settings.seed);
    for (const part of [model, step.augmentEmbedding]) part?.initialize(generator);
    const trainStep = startState(step);
    const { augmentEmbedding = null } = step;
    const labels = isClassConditional(model) ? data.labels : undefined;
    const writer = new RunWriter({
      ...{ folder, settings, ema: this.#ema, model, augmentEmbedding, scheduler, trainStep, backend },
      ...(labels && { id2label: labels.names }),
    });
    const found = resume ? (await checkpointSteps(folder)).at(-1) : undefined;
    if (found !== undefined && found > settings.steps) {
      throw new TrainingOptionError(
        `${folder.path} has already done ${found} steps, more than the ${settings.steps} asked for`,
      );
    }
    const state = found === undefined ? START : await writer.readCheckpoint(found);
    const timesteps =
      settings.timestepSampling === "loss-second-moment"
        ? new LossSecondMoment(timestepCount(this.#objective))
        : null;
    if (found !== undefined && timesteps !== null) {
      await explainDamage(folder.checkpoint(found), async () =>
        timesteps.restore(state.timestepLosses ?? []),
      );
    }
    const executable = await compileTrainStep(backend, trainStep);
    if (!resume) {
      await lock.acquire();
      await folder.repair();
      await folder.checkFree();
    }
    await folder.writeConfig(config);
    return {
      lock,
      backend,
      trainStep,
      executable,
      writer,
      metrics: new MetricsLog(folder.metrics, state.step),
      sampler: new BatchSampler({
        count: data.count,
        batchSize: settings.batchSize,
        seed: settings.seed,
        flip: settings.flip,
        augment: augmentOptions(settings),
      }),
      labels: labels ? new BatchLabels(labels, settings.labelDropout, settings.seed) : null,
      timesteps,
      startStep: state.step,
      startEpochLossSum: state.epochLossSum,
    };
  }

  get #backendOptions(): BackendOptions {
    const { backend = "wasm", threads } = this.#options;
    return { backend, ...(threads !== undefined && { threads }) };
  }
}

const START: TrainingState = { step: 0, epochLossSum: 0 };

const isDue = (step: number, every: number): boolean => every > 0 && step % every === 0;
