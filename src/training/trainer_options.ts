// The options of a Trainer, and how they become the run's settings, training step and config.json.

import type { Codec, ImageSize } from "../codecs/codec.ts";
import { identity } from "../codecs/identity.ts";
import { NO_AUGMENTATION } from "../data/augment/options.ts";
import type { ImageSource } from "../data/image_source.ts";
import type { SourceSelection } from "../data/local/encoded.ts";
import { type FormOptions, sizeOf } from "../data/local/form.ts";
import type { Communicator } from "../distributed/communicator.ts";
import type { BackendOptions } from "../engine/backends/create.ts";
import * as exact from "../engine/math/index.ts";
import { DEFAULT_PRECISION } from "../engine/precision.ts";
import { type Denoiser, isClassConditional } from "../models/denoiser.ts";
import { PipelineError } from "../pipelines/errors.ts";
import type { SamplingDefaults } from "../pipelines/sampling_defaults.ts";
import { chosenScheduler, schedulerNameOf } from "../pipelines/scheduler_choice.ts";
import { VERSION } from "../version.ts";
import { TrainingOptionError } from "./errors.ts";
import { runSteps } from "./presets.ts";
import type { InitSource } from "./run/initial_weights.ts";
import type { LaterKnown, RunConfig } from "./run/run_folder.ts";
import {
  ADAMW_ONLY,
  NO_EVALUATION,
  optimizerOf,
  PLAIN_DRAWS,
  settingsProblem,
  type TrainSettings,
  timestepSamplingOf,
} from "./settings.ts";
import { AugmentEmbedding } from "./step/augment_embedding.ts";
import { checkClasses, defaultLabelDropout, recordedClasses } from "./step/batch_labels.ts";
import { sharedMicrobatch } from "./step/batch_share.ts";
import { type Objective, objectiveOf, type TrainScheduler } from "./step/objective.ts";
import type { TrainStepOptions } from "./step/train_step.ts";

/**
 * Long work of the trainer between its steps: `lock` when it has to watch whether another process trains in the folder,
 * `data features` once, before the first `quality`.
 */
export type TrainStage = "lock" | "compile" | "data features" | "quality" | "samples" | "checkpoint";

/** Options of a Trainer. */
export interface TrainerOptions extends Partial<Omit<TrainSettings, "emaMaxDecay">>, BackendOptions {
  /**
   * Trained from its current weights (`loadStateDict`, `DDPMPipeline.fromPretrained`, an earlier Trainer); parameters
   * without a value are drawn from the seed. It receives the trained weights at each checkpoint.
   */
  readonly model: Denoiser;
  /** Noise schedule and prediction type: a DDPMScheduler, or a FlowMatchEulerDiscreteScheduler for a flow. */
  readonly scheduler: TrainScheduler;
  /** Converts between images and the model's space. Default: the identity. */
  readonly codec?: Codec;
  /**
   * The images. A class-conditional model learns their labels; for guidance, its numClassEmbeds is the number of
   * classes plus one.
   */
  readonly data: ImageSource;
  /** The run's folder: missing or empty, or with `resume` the folder of a run. */
  readonly out: string;
  /** Number of passes over the images; in place of `steps`. */
  readonly epochs?: number;
  /**
   * An exponential moving average of the weights, which is used for samples; a number is its largest decay. Default
   * true (0.9999).
   */
  readonly ema?: boolean | number;
  /** Continues from the last checkpoint in `out`. Default false. */
  readonly resume?: boolean;
  /**
   * The processes that train together: each computes its share of every batch, and the first has the run's folder.
   * Default: this process alone.
   */
  readonly communicator?: Communicator;
  /** Recorded in config.json: the preset behind these options. */
  readonly preset?: string;
  /** Recorded in config.json: the value of --data. Default: the data's name. */
  readonly source?: string;
  /** Recorded in config.json: the part of the source that was read, and its columns. */
  readonly selection?: SourceSelection;
  /** Recorded in config.json: how images of another shape were brought to the size. */
  readonly form?: Pick<FormOptions, "fit" | "ground">;
  /** Recorded in config.json: whether broken images were left out. */
  readonly skipBroken?: boolean;
  /** Recorded in config.json: the source of the model's weights. */
  readonly init?: InitSource;
  /** Called when a long piece of work begins, and while drawing images for `quality` with the finished share. */
  readonly onStage?: (stage: TrainStage, share?: number) => void;
  /** Called with one line for problems that do not stop the run. Default: a warning of the process. */
  readonly onWarning?: (message: string) => void;
}

/** Defaults: those of diffusers' unconditional training script, without its warm-up. */
const DEFAULTS: Omit<TrainSettings, "steps" | "flip" | "labelDropout"> = {
  batchSize: 16,
  microbatch: null,
  learningRate: 1e-4,
  lrSchedule: "constant",
  warmupSteps: 0,
  adamBeta1: 0.95,
  adamBeta2: 0.999,
  adamEpsilon: 1e-8,
  adamWeightDecay: 1e-6,
  ...ADAMW_ONLY,
  precision: DEFAULT_PRECISION,
  maxGradNorm: 1,
  minSnrGamma: null,
  lossType: null,
  ...PLAIN_DRAWS,
  ...NO_AUGMENTATION,
  emaMaxDecay: 0.9999,
  seed: 0,
  sampleEvery: 500,
  sampleScheduler: null,
  sampleSteps: 50,
  sampleCount: 16,
  ...NO_EVALUATION,
  checkpointEvery: 500,
  keepCheckpoints: 2,
};

/** Limit on the pixels of all images for quality numbers, which are in memory together. */
const EVALUATED_PIXELS = 2 ** 25;

/** The codec of a trainer. Default: the identity. */
export const codecOf = ({ codec = identity }: Pick<TrainerOptions, "codec">): Codec => codec;

/** The size of images in the model's space. @throws TrainingOptionError for images that the codec does not support */
function latentSize(options: Pick<TrainerOptions, "codec" | "data">): ImageSize {
  const { size, channels } = options.data;
  try {
    return codecOf(options).latentSize({ ...size, channels });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TrainingOptionError(error.message, { cause: error });
  }
}

/** Resolves options to settings. @throws TrainingOptionError naming the wrong option */
export function resolveSettings(options: TrainerOptions): TrainSettings {
  const { steps, epochs, ema = true, model, data } = options;
  if ((steps === undefined) === (epochs === undefined)) {
    throw new TrainingOptionError(
      `${steps === undefined ? "neither steps nor epochs was" : "both steps and epochs were"} given, expected one of them`,
    );
  }
  const labelDropout = defaultLabelDropout(model, data);
  const settings = { ...DEFAULTS, flip: data.flip, labelDropout, steps: 1 };
  const given = Object.fromEntries(
    Object.entries(options).filter(([key, value]) => Object.hasOwn(settings, key) && value !== undefined),
  );
  Object.assign(settings, given, {
    emaMaxDecay: typeof ema === "number" ? ema : ema ? DEFAULTS.emaMaxDecay : null,
  });
  const length = steps === undefined ? { epochs: epochs ?? 0 } : { steps };
  settings.steps = runSteps(length, data.count, settings.batchSize);
  const { communicator } = options;
  if (communicator) settings.microbatch ??= sharedMicrobatch(settings.batchSize, communicator.size);
  const problem = settingsProblem(settings);
  if (problem !== undefined) throw new TrainingOptionError(problem);
  return settings;
}

/**
 * Checks options before anything is started.
 * @throws TrainingOptionError for a scheduler without training, or images or classes that do not fit the model
 */
export function checkFit(options: TrainerOptions, settings: TrainSettings): void {
  const { labelDropout, evalEvery, evalCount, sampleScheduler, sampleSteps, augmentProbability } = settings;
  const { model, data, scheduler } = options;
  objectiveOf(scheduler);
  if (sampleSteps > scheduler.numTrainTimesteps) {
    throw new TrainingOptionError(
      `samples in ${sampleSteps} steps want as many timesteps, the scheduler has ${scheduler.numTrainTimesteps}; use sampleSteps of at most that`,
    );
  }
  if (sampleScheduler !== null) checkSampling(scheduler, { scheduler: sampleScheduler, steps: sampleSteps });
  const { height, width } = data.size;
  const { inChannels } = model;
  const seen = latentSize(options);
  const codec = codecOf(options);
  if (seen.channels !== inChannels) {
    throw new TrainingOptionError(
      `the model takes images of ${inChannels} channels, ${data.name} has ${seen.channels}${throughOf(codec)}`,
    );
  }
  const misfit = sizeProblem(model, codec, seen);
  if (misfit !== undefined) throw new TrainingOptionError(misfit);
  if (evalEvery > 0 && data.count < 2) {
    throw new TrainingOptionError(
      `quality numbers compare with at least 2 images, ${data.name} has ${data.count}; leave out evalEvery`,
    );
  }
  const mostEvaluated = Math.floor(EVALUATED_PIXELS / (height * width));
  if (evalEvery > 0 && evalCount > mostEvaluated) {
    throw new TrainingOptionError(
      `quality numbers from ${evalCount} images of ${width} x ${height} need too much memory at once; use an evalCount of at most ${mostEvaluated}`,
    );
  }
  checkClasses(model, data, labelDropout);
  if (augmentProbability > 0 && model.timeEmbedDim === null) {
    throw new TrainingOptionError(
      `a ${model.className} cannot be told how its images were augmented; leave out augmentProbability`,
    );
  }
}

/** @throws TrainingOptionError for a scheduler that cannot draw from what is trained */
function checkSampling(own: TrainScheduler, { scheduler, steps }: SamplingDefaults): void {
  try {
    chosenScheduler(scheduler, own, schedulerNameOf(own)).setTimesteps(steps);
  } catch (error) {
    if (!(error instanceof PipelineError || error instanceof RangeError)) throw error;
    throw new TrainingOptionError(`sampleScheduler: ${error.message}`, { cause: error });
  }
}

/** Said of sizes that are those of a codec's latents. */
const throughOf = ({ saved }: Codec): string => (saved === null ? "" : " through the codec");

/** Why images of a size in the model's space do not fit the model; undefined if they do. */
export function sizeProblem(
  { sizeFactor }: Pick<Denoiser, "sizeFactor">,
  codec: Codec,
  { height, width }: ImageSize,
): string | undefined {
  if (height % sizeFactor === 0 && width % sizeFactor === 0) return undefined;
  return `images of ${width} x ${height}${throughOf(codec)} do not fit the model, which halves them ${times(exact.log2(sizeFactor))}; use a size that is a multiple of ${sizeFactor}`;
}

/** The training step of a run. */
export function stepOptions(
  options: TrainerOptions,
  settings: TrainSettings,
  objective: Objective,
): TrainStepOptions {
  const { model } = options;
  const { height, width } = latentSize(options);
  const {
    batchSize,
    precision,
    maxGradNorm,
    emaMaxDecay,
    minSnrGamma,
    lossType,
    noiseOffset,
    inputPerturbation,
    augmentProbability,
  } = settings;
  return {
    model,
    objective,
    batchSize,
    height,
    width,
    ...optimizerOf(settings),
    precision,
    maxGradNorm,
    ema: emaMaxDecay !== null,
    minSnrGamma,
    lossType,
    draws: "philox",
    timestepSampling: timestepSamplingOf(settings),
    noiseOffset,
    inputPerturbation,
    ...(augmentProbability > 0 &&
      model.timeEmbedDim !== null && { augmentEmbedding: new AugmentEmbedding(model.timeEmbedDim) }),
  };
}

/** The config.json of a run, without what is known later: where it computes, and which weights it was given. */
export function runConfig(options: TrainerOptions, settings: TrainSettings): Omit<RunConfig, LaterKnown> {
  const { model, scheduler, data, preset, source, selection = {} } = options;
  const { form = {}, skipBroken = false } = options;
  const { saved } = codecOf(options);
  return {
    imago: VERSION,
    preset: preset ?? null,
    data: {
      source: source ?? data.name,
      ...(Object.keys(selection).length > 0 && { selection }),
      size: sizeOf(data.size),
      ...(data.channels !== 3 && { channels: data.channels }),
      ...form,
      skipBroken,
      count: data.count,
      fingerprint: data.fingerprint(),
      ...(isClassConditional(model) && recordedClasses(data)),
    },
    model: { ...model.toConfig() },
    scheduler: scheduler.toConfig(),
    ...(saved && { codec: { _class_name: saved.className, ...saved.config } }),
    training: settings,
  };
}

const times = (n: number): string => (n === 1 ? "once" : n === 2 ? "twice" : `${n} times`);
