// The settings of a run: every number of the training loop, resolved. JSON uses the same names in snake_case.

import * as v from "valibot";
import { AUGMENT_LIMITS, type AugmentOptions, NO_AUGMENTATION } from "../data/augment/options.ts";
import { DEFAULT_PRECISION, PRECISIONS } from "../engine/precision.ts";
import { muonDefaults } from "../nn/muon.ts";
import { schedulerNames } from "../schedulers/index.ts";
import { solverPredictionTypes } from "../schedulers/math/prediction.ts";
import { OPTIMIZERS, type OptimizerOptions } from "./step/optimizer.ts";
import { TIMESTEP_SAMPLINGS, type TimestepSampling } from "./step/timestep_sampling.ts";

/** Shapes of the learning rate over a run; each can begin with a linear warm-up. */
export const LR_SCHEDULES = ["constant", "cosine", "linear"] as const;
export type LrScheduleName = (typeof LR_SCHEDULES)[number];

/** Upper limits: more than anybody waits for or any memory holds. */
export const MOST = {
  batchSize: 2 ** 24,
  steps: 1_000_000_000,
  sampleCount: 1024,
  checkpoints: 1_000_000,
} as const;

const count = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max));
const isFloat32 = (x: number): boolean => Number.isFinite(Math.fround(x)) && Math.fround(x) !== 0;
// Kernels compute in float32, where smaller or larger numbers would be 0 or infinite.
const positive = v.pipe(
  v.number(),
  v.gtValue(0),
  v.check(isFloat32, ({ received }) => `expected a number from 1e-45 to 3e38, got ${received}`),
);
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const decay = v.pipe(v.number(), v.minValue(0), v.ltValue(1));
const size = v.pipe(v.number(), v.minValue(0), v.maxValue(1000));

/** Noise and timesteps as in Ho et al. 2020; also the meaning of configs without these settings. */
export const PLAIN_DRAWS = {
  timestepSampling: "uniform",
  logitMean: 0,
  logitStd: 1,
  noiseOffset: 0,
  inputPerturbation: 0,
} as const;

/** AdamW for all parameters; also the meaning of configs without these settings. */
export const ADAMW_ONLY = { optimizer: "adamw", muonMomentum: muonDefaults.momentum } as const;

/** Largest number of images for quality numbers. */
export const MOST_EVALUATED = 10_000;

/** No quality numbers during training; also the meaning of configs without these settings. */
export const NO_EVALUATION = { evalEvery: 0, evalCount: 256 } as const;

const upTo = (option: keyof AugmentOptions) =>
  v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(AUGMENT_LIMITS[option])), NO_AUGMENTATION[option]);

const entries = {
  /** Images per step. */
  batchSize: count(1, MOST.batchSize),
  /**
   * Images whose gradients are computed at once; the batch is cut into as many parts as that makes, and their gradients
   * are added along a binary tree. Less needs less memory. null for the whole batch, or a process's share of it.
   */
  microbatch: v.optional(v.nullable(count(1, MOST.batchSize)), null),
  /** Optimizer steps of the whole run. */
  steps: count(1, MOST.steps),
  /** Peak learning rate. */
  learningRate: positive,
  /** Shape of the learning rate after its rise. */
  lrSchedule: v.picklist(LR_SCHEDULES),
  /** Steps over which the learning rate rises from 0 to its peak. */
  warmupSteps: count(0),
  /** AdamW's share of the old average in that of the gradient. */
  adamBeta1: decay,
  /** AdamW's share of the old average in that of its square. */
  adamBeta2: decay,
  /** AdamW adds this to the root of that average. */
  adamEpsilon: positive,
  /** Decoupled weight decay, of all parameters whichever optimizer trains them. */
  adamWeightDecay: size,
  /** "muon" trains the matrices of hidden layers by Muon, and all other parameters by AdamW. */
  optimizer: v.optional(v.picklist(OPTIMIZERS), ADAMW_ONLY.optimizer),
  /** Share of the old average in Muon's average of the gradient. */
  muonMomentum: v.optional(decay, ADAMW_ONLY.muonMomentum),
  /** fp16: products read and leave 16 bits, for GPUs; weights, optimizer and sums have 32. */
  precision: v.optional(v.picklist(PRECISIONS), DEFAULT_PRECISION),
  /** Gradients are clipped to this norm; null disables clipping. */
  maxGradNorm: v.nullable(positive),
  /** Gamma of Min-SNR loss weighting (Hang et al. 2023); null weights all timesteps equally. */
  minSnrGamma: v.nullable(positive),
  /**
   * The quantity whose squared error is the loss, with scales of image and noise of at least 0.05; null for what the
   * model predicts. A model that predicts the image ("sample") learns best by the loss of v (Li & He 2025, arXiv
   * 2511.13720).
   */
  lossType: v.optional(v.nullable(v.picklist(solverPredictionTypes)), null),
  /** Distribution of the timesteps; see `TimestepSampling`. */
  timestepSampling: v.optional(v.picklist(TIMESTEP_SAMPLINGS), PLAIN_DRAWS.timestepSampling),
  /** Mean of logit-normal sampling. */
  logitMean: v.optional(v.pipe(v.number(), v.minValue(-1000), v.maxValue(1000)), PLAIN_DRAWS.logitMean),
  /** Standard deviation of logit-normal sampling. */
  logitStd: v.optional(positive, PLAIN_DRAWS.logitStd),
  /** Standard deviation of additional noise that is constant over a channel of an image. */
  noiseOffset: v.optional(size, PLAIN_DRAWS.noiseOffset),
  /** Standard deviation of additional noise in the model's input that is not part of its target. */
  inputPerturbation: v.optional(size, PLAIN_DRAWS.inputPerturbation),
  /** Share of hidden class labels, which trains the unconditional prediction for guidance; 0 without classes. */
  labelDropout: v.optional(decay, 0),
  /** Upper limit of the decay of the weights' exponential moving average; null keeps no average. */
  emaMaxDecay: v.nullable(share),
  /** Mirrors half of the images, drawn for each epoch. */
  flip: v.boolean(),
  /** Crops up to this share of the side, at random for each epoch: 0 to 0.9; see `AugmentOptions`. */
  randomCrop: upTo("randomCrop"),
  /** Rotates by up to this many degrees either way: 0 to 180. */
  rotate: upTo("rotate"),
  /** Shifts by up to this share of the side: 0 to 1. */
  translate: upTo("translate"),
  /** Changes brightness, contrast and saturation by a factor of up to 1 ± x, and the hue by x / 4 of the circle: 0 to 1. */
  colorJitter: upTo("colorJitter"),
  /** Probability of each change of the non-leaky augmentation: 0 to 1. */
  augmentProbability: upTo("augmentProbability"),
  /** Seed of the initial weights, the order of images and all noise: 0 .. 2^53 - 1. */
  seed: count(0),
  /** Steps between sample grids; the last step has one too. 0 for none at all. */
  sampleEvery: count(0),
  /**
   * The scheduler of sample grids, of quality numbers, and of later images where none is chosen; null for DDIM, or for
   * the own one of a model that does not learn by DDPM's schedule.
   */
  sampleScheduler: v.optional(v.nullable(v.picklist(schedulerNames)), null),
  /** Denoising steps of each sample grid. */
  sampleSteps: count(1),
  /** Images of each sample grid. */
  sampleCount: count(1, MOST.sampleCount),
  /** Steps between quality numbers; the last step has them too. 0 for none at all. */
  evalEvery: v.optional(count(0), NO_EVALUATION.evalEvery),
  /** Number of images drawn for quality numbers, in the same way as for sample grids. */
  evalCount: v.optional(count(2, MOST_EVALUATED), NO_EVALUATION.evalCount),
  /** Steps between checkpoints; 0 writes only the last. */
  checkpointEvery: count(0),
  /** Number of checkpoints to keep; older ones are removed. */
  keepCheckpoints: count(1, MOST.checkpoints),
};

/** The settings of a run; the fields are described where they are declared. @interface */
export type TrainSettings = Readonly<v.InferOutput<v.ObjectSchema<typeof entries, undefined>>>;

/** Settings that a resumed run may change, because they do not affect the training, or only its last bits. */
export const FREE_SETTINGS: ReadonlySet<string> = new Set([
  "microbatch",
  "sampleEvery",
  "sampleScheduler",
  "sampleSteps",
  "sampleCount",
  "evalEvery",
  "evalCount",
  "checkpointEvery",
  "keepCheckpoints",
]);

/** Parses settings with their JSON names; all are required. */
export const settingsJsonSchema = v.pipe(
  v.record(v.string(), v.unknown()),
  v.transform((json) =>
    Object.fromEntries(Object.entries(json).map(([key, value]) => [camelCase(key), value])),
  ),
  v.object(entries),
);

/** Settings as JSON, in snake_case. */
export function settingsToJson(settings: TrainSettings): Record<string, string | number | boolean | null> {
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [snakeCase(key), value]));
}

/**
 * Checks settings made by a program.
 * @returns the problem, in one line, or undefined
 */
export function settingsProblem(settings: TrainSettings): string | undefined {
  const result = v.safeParse(v.object(entries), settings, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    return `${v.getDotPath(issue) ?? "settings"}: ${issue.message}`;
  }
  if (settings.warmupSteps >= settings.steps) {
    return `the warm-up of ${settings.warmupSteps} steps is not shorter than the run of ${settings.steps}; use a shorter warm-up or more steps`;
  }
  const { batchSize, microbatch } = settings;
  if (microbatch !== null && batchSize % microbatch !== 0) {
    return `a batch of ${batchSize} is not a whole number of microbatches of ${microbatch}; use one that divides it`;
  }
  if (settings.lossType !== null && settings.minSnrGamma !== null) {
    return `a loss type of ${settings.lossType} and a min-SNR gamma of ${settings.minSnrGamma} both weigh the timesteps; use one of them`;
  }
  const { timestepSampling, logitMean, logitStd } = settings;
  const isPlain = logitMean === PLAIN_DRAWS.logitMean && logitStd === PLAIN_DRAWS.logitStd;
  if (timestepSampling !== "logit-normal" && !isPlain) {
    return `a logit mean of ${logitMean} and a logit std of ${logitStd} are of logit-normal timestep sampling, but that is ${timestepSampling}; use logit-normal or leave them out`;
  }
  const { optimizer, muonMomentum } = settings;
  if (optimizer === "adamw" && muonMomentum !== ADAMW_ONLY.muonMomentum) {
    return `a muon momentum of ${muonMomentum} is of the optimizer muon, but that is adamw; use muon or leave it out`;
  }
  return undefined;
}

/** The optimizer of these settings. */
export function optimizerOf({ optimizer, muonMomentum, ...adam }: OptimizerSettings): OptimizerOptions {
  const weightDecay = adam.adamWeightDecay;
  return {
    adamw: { beta1: adam.adamBeta1, beta2: adam.adamBeta2, eps: adam.adamEpsilon, weightDecay },
    ...(optimizer === "muon" && { muon: { momentum: muonMomentum, weightDecay } }),
  };
}

type OptimizerSettings = Pick<
  TrainSettings,
  "optimizer" | "muonMomentum" | "adamBeta1" | "adamBeta2" | "adamEpsilon" | "adamWeightDecay"
>;

/** The timestep sampling of these settings. */
export function timestepSamplingOf({
  timestepSampling: name,
  logitMean,
  logitStd,
}: Pick<TrainSettings, "timestepSampling" | "logitMean" | "logitStd">): TimestepSampling {
  return name === "logit-normal" ? { name, mean: logitMean, std: logitStd } : { name };
}

/** The augmentation of these settings. */
export const augmentOptions = (settings: TrainSettings): AugmentOptions => ({
  randomCrop: settings.randomCrop,
  rotate: settings.rotate,
  translate: settings.translate,
  colorJitter: settings.colorJitter,
  augmentProbability: settings.augmentProbability,
});

/** "batchSize" -> "batch_size", "adamBeta1" -> "adam_beta1". */
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** "batch_size" -> "batchSize". */
const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
