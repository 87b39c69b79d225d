// What all pipelines of a UNet and a scheduler have in common: the model on a backend, compiled for a size of batch, and
// the batches of a call.

import type { Backend } from "../engine/backend.ts";
import { type BackendName, createBackend } from "../engine/backends/create.ts";
import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import type { ReadStateDictOptions } from "../io/state_dict.ts";
import type { UNet2DModel } from "../models/unet_2d_model.ts";
import { isSchedulerName, type Scheduler, type SchedulerName, schedulers } from "../schedulers/index.ts";
import {
  type ClassCondition,
  type ClassLabel,
  type ClassOptions,
  classCondition,
  type Id2Label,
  ModelClasses,
} from "./class_labels.ts";
import { type BatchModel, compileDenoiser, type UNetProgram } from "./denoiser_program.ts";
import { NotFiniteError, PipelineError, pipelineErrorOf, wholeAtLeast1 } from "./errors.ts";
import type { Warn } from "./folders.ts";
import type { HubLoadOptions } from "./hub.ts";
import { type SamplingStep, toUnitRange } from "./sampling.ts";
import type { SeedOptions } from "./seeding.ts";

/** Images of one run of the model unless asked otherwise. */
const DEFAULT_BATCH = 16;

/** What a pipeline runs on, and the names of its classes. */
export interface PipelineOptions {
  /** Which backend to start when images are first asked for (default "wasm"), or one to share, which stays open. */
  readonly backend?: BackendName | Backend;
  /** Threads of a backend of its own. Default: what the machine has. */
  readonly threads?: number;
  /** Names of the classes of a class-conditional model; `fromPretrained` reads them from model_index.json. */
  readonly id2label?: Id2Label;
}

/** How a pipeline is loaded. */
export interface FromPretrainedOptions extends PipelineOptions, ReadStateDictOptions, HubLoadOptions {
  /** Told of things in the files that mean nothing here. */
  readonly warn?: Warn;
}

/** What every pipeline can be asked for. */
export interface DrawOptions extends SeedOptions, ClassOptions {
  /** Images. Default 1. */
  readonly count?: number;
  /** Images computed at a time. Default 16. */
  readonly batchSize?: number;
  /** Called after each denoising step with the batch as it is: [N, H, W, C], in [-1, 1]. */
  readonly onStep?: (step: BatchStep) => void;
  /** Ends the work at the next step: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A sampling step of one of the batches. */
export interface BatchStep extends SamplingStep {
  /** Index of the batch's first image. */
  readonly firstImage: number;
  readonly count: number;
}

/** Draws one batch, [N, H, W, C]; of its images the first `count` are asked for. */
export type DrawBatch = (
  model: BatchModel,
  shape: readonly [number, number, number, number],
  firstImage: number,
  count: number,
) => Promise<HostTensor>;

/** Told of the steps of one batch: ends the work where that is asked for, or leads nowhere, and passes them on. */
export const batchWatch =
  ({ onStep, signal }: DrawOptions, firstImage: number, count: number) =>
  (step: SamplingStep): void => {
    signal?.throwIfAborted();
    checkFinite(step.sample, `after step ${step.step} of ${step.steps}`);
    onStep?.({ ...step, firstImage, count });
  };

/** @throws NotFiniteError for values that are no finite numbers */
function checkFinite({ data }: HostTensor, when: string): void {
  const wrong = data.find((x) => !Number.isFinite(x));
  if (wrong === undefined) return;
  throw new NotFiniteError(
    `the images hold ${wrong} ${when}: the weights are damaged or of a run that diverged, or guidance or an option of the scheduler is too large; use an earlier checkpoint, less guidance or another scheduler`,
  );
}

export abstract class UNetPipeline {
  readonly unet: UNet2DModel;
  readonly scheduler: Scheduler;
  /** What the model can draw images of; null for a model that is not class-conditional. */
  readonly classes: ModelClasses | null;
  readonly #options: PipelineOptions;
  readonly #programs = new Map<string, UNetProgram>();
  #backend: Backend | undefined;
  #uploaded = false;

  /** @throws PipelineError for names of classes that the model does not have */
  constructor(unet: UNet2DModel, scheduler: Scheduler, options: PipelineOptions = {}) {
    this.unet = unet;
    this.scheduler = scheduler;
    this.classes = ModelClasses.of(unet, options.id2label);
    this.#options = options;
  }

  /** The size of its images, pixels. @throws PipelineError when the model's config does not say */
  get imageSize(): { height: number; width: number; channels: number } {
    const { sampleSize, inChannels } = this.unet.config;
    if (sampleSize === null) {
      throw new PipelineError(
        "the model's config has no sample_size, so the size of its images is not known",
      );
    }
    const [height, width] = typeof sampleSize === "number" ? [sampleSize, sampleSize] : sampleSize;
    return { height, width, channels: inChannels };
  }

  /** The short name of the pipeline's own scheduler. @throws PipelineError when it has none */
  get schedulerName(): SchedulerName {
    const own = this.scheduler.toConfig()._class_name;
    const name = Object.keys(schedulers)
      .filter(isSchedulerName)
      .find((key) => schedulers[key].className === own);
    if (name !== undefined) return name;
    throw new PipelineError(`the pipeline's own scheduler, ${String(own)}, is unknown here`);
  }

  /** Class names to numbers, in a map: diffusers' DiTPipeline.labels. Empty where classes have no names. */
  get labels(): ReadonlyMap<string, number> {
    return this.classes?.labels ?? new Map();
  }

  /** The numbers of classes (DiTPipeline.get_label_ids). @throws PipelineError for one that the model does not have */
  getLabelIds(labels: ClassLabel | readonly ClassLabel[]): readonly number[] {
    if (this.classes !== null) return this.classes.ids(labels);
    throw new PipelineError("the model is not class-conditional: it has no classes");
  }

  /** Says that the model's weights have changed: the next images are drawn with the new ones. */
  weightsChanged(): void {
    this.#uploaded = false;
  }

  /** Frees the compiled programs, and the backend if it is the pipeline's own. */
  async close(): Promise<void> {
    for (const { executable } of this.#programs.values()) executable.dispose();
    this.#programs.clear();
    if (typeof this.#options.backend !== "object") await this.#backend?.close();
    this.#backend = undefined;
    this.#uploaded = false;
  }

  /** @throws PipelineError for counts out of range, for a model that cannot draw images, and for classes it has not */
  protected checkDrawing(options: DrawOptions): void {
    const { count = 1, batchSize = 1 } = options;
    wholeAtLeast1("count", count);
    wholeAtLeast1("batchSize", batchSize);
    const { height, width } = this.imageSize;
    const { sizeFactor } = this.unet;
    if (height % sizeFactor !== 0 || width % sizeFactor !== 0) {
      throw new PipelineError(
        `the model's sample_size ${width} x ${height} is not a multiple of ${sizeFactor}`,
      );
    }
    classCondition(this.unet, this.classes, options);
  }

  /**
   * Draws images batch by batch.
   * @returns [count, H, W, C], values in [0, 1]
   */
  protected async drawBatches(options: DrawOptions, draw: DrawBatch): Promise<HostTensor> {
    const { count = 1, noise, batchSize = noise ? count : DEFAULT_BATCH } = options;
    const { height, width, channels } = this.imageSize;
    // Equal batches: all run the same compiled program, and few places of the last one stay unused.
    const size = Math.ceil(count / Math.ceil(count / batchSize));
    const shape = [size, height, width, channels] as const;
    const condition = classCondition(this.unet, this.classes, options);
    const program = await this.#program(shape, condition);
    const images = new Float32Array(count * height * width * channels);
    for (let first = 0; first < count; first += size) {
      const model = program.forBatch(condition, first);
      const drawn = draw(model, shape, first, Math.min(size, count - first));
      const sample = await drawn.catch((error: unknown) => Promise.reject(pipelineErrorOf(error)));
      checkFinite(sample, "at the end");
      const at = first * numel(shape.slice(1));
      images.set(toUnitRange(sample).data.subarray(0, images.length - at), at);
    }
    return hostTensor(images, [count, height, width, channels]);
  }

  async #openBackend(): Promise<Backend> {
    const { backend, threads } = this.#options;
    if (typeof backend === "object") return backend;
    return createBackend({ ...(backend && { backend }), ...(threads !== undefined && { threads }) });
  }

  async #program(
    shape: readonly [number, number, number, number],
    condition: ClassCondition | null,
  ): Promise<UNetProgram> {
    const isGuided = condition !== null && condition.guidance !== null;
    this.#backend ??= await this.#openBackend();
    if (!this.#uploaded) this.unet.upload(this.#backend);
    this.#uploaded = true;
    const key = `${shape.join("x")}${isGuided ? " guided" : ""}`;
    const known = this.#programs.get(key);
    if (known) return known;
    const program = await compileDenoiser(this.#backend, this.unet, shape, isGuided);
    this.#programs.set(key, program);
    return program;
  }
}
