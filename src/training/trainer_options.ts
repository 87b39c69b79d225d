// What a Trainer takes, and how it becomes the settings of the run.

import type { ImageSource } from "../data/image_source.ts";
import type { BackendOptions } from "../engine/backends/create.ts";
import type { UNet2DModel } from "../models/unet_2d_model.ts";
import { TrainingOptionError } from "./errors.ts";
import type { TrainScheduler } from "./objective.ts";
import { runSteps } from "./presets.ts";
import { PLAIN_DRAWS, settingsProblem, type TrainSettings } from "./settings.ts";

/** Long pieces of work that the trainer does beside its steps. */
export type TrainStage = "compile" | "samples" | "checkpoint";

export interface TrainerOptions extends Partial<Omit<TrainSettings, "emaMaxDecay">>, BackendOptions {
  /** Its weights are drawn anew from the seed. */
  readonly model: UNet2DModel;
  /** Noise schedule and what the model predicts: a DDPMScheduler, or a FlowMatchEulerDiscreteScheduler for a flow. */
  readonly scheduler: TrainScheduler;
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
  /** Recorded in config.json: whether broken images were left out. */
  readonly skipBroken?: boolean;
  /** Called when a long piece of work begins. */
  readonly onStage?: (stage: TrainStage) => void;
}

/** For a Trainer that is told nothing else: those of diffusers' unconditional training script, without its warm-up. */
const DEFAULTS: Omit<TrainSettings, "steps" | "flip"> = {
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
  emaMaxDecay: 0.9999,
  seed: 0,
  sampleEvery: 500,
  sampleSteps: 50,
  sampleCount: 16,
  checkpointEvery: 500,
  keepCheckpoints: 2,
};

/** @throws TrainingOptionError naming the option that is wrong */
export function resolveSettings(options: TrainerOptions): TrainSettings {
  const { steps, epochs, ema = true, data } = options;
  if ((steps === undefined) === (epochs === undefined)) {
    throw new TrainingOptionError(
      `${steps === undefined ? "neither steps nor epochs was" : "both steps and epochs were"} given, expected one of them`,
    );
  }
  const settings = { ...DEFAULTS, flip: data.flip, steps: 1 };
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
