// How a run learns: every number of the training loop, resolved. In JSON the same names in snake_case.

import * as v from "valibot";
import { AUGMENT_LIMITS, type AugmentOptions, NO_AUGMENTATION } from "../data/augment/options.ts";
import { TIMESTEP_SAMPLINGS, type TimestepSampling } from "./step/timestep_sampling.ts";

/** Shapes of the learning rate over a run; each may begin with a linear warm-up. */
export const LR_SCHEDULES = ["constant", "cosine", "linear"] as const;
export type LrScheduleName = (typeof LR_SCHEDULES)[number];

/** What a run may have at most: more than anybody waits for or any memory holds. */
export const MOST = {
  batchSize: 2 ** 24,
  steps: 1_000_000_000,
  sampleCount: 1024,
  checkpoints: 1_000_000,
} as const;

const count = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max));
const isFloat32 = (x: number): boolean => Number.isFinite(Math.fround(x)) && Math.fround(x) !== 0;
// Kernels compute in float32, where other numbers would be 0 or infinite.
const positive = v.pipe(
  v.number(),
  v.gtValue(0),
  v.check(isFloat32, ({ received }) => `expected a number from 1e-45 to 3e38, got ${received}`),
);
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const decay = v.pipe(v.number(), v.minValue(0), v.ltValue(1));
const size = v.pipe(v.number(), v.minValue(0), v.maxValue(1000));

/** Noise and timesteps drawn as Ho et al. 2020 do; also what configs mean that do not name these settings. */
export const PLAIN_DRAWS = {
  timestepSampling: "uniform",
  logitMean: 0,
  logitStd: 1,
  noiseOffset: 0,
  inputPerturbation: 0,
} as const;

/** Images that quality numbers can be computed from. */
export const MOST_EVALUATED = 10_000;

/** No quality numbers while training; also what configs mean that do not name these settings. */
export const NO_EVALUATION = { evalEvery: 0, evalCount: 256 } as const;

const upTo = (option: keyof AugmentOptions) =>
  v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(AUGMENT_LIMITS[option])), NO_AUGMENTATION[option]);

const entries = {
  /** Images per step. */
  batchSize: count(1, MOST.batchSize),
  /** Optimizer steps of the whole run. */
  steps: count(1, MOST.steps),
  /** Peak learning rate of AdamW. */
  learningRate: positive,
  lrSchedule: v.picklist(LR_SCHEDULES),
  /** Steps over which the learning rate rises from 0 to its peak. */
  warmupSteps: count(0),
  adamBeta1: decay,
  adamBeta2: decay,
  adamEpsilon: positive,
  adamWeightDecay: size,
  /** The gradient's norm is cut to this; null leaves it. */
  maxGradNorm: v.nullable(positive),
  /** Min-SNR loss weighting (Hang et al. 2023), gamma; null weighs all timesteps alike. */
  minSnrGamma: v.nullable(positive),
  /** Which timesteps come how often; see `TimestepSampling`. */
  timestepSampling: v.optional(v.picklist(TIMESTEP_SAMPLINGS), PLAIN_DRAWS.timestepSampling),
  /** Mean and standard deviation of logit-normal sampling. */
  logitMean: v.optional(v.pipe(v.number(), v.minValue(-1000), v.maxValue(1000)), PLAIN_DRAWS.logitMean),
  logitStd: v.optional(positive, PLAIN_DRAWS.logitStd),
  /** Size of a further noise that is constant over a channel of an image. */
  noiseOffset: v.optional(size, PLAIN_DRAWS.noiseOffset),
  /** Size of a further noise that the model sees but is not asked for. */
  inputPerturbation: v.optional(size, PLAIN_DRAWS.inputPerturbation),
  /** Share of class labels that are hidden, so that guidance has answers without a class to compare with; 0 without classes. */
  labelDropout: v.optional(decay, 0),
  /** Ceiling of the decay of the weights' exponential moving average; null keeps no average. */
  emaMaxDecay: v.nullable(share),
  /** Mirrors half of the images, drawn anew in each epoch. */
  flip: v.boolean(),
  /** What else is done to images, drawn anew in each epoch; see `AugmentOptions`. */
  randomCrop: upTo("randomCrop"),
  rotate: upTo("rotate"),
  translate: upTo("translate"),
  colorJitter: upTo("colorJitter"),
  augmentProbability: upTo("augmentProbability"),
  /** Decides the first weights, the order of images and every draw of noise: 0 .. 2^53 - 1. */
  seed: count(0),
  /** Steps between sample grids, which the last step has too; 0 for none at all. */
  sampleEvery: count(0),
  /** Denoising steps of each sample grid (DDIM, or Euler for a flow). */
  sampleSteps: count(1),
  /** Images of each sample grid. */
  sampleCount: count(1, MOST.sampleCount),
  /** Steps between quality numbers, which the last step has too; 0 for none at all. */
  evalEvery: v.optional(count(0), NO_EVALUATION.evalEvery),
  /** Images that are drawn for them, as those of sample grids are. */
  evalCount: v.optional(count(2, MOST_EVALUATED), NO_EVALUATION.evalCount),
  /** Steps between checkpoints; 0 writes none but the last. */
  checkpointEvery: count(0),
  /** Older checkpoints than this many are removed. */
  keepCheckpoints: count(1, MOST.checkpoints),
};

/** The settings of a run; the fields are described where they are declared. */
export type TrainSettings = Readonly<v.InferOutput<v.ObjectSchema<typeof entries, undefined>>>;

/** Settings that a resumed run may change: they do not change what is learnt. */
export const FREE_SETTINGS: ReadonlySet<string> = new Set([
  "sampleEvery",
  "sampleSteps",
  "sampleCount",
  "evalEvery",
  "evalCount",
  "checkpointEvery",
  "keepCheckpoints",
]);

/** Reads settings under their JSON names; every one must be there. */
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
 * Checks settings put together by a program.
 * @returns what is wrong, in one line, or undefined
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
  const { timestepSampling, logitMean, logitStd } = settings;
  const isPlain = logitMean === PLAIN_DRAWS.logitMean && logitStd === PLAIN_DRAWS.logitStd;
  if (timestepSampling !== "logit-normal" && !isPlain) {
    return `a logit mean of ${logitMean} and a logit std of ${logitStd} are of logit-normal timestep sampling, but that is ${timestepSampling}; use logit-normal or leave them out`;
  }
  return undefined;
}

/** The timestep sampling that settings describe. */
export function timestepSamplingOf({
  timestepSampling: name,
  logitMean,
  logitStd,
}: TrainSettings): TimestepSampling {
  return name === "logit-normal" ? { name, mean: logitMean, std: logitStd } : { name };
}

/** The augmentation that settings describe. */
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
