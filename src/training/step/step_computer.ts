// Computes one training step after another: takes a batch, returns the loss and the gradient's norm. It uses no run
// folder and writes no files, so steps can be computed without a folder.

import type { Communicator } from "../../distributed/communicator.ts";
import { singleProcess } from "../../distributed/single.ts";
import type { Backend } from "../../engine/backend.ts";
import { TorchGenerator } from "../../engine/random/torch_generator.ts";
import type { StateDict } from "../../io/state_dict.ts";
import { DivergenceError } from "../errors.ts";
import type { TrainSettings } from "../settings.ts";
import { partWeights } from "./augment_embedding.ts";
import { compileTrainStep, startState } from "./compile_step.ts";
import { emaConfig, emaDecay } from "./ema.ts";
import type { LossScaleState } from "./loss_scale.ts";
import { learningRateAt } from "./lr_schedule.ts";
import type { StepBatch } from "./step_batches.ts";
import type { StepPrograms } from "./step_programs.ts";
import type { TracedStep } from "./traced_step.ts";

/** The result of one step. */
export interface StepResult {
  /** From 1. */
  readonly step: number;
  readonly loss: number;
  /** Norm of the whole gradient before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** The factor of the loss with which the step succeeded, in fp16. */
  readonly lossScale?: number;
}

/** The values of all that training changes, the `TrainState`. */
export interface StateValues {
  readonly network: StateDict;
  readonly expAvg: StateDict;
  readonly expAvgSq: StateDict;
  readonly momentumBuffer: StateDict;
  readonly ema: StateDict | null;
}

export class StepComputer {
  readonly #backend: Backend;
  readonly #traced: TracedStep;
  readonly #settings: TrainSettings;
  readonly #programs: StepPrograms;

  private constructor(backend: Backend, traced: TracedStep, settings: TrainSettings, programs: StepPrograms) {
    this.#backend = backend;
    this.#traced = traced;
    this.#settings = settings;
    this.#programs = programs;
  }

  /**
   * For a run's first step: draws weights that have no value from the seed, on the backend only, not in the model.
   * @throws MemoryError, ThreadError
   */
  static async begin(
    backend: Backend,
    traced: TracedStep,
    settings: TrainSettings,
    communicator?: Communicator,
  ): Promise<StepComputer> {
    const drawn = traced.network.initializeMissing(new TorchGenerator(settings.seed));
    try {
      startState(traced);
      return await StepComputer.resume(backend, traced, settings, communicator);
    } finally {
      for (const parameter of drawn) parameter.release();
    }
  }

  /** Continues from loaded weights, moments and average. @throws MemoryError, ThreadError */
  static async resume(
    backend: Backend,
    traced: TracedStep,
    settings: TrainSettings,
    communicator: Communicator = singleProcess(),
  ): Promise<StepComputer> {
    const programs = await compileTrainStep(backend, traced.programs, traced.share, communicator);
    releaseShadows(traced);
    return new StepComputer(backend, traced, settings, programs);
  }

  /** Bytes of a step's intermediate results. */
  get arenaBytes(): number {
    return this.#programs.arenaBytes;
  }

  /** The state of loss-second-moment sampling; undefined for other kinds of sampling. */
  get timestepLosses(): readonly (readonly number[])[] | undefined {
    return this.#traced.timesteps?.state();
  }

  /** The scale of the loss; undefined but for fp16. */
  get lossScale(): LossScaleState | undefined {
    return this.#traced.lossScale?.state();
  }

  /**
   * Computes the next step. In fp16 it is computed again with a smaller scale of the loss if its gradients were too large.
   * @throws DivergenceError when the loss or the gradient is not finite
   */
  async compute({ step, ...batch }: StepBatch): Promise<StepResult> {
    const { timesteps, lossScale } = this.#traced;
    const { batchSize, seed, lrSchedule: schedule, emaMaxDecay } = this.#settings;
    const done = step - 1;
    const learningRate = learningRateAt(done, { ...this.#settings, schedule });
    const ema = emaConfig(emaMaxDecay);
    const drawn = timesteps?.draw(batchSize, seed, done);
    const given = {
      ...batch,
      ...drawn,
      key: Int32Array.of(seed | 0, Math.floor(seed / 2 ** 32) | 0, done),
      step: done,
      learningRate,
      ...(ema && { emaDecay: emaDecay(step, ema) }),
    };
    for (;;) {
      const scale = lossScale?.scale;
      const { loss, gradNorm, lossByImage } = await this.#programs.run({
        ...given,
        ...(scale !== undefined && { lossScale: scale }),
      });
      if (!Number.isFinite(loss)) throw new DivergenceError(step, `the loss became ${loss} in step ${step}`);
      if (Number.isFinite(gradNorm)) {
        if (drawn && lossByImage) timesteps?.observe(drawn.timesteps, lossByImage);
        lossScale?.succeeded();
        return { step, loss, gradNorm, learningRate, ...(scale !== undefined && { lossScale: scale }) };
      }
      if (!lossScale?.failed()) {
        throw new DivergenceError(step, `the gradient's norm became ${gradNorm} in step ${step}`);
      }
    }
  }

  /**
   * The values after the steps so far; also loads the weights into the model.
   * @param step the last one
   * @throws DivergenceError when a value is not finite
   */
  async values(step: number): Promise<StateValues> {
    const { network, expAvg, expAvgSq, momentumBuffer, ema } = this.#traced;
    for (const part of [network, expAvg, expAvgSq, momentumBuffer, ema]) await part?.download(this.#backend);
    const values = {
      network: network.stateDict(),
      ema: ema?.stateDict() ?? null,
      expAvg: expAvg.stateDict(),
      expAvgSq: expAvgSq.stateDict(),
      momentumBuffer: momentumBuffer.stateDict(),
    };
    releaseShadows(this.#traced);
    for (const part of Object.values(values)) if (part) checkFinite(part, step);
    return values;
  }

  /** The model's weights for drawing images: their average, if the run keeps one. */
  async drawingWeights(): Promise<StateDict> {
    const source = this.#traced.ema ?? this.#traced.network;
    await source.download(this.#backend);
    const { model } = partWeights(source.stateDict());
    releaseShadows(this.#traced);
    return model;
  }

  /** Frees the program's memory. */
  dispose(): void {
    this.#programs.dispose();
  }
}

/** Frees on the host what only training needs; it is read back for each checkpoint. */
function releaseShadows({ expAvg, expAvgSq, momentumBuffer, ema }: TracedStep): void {
  for (const part of [expAvg, expAvgSq, momentumBuffer, ema]) part?.release();
}

function checkFinite(values: StateDict, step: number): void {
  for (const [name, { data }] of values) {
    if (!data.every(Number.isFinite)) {
      throw new DivergenceError(step, `${name} is no longer finite after step ${step}`);
    }
  }
}
