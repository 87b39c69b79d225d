// Common to all pipelines of a model and a scheduler: the model on a backend, compiled per batch size, and the path of
// a call from noise to pictures, batch by batch.

import type { Codec, ImageSize } from "../codecs/codec.ts";
import { identity } from "../codecs/identity.ts";
import type { Backend } from "../engine/backend.ts";
import { type BackendChoice, createBackend } from "../engine/backends/create.ts";
import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import { DEFAULT_PRECISION, type Precision } from "../engine/precision.ts";
import { type Pixels, toUint8 } from "../io/image/index.ts";
import type { ReadStateDictOptions } from "../io/state_dict.ts";
import type { Denoiser } from "../models/denoiser.ts";
import type { Scheduler, SchedulerName } from "../schedulers/index.ts";
import {
  type ClassLabel,
  type ClassOptions,
  type Id2Label,
  ModelClasses,
  noClasses,
} from "./class_labels.ts";
import type { Warn } from "./components.ts";
import type { Condition, Conditioner, ImageRange } from "./conditioner.ts";
import { type BatchModel, compileDenoiser, type DenoiserProgram } from "./denoiser_program.ts";
import { asPipelineError, NotFiniteError, PipelineError, pipelineErrorOf, wholeAtLeast1 } from "./errors.ts";
import type { HubLoadOptions } from "./hub.ts";
import { checkChannels } from "./images.ts";
import { type SamplingStep, unitRange } from "./sampling.ts";
import type { SamplingDefaults } from "./sampling_defaults.ts";
import { schedulerNameOf } from "./scheduler_choice.ts";
import type { SeedOptions } from "./seeding.ts";

/** Default batch size. */
const DEFAULT_BATCH = 16;

/** A pipeline's backend, codec and conditioner. Asked: the conditioner's options in a call. */
export interface PipelineOptions<Asked = ClassOptions> {
  /** The backend to start for the first images (default "wasm"), or one to share, which stays open. */
  readonly backend?: BackendChoice | Backend;
  /** Threads of a backend that the pipeline starts. Default: the machine's number. */
  readonly threads?: number;
  /** Default fp32; fp16 for GPUs. */
  readonly precision?: Precision;
  /** Names of the classes of a class-conditional model; `fromPretrained` reads them from model_index.json. */
  readonly id2label?: Id2Label;
  /** Converts between images and the model's space. Default: the identity. */
  readonly codec?: Codec;
  /** The model's conditioner. Default: classes, if the model takes them. */
  readonly conditioner?: Conditioner<Asked>;
  /**
   * Its class in diffusers, whose defaults apply with `seedCompat`: `fromPretrained` reads it from model_index.json.
   * Default: DDPMPipeline.
   */
  readonly className?: string;
  /**
   * The scheduler and steps of calls that choose none: `fromPretrained` reads those of a training run. Default: the
   * pipeline's own scheduler, in its usual number of steps.
   */
  readonly sampling?: SamplingDefaults | undefined;
}

/** Options for loading a pipeline. */
export interface FromPretrainedOptions extends PipelineOptions, ReadStateDictOptions, HubLoadOptions {
  /** Called with warnings about parts of the files that are ignored. */
  readonly warn?: Warn;
}

/** Options of all pipelines' calls. */
export interface DrawOptions extends SeedOptions, ClassOptions {
  /** Number of images. Default 1. */
  readonly count?: number;
  /**
   * Draws these of the `count` images only, the same as with the others: so several processes share a call. Default all.
   */
  readonly part?: ImageRange;
  /** Number of images computed at once. Default 16. */
  readonly batchSize?: number;
  /** Called after each denoising step with the batch in the model's space; `decode` converts it to images. */
  readonly onStep?: (step: BatchStep) => void;
  /** Cancels the work at the next step: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A sampling step of one of the batches. */
export interface BatchStep extends SamplingStep {
  /** Index of the batch's first image. */
  readonly firstImage: number;
  /** How many images of the batch were asked for. */
  readonly count: number;
}

/** Images of a call that are drawn together. */
export interface Batch {
  readonly model: BatchModel;
  /** [N, h, w, c], in the model's space. */
  readonly shape: readonly [count: number, height: number, width: number, channels: number];
  readonly firstImage: number;
  /** Number of requested images; the others only fill up the batch. */
  readonly count: number;
}

/** Draws a batch from noise. @returns [N, h, w, c], in the model's space */
export type DrawBatch = (batch: Batch) => Promise<HostTensor>;

/** The step callback of one batch: checks for cancellation and finite values, and passes the steps on. */
export const batchWatch =
  ({ onStep, signal }: DrawOptions, { firstImage, count }: Pick<Batch, "firstImage" | "count">) =>
  (step: SamplingStep): void => {
    signal?.throwIfAborted();
    checkFinite(step.sample, `after step ${step.step} of ${step.steps}`);
    onStep?.({ ...step, firstImage, count });
  };

/** @throws NotFiniteError for values that are not finite */
function checkFinite({ data }: HostTensor, when: string): void {
  const wrong = data.find((x) => !Number.isFinite(x));
  if (wrong === undefined) return;
  throw new NotFiniteError(
    `the images hold ${wrong} ${when}: the weights are damaged or of a run that diverged, or guidance or an option of the scheduler is too large; use an earlier checkpoint, less guidance or another scheduler`,
  );
}

export abstract class DiffusionPipeline<D extends Denoiser, Options extends DrawOptions> {
  /** The model. */
  readonly unet: D;
  /** As saved with the model: calls that choose another one take its noise schedule. */
  readonly scheduler: Scheduler;
  /** From images to the model's space and back. */
  readonly codec: Codec;
  /** Turns a call's options, such as class labels, into inputs of the model. */
  readonly conditioner: Conditioner<Options>;
  /** The model's classes; null for a model that is not class-conditional. */
  readonly classes: ModelClasses | null;
  /** Its class in diffusers. */
  readonly className: string;
  /** The scheduler and steps of calls that choose none. */
  readonly sampling: SamplingDefaults | undefined;
  readonly #options: PipelineOptions<Options>;
  /** Shared by concurrent calls: the second waits for the program that the first one compiles. */
  readonly #programs = new Map<string, Promise<DenoiserProgram>>();
  /** The backend that this pipeline started, if any. */
  #backend: Promise<Backend> | undefined;
  #uploaded = false;

  /** @throws PipelineError for names of classes that the model does not have */
  constructor(unet: D, scheduler: Scheduler, options: PipelineOptions<Options> = {}) {
    const { conditioner, id2label, codec = identity } = options;
    if (conditioner !== undefined && id2label !== undefined) {
      throw new PipelineError(
        "id2label names classes, which a conditioner that is given knows; leave it out",
      );
    }
    this.unet = unet;
    this.scheduler = scheduler;
    this.codec = codec;
    this.conditioner = conditioner ?? ModelClasses.of(unet, id2label) ?? noClasses;
    this.classes = this.conditioner instanceof ModelClasses ? this.conditioner : null;
    this.className = options.className ?? "DDPMPipeline";
    this.sampling = options.sampling;
    this.#options = options;
  }

  /** Height and width of its images, pixels. @throws PipelineError when the model's config does not give a size */
  get imageSize(): ImageSize {
    return this.#imageSizeOf(this.#ownLatentSize);
  }

  #imageSizeOf(latents: ImageSize): ImageSize {
    return asPipelineError(() => this.codec.imageSize(latents));
  }

  /**
   * The size of a call's images in the model's space: that of the model's config, if the pipeline's calls choose none.
   * @throws PipelineError for a size that the model cannot draw
   */
  protected latentSize(_options: Options): ImageSize {
    return this.#ownLatentSize;
  }

  /** Channels of x_t, of which the model may see further ones. */
  protected get latentChannels(): number {
    return this.unet.inChannels;
  }

  /** Whether the schedulers get no learned variance. */
  protected get meanOnly(): boolean {
    return false;
  }

  get #ownLatentSize(): ImageSize {
    const { sampleSize } = this.unet;
    if (sampleSize !== null) return { ...sampleSize, channels: this.latentChannels };
    throw new PipelineError("the model's config has no sample_size, so the size of its images is not known");
  }

  /** The short name of the pipeline's own scheduler. @throws PipelineError when it has none */
  get schedulerName(): SchedulerName {
    return schedulerNameOf(this.scheduler);
  }

  /** Class names to numbers: diffusers' DiTPipeline.labels. Empty where classes have no names. */
  get labels(): ReadonlyMap<string, number> {
    return this.classes?.labels ?? new Map();
  }

  /** The numbers of classes (DiTPipeline.get_label_ids). @throws PipelineError for one that the model does not have */
  getLabelIds(labels: ClassLabel | readonly ClassLabel[]): readonly number[] {
    if (this.classes !== null) return this.classes.ids(labels);
    throw new PipelineError("the model is not class-conditional: it has no classes");
  }

  /** Call after a change of the model's weights: the next images use the new ones. */
  weightsChanged(): void {
    this.#uploaded = false;
  }

  /** Brings the weights up to date, which drawing and saving do by themselves; of pipelines with LoRAs. */
  prepareWeights?(): Promise<void>;

  /** Frees the compiled programs, and the backend if this pipeline started it. */
  async close(): Promise<void> {
    const programs = [...this.#programs.values()];
    const backend = this.#backend;
    this.#programs.clear();
    this.#backend = undefined;
    this.#uploaded = false;
    for (const compiled of await Promise.allSettled(programs)) {
      if (compiled.status === "fulfilled") compiled.value.executable.dispose();
    }
    await (await backend?.catch(() => undefined))?.close();
  }

  /**
   * Draws images.
   * @returns [count, H, W, C], values in [0, 1]; count is that of the part, if one is asked for
   * @throws PipelineError for options out of range
   */
  async generate(options: Options): Promise<HostTensor> {
    const draw = this.plan(options);
    const { height, width, channels } = this.#imageSizeOf(this.latentSize(options));
    const { count } = drawnOf(options);
    const values = height * width * channels;
    const images = new Float32Array(count * values);
    let first = 0;
    for await (const drawn of this.#drawn(options, draw)) {
      const { data, shape } = await this.decode(drawn);
      unitRange(data, images.subarray(first * values));
      first += shape[0];
    }
    return hostTensor(images, [count, height, width, channels]);
  }

  /**
   * Draws images with 8 bits a channel, the input of `imageGrid` and `writeImage`: the bytes of `toImages(await
   * generate(options))`.
   * @throws PipelineError for options out of range, and for a model whose images are neither gray, RGB nor RGB and alpha
   */
  async generateImages(options: Options): Promise<Pixels[]> {
    const draw = this.plan(options);
    const { height, width, channels } = this.#imageSizeOf(this.latentSize(options));
    const drawable = checkChannels(channels);
    const images: Pixels[] = [];
    for await (const drawn of this.#drawn(options, draw)) {
      const { data, shape } = await this.decode(drawn);
      images.push(...toUint8(data, [shape[0], height, width, drawable]));
    }
    return images;
  }

  /**
   * Draws images and leaves them in the model's space, as diffusers does with output_type "latent": another pipeline can
   * go on from them.
   * @returns [count, h, w, c], which `decode` turns into images; count is that of the part, if one is asked for
   * @throws PipelineError for options out of range
   */
  async generateLatents(options: Options): Promise<HostTensor> {
    const draw = this.plan(options);
    const { height, width, channels } = this.latentSize(options);
    const shape = [drawnOf(options).count, height, width, channels];
    const latents = new Float32Array(numel(shape));
    let first = 0;
    for await (const { data } of this.#drawn(options, draw)) {
      latents.set(data, first);
      first += data.length;
    }
    return hostTensor(latents, shape);
  }

  /** Checks the options of `generate` without computing anything. @throws PipelineError */
  checkOptions(options: Options): void {
    this.plan(options);
  }

  /**
   * Converts from the model's space to images, such as the samples of `onStep`.
   * @param latents [N, h, w, c]
   * @returns [N, H, W, C]; good images lie in [-1, 1]
   */
  async decode(latents: HostTensor): Promise<HostTensor> {
    return this.codec.decode(latents, await this.open());
  }

  /**
   * Converts images to the model's space.
   * @param images [N, H, W, C], in [-1, 1]
   * @param noise [N, h, w, c]: draws from the distribution of a codec that gives one
   * @returns [N, h, w, c]
   */
  protected async encode(images: HostTensor, noise?: HostTensor): Promise<HostTensor> {
    const backend = await this.open();
    const sampled = noise && this.codec.encodeSample?.(images, noise, backend);
    return sampled ?? this.codec.encode(images, backend);
  }

  /** Checks the options and returns how to draw a batch. @throws PipelineError for options out of range */
  protected abstract plan(options: Options): DrawBatch;

  /** @throws PipelineError for counts out of range, for a model that cannot draw images, and for unknown classes */
  protected checkDrawing(options: Options): void {
    const { count = 1, batchSize = 1 } = options;
    wholeAtLeast1("count", count);
    wholeAtLeast1("batchSize", batchSize);
    checkPart(options);
    const { height, width } = this.latentSize(options);
    const { sizeFactor } = this.unet;
    if (height % sizeFactor !== 0 || width % sizeFactor !== 0) {
      throw new PipelineError(
        `the model's sample_size ${width} x ${height} is not a multiple of ${sizeFactor}`,
      );
    }
    this.conditioner.condition(options, this.#imageSizeOf(this.latentSize(options)));
  }

  /** Draws the images of a call, batch by batch: [n, h, w, c], in the model's space. */
  async *#drawn(options: Options, draw: DrawBatch): AsyncGenerator<HostTensor, void, void> {
    const { firstImage: begin, count } = drawnOf(options);
    const { noise, batchSize = typeof noise === "object" ? count : DEFAULT_BATCH } = options;
    const latents = this.latentSize(options);
    const { height, width, channels } = latents;
    // Batches of equal size share one compiled program, and the last one has few unused places.
    const size = Math.ceil(count / Math.ceil(count / batchSize));
    const shape = [size, height, width, channels] as const;
    const condition = this.conditioner.condition(options, this.#imageSizeOf(latents));
    await this.prepareWeights?.();
    await condition?.prepare?.(await this.open());
    const program = await this.#program(shape, condition);
    for (let done = 0; done < count; done += size) {
      const firstImage = begin + done;
      const model = await program.forBatch(condition, firstImage);
      const wanted = Math.min(size, count - done);
      const drawn = draw({ model, shape, firstImage, count: wanted });
      const latents = await drawn.catch((error: unknown) => Promise.reject(pipelineErrorOf(error)));
      checkFinite(latents, "at the end");
      yield firstOf(latents, wanted);
    }
  }

  /** The backend that images are computed on; one that the pipeline starts, at first use. */
  protected async open(): Promise<Backend> {
    const { backend, threads } = this.#options;
    if (typeof backend === "object") return backend;
    this.#backend ??= createBackend({
      ...(backend && { backend }),
      ...(threads !== undefined && { threads }),
    }).catch((error: unknown) => {
      this.#backend = undefined;
      throw error;
    });
    return this.#backend;
  }

  async #program(shape: Batch["shape"], condition: Condition | null): Promise<DenoiserProgram> {
    const isGuided = condition !== null && condition.guidance !== null;
    const { precision = DEFAULT_PRECISION } = this.#options;
    const backend = await this.open();
    if (!this.#uploaded) this.unet.upload(backend);
    this.#uploaded = true;
    const key = `${shape.join("x")}${isGuided ? " guided" : ""}`;
    const known = this.#programs.get(key);
    if (known) return known;
    const form = { isGuided, precision, sizes: this.conditioner.sizes, meanOnly: this.meanOnly };
    const program = compileDenoiser(backend, this.unet, shape, form).catch((error: unknown) => {
      this.#programs.delete(key);
      throw error;
    });
    this.#programs.set(key, program);
    return program;
  }
}

/** The images that a call draws. */
const drawnOf = ({ count = 1, part }: DrawOptions): ImageRange => part ?? { firstImage: 0, count };

/** @throws PipelineError for a part that is not within the call's images, or whose noise is not known */
function checkPart({ count = 1, part, noise }: DrawOptions): void {
  if (part === undefined) return;
  const last = part.firstImage + part.count - 1;
  const isWhole = Number.isInteger(part.firstImage) && Number.isInteger(part.count);
  if (!isWhole || part.firstImage < 0 || part.count < 1 || last >= count) {
    throw new PipelineError(
      `part: images ${part.firstImage} to ${last} of ${count}; give whole numbers of a range within them`,
    );
  }
  if (typeof noise === "object") {
    throw new PipelineError("part: one noise source is for all images; give a function of the first image");
  }
}

/** The first images of a batch. */
function firstOf({ data, shape: [, ...image] }: HostTensor, count: number): HostTensor {
  return hostTensor(data.subarray(0, count * numel(image)), [count, ...image]);
}
