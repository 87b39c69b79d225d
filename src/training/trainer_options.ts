// What a Trainer takes, and how it becomes the settings of the run, its training step and its config.json.

import type { Codec, ImageSize } from "../codecs/codec.ts";
import { identity } from "../codecs/identity.ts";
import { NO_AUGMENTATION } from "../data/augment/options.ts";
import type { ImageSource } from "../data/image_source.ts";
import type { SourceSelection } from "../data/local/encoded.ts";
import { type BackendOptions, DEFAULT_BACKEND } from "../engine/backends/create.ts";
import { type Denoiser, isClassConditional } from "../models/denoiser.ts";
import { VERSION } from "../version.ts";
import { TrainingOptionError } from "./errors.ts";
import { runSteps } from "./presets.ts";
import type { InitSource } from "./run/initial_weights.ts";
import type { RunConfig } from "./run/run_folder.ts";
import {
  NO_EVALUATION,
  PLAIN_DRAWS,
  settingsProblem,
  type TrainSettings,
  timestepSamplingOf,
} from "./settings.ts";
import { AugmentEmbedding } from "./step/augment_embedding.ts";
import { checkClasses, defaultLabelDropout, recordedClasses } from "./step/batch_labels.ts";
import { type Objective, objectiveOf, type TrainScheduler } from "./step/objective.ts";
import type { TrainStepOptions } from "./step/train_step.ts";

/**
 * Long pieces of work that the trainer does beside its steps: `lock` where it has to watch whether another process
 * trains in the folder, `data features` once, before the first `quality`.
 */
export type TrainStage = "lock" | "compile" | "data features" | "quality" | "samples" | "checkpoint";

/** What a Trainer takes. */
export interface TrainerOptions extends Partial<Omit<TrainSettings, "emaMaxDecay">>, BackendOptions {
  /**
   * Trained from the weights that it has (`loadStateDict`, `DDPMPipeline.fromPretrained`, an earlier Trainer); what has no
   * value yet is drawn from the seed. It takes over the trained weights with each checkpoint.
   */
  readonly model: Denoiser;
  /** Noise schedule and what the model predicts: a DDPMScheduler, or a FlowMatchEulerDiscreteScheduler for a flow. */
  readonly scheduler: TrainScheduler;
  /** Between images and what the model sees. Default: the identity. */
  readonly codec?: Codec;
  /** A class-conditional model learns its labels: with numClassEmbeds one more than it has classes, for guidance. */
  readonly data: ImageSource;
  /** The run's folder: missing or empty, or with `resume` that of a run. */
  readonly out: string;
  /** Passes over the images; in place of `steps`. */
  readonly epochs?: number;
  /** An exponential moving average of the weights, which then draws the samples; a number is its greatest decay. Default true (0.9999). */
  readonly ema?: boolean | number;
  /** Goes on from the last checkpoint in `out`. Default false. */
  readonly resume?: boolean;
  /** Recorded in config.json: the preset the options come from. */
  readonly preset?: string;
  /** Recorded in config.json: what was given as --data. Default: the data's name. */
  readonly source?: string;
  /** Recorded in config.json: which part of the source was read, and from which columns. */
  readonly selection?: SourceSelection;
  /** Recorded in config.json: whether broken images were left out. */
  readonly skipBroken?: boolean;
  /** Recorded in config.json: where the weights that the model has come from. */
  readonly init?: InitSource;
  /** Called when a long piece of work begins, and while it draws images for `quality` with the share that is done. */
  readonly onStage?: (stage: TrainStage, share?: number) => void;
  /** Told, in one line, of what is not as it should be but does not stop the run. Default: a warning of the process. */
  readonly onWarning?: (message: string) => void;
}

/** For a Trainer that is told nothing else: those of diffusers' unconditional training script, without its warm-up. */
const DEFAULTS: Omit<TrainSettings, "steps" | "flip" | "labelDropout"> = {
  batchSize: 16,
  learningRate: 1e-4,
  lrSchedule: "constant",
  warmupSteps: 0,
  adamBeta1: 0.95,
  adamBeta2: 0.999,
  adamEpsilon: 1e-8,
  adamWeightDecay: 1e-6,
  maxGradNorm: 1,
  minSnrGamma: null,
  ...PLAIN_DRAWS,
  ...NO_AUGMENTATION,
  emaMaxDecay: 0.9999,
  seed: 0,
  sampleEvery: 500,
  sampleSteps: 50,
  sampleCount: 16,
  ...NO_EVALUATION,
  checkpointEvery: 500,
  keepCheckpoints: 2,
};

/** Pixels of all images that quality numbers are computed from: they are in memory together. */
const EVALUATED_PIXELS = 2 ** 25;

/** Between images and what the model sees. */
export const codecOf = ({ codec = identity }: Pick<TrainerOptions, "codec">): Codec => codec;

/** The size of what the model sees of an image. @throws TrainingOptionError for images that the codec cannot take */
function latentSize(options: Pick<TrainerOptions, "codec" | "data">): ImageSize {
  const { size, channels } = options.data;
  try {
    return codecOf(options).latentSize({ ...size, channels });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TrainingOptionError(error.message, { cause: error });
  }
}

/** @throws TrainingOptionError naming the option that is wrong */
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
  const problem = settingsProblem(settings);
  if (problem !== undefined) throw new TrainingOptionError(problem);
  return settings;
}

/**
 * What can be known to be wrong before anything is started.
 * @throws TrainingOptionError for a scheduler that no model is trained for, images or classes that the model does not take
 */
export function checkFit(
  options: TrainerOptions,
  { labelDropout, evalEvery, evalCount, sampleSteps, augmentProbability }: TrainSettings,
): void {
  const { model, data, scheduler } = options;
  objectiveOf(scheduler);
  if (sampleSteps > scheduler.numTrainTimesteps) {
    throw new TrainingOptionError(
      `samples in ${sampleSteps} steps want as many timesteps, the scheduler has ${scheduler.numTrainTimesteps}; use sampleSteps of at most that`,
    );
  }
  const { height, width } = data.size;
  const { inChannels, sizeFactor } = model;
  const seen = latentSize(options);
  const through = codecOf(options).component === null ? "" : " through the codec";
  if (seen.channels !== inChannels) {
    throw new TrainingOptionError(
      `the model takes images of ${inChannels} channels, ${data.name} has ${seen.channels}${through}`,
    );
  }
  if (seen.height % sizeFactor !== 0 || seen.width % sizeFactor !== 0) {
    throw new TrainingOptionError(
      `images of ${seen.width} x ${seen.height}${through} do not fit the model, which halves them ${times(Math.log2(sizeFactor))}; use a size that is a multiple of ${sizeFactor}`,
    );
  }
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

/** The training step of a run. */
export function stepOptions(
  options: TrainerOptions,
  settings: TrainSettings,
  objective: Objective,
): TrainStepOptions {
  const { model } = options;
  const { height, width } = latentSize(options);
  const { adamBeta1, adamBeta2, adamEpsilon, adamWeightDecay } = settings;
  const {
    batchSize,
    maxGradNorm,
    emaMaxDecay,
    minSnrGamma,
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
    adamw: { beta1: adamBeta1, beta2: adamBeta2, eps: adamEpsilon, weightDecay: adamWeightDecay },
    maxGradNorm,
    ema: emaMaxDecay !== null,
    minSnrGamma,
    draws: "philox",
    timestepSampling: timestepSamplingOf(settings),
    noiseOffset,
    inputPerturbation,
    ...(augmentProbability > 0 &&
      model.timeEmbedDim !== null && { augmentEmbedding: new AugmentEmbedding(model.timeEmbedDim) }),
  };
}

/** What config.json says of a run. */
export function runConfig(options: TrainerOptions, settings: TrainSettings): RunConfig {
  const { model, scheduler, data, preset, source, selection = {} } = options;
  const { skipBroken = false, backend = DEFAULT_BACKEND } = options;
  const { component } = codecOf(options);
  return {
    imago: VERSION,
    preset: preset ?? null,
    data: {
      source: source ?? data.name,
      ...(Object.keys(selection).length > 0 && { selection }),
      size: data.size.height,
      skipBroken,
      count: data.count,
      fingerprint: data.fingerprint(),
      ...(isClassConditional(model) && recordedClasses(data)),
    },
    model: { ...model.toConfig() },
    scheduler: scheduler.toConfig(),
    ...(component && { codec: { _class_name: component.className, ...component.config } }),
    training: settings,
    backend,
  };
}

const times = (n: number): string => (n === 1 ? "once" : n === 2 ? "twice" : `${n} times`);
