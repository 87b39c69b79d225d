// DDPMPipeline: a UNet and a scheduler that draw images from noise (Ho et al. 2020, arXiv 2006.11239).

import type { Backend } from "../engine/backend.ts";
import { type BackendName, createBackend } from "../engine/backends/create.ts";
import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import { replaceDirAtomic } from "../io/atomic.ts";
import type { ReadStateDictOptions } from "../io/state_dict.ts";
import type { UNet2DModel } from "../models/unet_2d_model.ts";
import {
  isSamplerName,
  isSchedulerName,
  makeScheduler,
  type NoiseSource,
  type Sampler,
  type SamplerName,
  type Scheduler,
  type SchedulerName,
  samplerNames,
  schedulers,
} from "../schedulers/index.ts";
import { type AdaptiveOptions, adaptiveDrawing, type DrawBatch } from "./adaptive.ts";
import { PipelineError } from "./errors.ts";
import { checkReplaceable, readPipeline, type Warn, writePipeline } from "./folders.ts";
import { imageNoise } from "./image_noise.ts";
import { checkKind, modelKind } from "./model_kind.ts";
import { type SamplingStep, sampleLoop, toUnitRange } from "./sampling.ts";
import { torchImageNoise } from "./torch_image_noise.ts";
import { compileDenoiser, type UNetProgram } from "./unet_denoiser.ts";

/** Images of one run of the model unless asked otherwise. */
const DEFAULT_BATCH = 16;
/** Steps unless asked otherwise: DDPM walks all timesteps; the others are made for few. */
const DEFAULT_STEPS = { ddpm: 1000, other: 50 };

export interface PipelineOptions {
  /** Which backend to start when images are first asked for (default "wasm"), or one to share, which stays open. */
  readonly backend?: BackendName | Backend;
  /** Threads of a backend of its own. Default: what the machine has. */
  readonly threads?: number;
}

export interface FromPretrainedOptions extends PipelineOptions, ReadStateDictOptions {
  /** Told of things in the files that mean nothing here. */
  readonly warn?: Warn;
}

/** The libraries whose seeds can be followed. */
export const SEED_COMPATS = ["torch"] as const;
export type SeedCompat = (typeof SEED_COMPATS)[number];

export interface GenerateOptions extends AdaptiveOptions {
  /** Images. Default 1. */
  readonly count?: number;
  /** 0 .. 2^64-1; image k of a seed starts from the same noise for any count and batch size. Default 0. */
  readonly seed?: number | bigint;
  /** Denoising steps. Default 1000 for DDPM, 50 for others; samplers with a tolerance choose their own. */
  readonly steps?: number;
  /**
   * A scheduler by name, made from the options of the pipeline's own, or a sampler that decides its own steps, by name or
   * made already. Default: the pipeline's own scheduler.
   */
  readonly scheduler?: SchedulerName | SamplerName | Sampler;
  /**
   * Whose random numbers the seed stands for. "torch": diffusers' with a CPU generator, so that the same model gives the
   * images it gives there; they then depend on `count`. Default: imago's own.
   */
  readonly seedCompat?: SeedCompat;
  /** Share of random noise of samplers that have it, 0 .. 1. Default: the sampler's (DDIM and dpm-adaptive 0, TCD 0.3, adaptive 1). */
  readonly eta?: number;
  /** Images computed at a time. Default 16. */
  readonly batchSize?: number;
  /** In place of the seed: where noise comes from, batch by batch. */
  readonly noise?: NoiseSource;
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

export class DDPMPipeline {
  readonly unet: UNet2DModel;
  readonly scheduler: Scheduler;
  readonly #options: PipelineOptions;
  readonly #programs = new Map<string, UNetProgram>();
  #backend: Backend | undefined;
  #uploaded = false;

  constructor(unet: UNet2DModel, scheduler: Scheduler, options: PipelineOptions = {}) {
    this.unet = unet;
    this.scheduler = scheduler;
    this.#options = options;
  }

  /**
   * Loads what `savePretrained`, diffusers' `save_pretrained` or a training run wrote.
   * @param folder a pipeline's folder (with model_index.json), or a run's
   * @throws PipelineError or FileError, in one line, naming the file that is missing, damaged or of an unknown kind
   */
  static async fromPretrained(folder: string, options: FromPretrainedOptions = {}): Promise<DDPMPipeline> {
    const { unet, scheduler } = await readPipeline(folder, options);
    return new DDPMPipeline(unet, scheduler, options);
  }

  /**
   * Writes a folder that `fromPretrained` and diffusers' DDPMPipeline.from_pretrained load, in place of a pipeline
   * that is there.
   * @throws FileError; PipelineError when the folder holds anything else
   */
  async savePretrained(folder: string): Promise<void> {
    await checkReplaceable(folder);
    await replaceDirAtomic(folder, (aside) =>
      writePipeline(aside, this.unet, this.unet.stateDict(), this.scheduler),
    );
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

  /**
   * Draws images.
   * @returns [count, H, W, C], values in [0, 1]
   * @throws PipelineError for options out of range
   */
  async generate(options: GenerateOptions = {}): Promise<HostTensor> {
    const { count = 1, noise } = options;
    const { height, width, channels } = this.imageSize;
    this.#checkModel();
    checkSeedCompat(options);
    const draw = this.#drawing(options);
    const limit = wholeAtLeast1("batchSize", options.batchSize ?? (noise ? count : DEFAULT_BATCH));
    // Equal batches: all run the same compiled program, and few places of the last one stay unused.
    const batches = Math.ceil(wholeAtLeast1("count", count) / limit);
    const size = Math.ceil(count / batches);
    const shape = [size, height, width, channels] as const;
    const program = await this.#program(shape);
    const images = new Float32Array(count * height * width * channels);
    for (let first = 0; first < count; first += size) {
      const sample = await draw(program, shape, first, Math.min(size, count - first));
      const at = first * numel(shape.slice(1));
      images.set(toUnitRange(sample).data.subarray(0, images.length - at), at);
    }
    return hostTensor(images, [count, height, width, channels]);
  }

  /** Checks what `generate` would, without computing anything. @throws PipelineError */
  checkOptions(options: GenerateOptions): void {
    const { count = 1, batchSize = 1 } = options;
    wholeAtLeast1("count", count);
    wholeAtLeast1("batchSize", batchSize);
    this.#checkModel();
    checkSeedCompat(options);
    this.#drawing(options);
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

  #checkModel(): void {
    const { height, width } = this.imageSize;
    const { sizeFactor } = this.unet;
    if (height % sizeFactor !== 0 || width % sizeFactor !== 0) {
      throw new PipelineError(
        `the model's sample_size ${width} x ${height} is not a multiple of ${sizeFactor}`,
      );
    }
    if (this.unet.classLabelsFor(1) !== null) {
      throw new PipelineError(
        "the model is class-conditional: it draws images of a class, which is not supported",
      );
    }
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

  /** How a batch is drawn, with the options checked. */
  #drawing(options: GenerateOptions): DrawBatch {
    const adaptive = adaptiveDrawing(options, this.scheduler, this.schedulerName);
    if (adaptive) return adaptive;
    const { count: total = 1, seed = 0, seedCompat, eta, noise, onStep, signal } = options;
    const scheduler = this.#sampler(options);
    return async ({ denoise }, shape, firstImage, count) => {
      const sample = await sampleLoop({
        denoise,
        scheduler,
        shape,
        noise: noise ?? seededNoise(seedCompat, seed, total, firstImage),
        ...(eta !== undefined && { eta }),
        onStep: (step: SamplingStep) => {
          signal?.throwIfAborted();
          onStep?.({ ...step, firstImage, count });
        },
      });
      scheduler.setTimesteps(scheduler.numInferenceSteps ?? scheduler.timesteps.length);
      return sample;
    };
  }

  /** A scheduler with its timesteps set. */
  #sampler({ scheduler: name, steps }: GenerateOptions): Scheduler {
    if (name !== undefined && (typeof name === "object" || !isSchedulerName(name))) {
      const known = [...Object.keys(schedulers), ...samplerNames];
      throw new PipelineError(`scheduler is ${JSON.stringify(name)}, expected ${known.join(" or ")}`);
    }
    const used = name ?? this.schedulerName;
    const scheduler = asPipelineError(() => makeScheduler(used, this.scheduler));
    checkKind(used, modelKind(scheduler), this.scheduler, this.schedulerName);
    const most = scheduler.numTrainTimesteps;
    const chosen = steps ?? Math.min(used === "ddpm" ? DEFAULT_STEPS.ddpm : DEFAULT_STEPS.other, most);
    if (!Number.isInteger(chosen) || chosen < 1 || chosen > most) {
      throw new PipelineError(`steps is ${chosen}, expected a whole number from 1 to ${most}`);
    }
    asPipelineError(() => scheduler.setTimesteps(chosen));
    return scheduler;
  }

  async #openBackend(): Promise<Backend> {
    const { backend, threads } = this.#options;
    if (typeof backend === "object") return backend;
    return createBackend({ ...(backend && { backend }), ...(threads !== undefined && { threads }) });
  }

  async #program(shape: readonly [number, number, number, number]): Promise<UNetProgram> {
    this.#backend ??= await this.#openBackend();
    if (!this.#uploaded) this.unet.upload(this.#backend);
    this.#uploaded = true;
    const key = shape.join("x");
    const known = this.#programs.get(key);
    if (known) return known;
    const program = await compileDenoiser(this.#backend, this.unet, shape);
    this.#programs.set(key, program);
    return program;
  }
}

function checkSeedCompat({ seedCompat, noise, scheduler }: GenerateOptions): void {
  if (seedCompat === undefined) return;
  if (!SEED_COMPATS.includes(seedCompat)) {
    throw new PipelineError(
      `seedCompat is ${JSON.stringify(seedCompat)}, expected ${SEED_COMPATS.map((name) => `"${name}"`).join(" or ")}`,
    );
  }
  if (noise) throw new PipelineError("give either noise or seedCompat, not both");
  if (scheduler !== undefined && (typeof scheduler === "object" || isSamplerName(scheduler))) {
    throw new PipelineError(
      "seedCompat does not go with samplers that decide their own steps; give a scheduler",
    );
  }
}

function seededNoise(
  compat: SeedCompat | undefined,
  seed: number | bigint,
  count: number,
  firstImage: number,
): NoiseSource {
  return compat === "torch" ? torchImageNoise(seed, count, firstImage) : imageNoise(seed, firstImage);
}

/** @throws PipelineError where a scheduler throws: what it cannot do was asked of the pipeline */
function asPipelineError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PipelineError(error.message, { cause: error });
  }
}

function wholeAtLeast1(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new PipelineError(`${name} is ${value}, expected a whole number of at least 1`);
}
