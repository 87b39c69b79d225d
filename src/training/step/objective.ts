// The training objective: the mixtures of image and noise that the model gets, and its target.

import { constant, type Tensor } from "../../engine/tensor.ts";
import { modelKind } from "../../pipelines/model_kind.ts";
import { FlowMatchSchedulerBase } from "../../schedulers/bases/flow_match.ts";
import { DDPMScheduler, FlowMatchEulerDiscreteScheduler, type Scheduler } from "../../schedulers/index.ts";
import {
  noiseLevel,
  type PredictionType,
  type SolverPredictionType,
} from "../../schedulers/math/prediction.ts";
import { TrainingOptionError } from "../errors.ts";
import { conversionWeight, flowConversionWeight, flowMinSnrWeight, minSnrWeight } from "./losses.ts";

/** Diffusion: x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε at whole timesteps 0 .. T-1 (Ho et al. 2020). */
export interface DiffusionObjective {
  /** What the model predicts. */
  readonly predictionType: PredictionType;
  /** ᾱ_t for every timestep: the scheduler's. */
  readonly alphasCumprod: Float32Array;
}

/**
 * Flow matching along straight lines: x_σ = (1 - σ) x_0 + σ ε for every σ in [0, 1]. Given the timestep σ T, the model
 * predicts the line's direction ε - x_0 (Lipman et al. 2022, arXiv 2210.02747; Liu et al. 2022, arXiv 2209.03003).
 */
export interface FlowObjective {
  /** What the model predicts: the line's direction. */
  readonly predictionType: "flow_prediction";
  /** T. */
  readonly numTrainTimesteps: number;
  /** s > 0 of σ = s u / (1 + (s - 1) u), which shifts drawn positions u towards noise (Esser et al. 2024, eq. 23). */
  readonly shift: number;
}

/** A model's target, and the mixtures of image and noise that it gets. */
export type Objective = DiffusionObjective | FlowObjective;

/** The schedulers for training. */
export type TrainScheduler = DDPMScheduler | FlowMatchEulerDiscreteScheduler;

/**
 * The training scheduler for a model that another scheduler samples: with the same noise and prediction type.
 * @throws TrainingOptionError for kinds of models without training here
 */
export function trainSchedulerOf(scheduler: Scheduler): TrainScheduler {
  switch (modelKind(scheduler)) {
    case "over betas":
      return DDPMScheduler.fromConfig(scheduler);
    case "of a flow": {
      if (scheduler instanceof FlowMatchSchedulerBase)
        return FlowMatchEulerDiscreteScheduler.fromConfig(scheduler);
      const { numTrainTimesteps, config } = scheduler;
      const shift = typeof config.flowShift === "number" ? config.flowShift : 1;
      return new FlowMatchEulerDiscreteScheduler({ numTrainTimesteps, shift });
    }
    default:
      throw new TrainingOptionError(
        `a model ${modelKind(scheduler)} is not trained here; choose one of diffusion over betas or of a flow`,
      );
  }
}

/** The model's target, by the name of its option. */
export const answerOf = (scheduler: TrainScheduler): Objective["predictionType"] =>
  scheduler instanceof DDPMScheduler ? scheduler.config.predictionType : "flow_prediction";

/**
 * The training objective for a scheduler.
 * @throws TrainingOptionError for sampling options without a training objective here
 */
export function objectiveOf(scheduler: TrainScheduler): Objective {
  if (!(scheduler instanceof FlowMatchEulerDiscreteScheduler)) {
    const { config, alphasCumprod } = scheduler;
    return { predictionType: config.predictionType, alphasCumprod };
  }
  const { numTrainTimesteps, shift, useDynamicShifting, invertSigmas } = scheduler.config;
  if (useDynamicShifting || invertSigmas) {
    const option = useDynamicShifting ? "useDynamicShifting" : "invertSigmas";
    throw new TrainingOptionError(
      `the scheduler's ${option} is true, but a flow is trained with one shift, from image to noise; leave it out`,
    );
  }
  return { predictionType: "flow_prediction", numTrainTimesteps, shift };
}

export const isFlow = (objective: Objective): objective is FlowObjective =>
  objective.predictionType === "flow_prediction";

/** T. */
export const timestepCount = (objective: Objective): number =>
  isFlow(objective) ? objective.numTrainTimesteps : objective.alphasCumprod.length;

/** How timesteps are weighted in the loss; at most one of the two is not null. */
export interface LossWeighting {
  /** Gamma of Min-SNR loss weighting (Hang et al. 2023); null weights all timesteps equally. */
  readonly minSnrGamma: number | null;
  /** The quantity whose squared error is the loss; null or absent for the model's target. */
  readonly lossType?: SolverPredictionType | null;
}

/** The noise levels of a batch. */
export interface BatchLevels {
  /** The model's timesteps, [N]: i32, or f32 for a flow. */
  readonly timesteps: Tensor;
  /** Scale of the image, [N, 1, 1, 1]. */
  readonly alpha: Tensor;
  /** Scale of the noise, [N, 1, 1, 1]. */
  readonly sigma: Tensor;
  /** Weights of the losses, [N]; null for equal weights. */
  readonly weight: Tensor | null;
}

/**
 * The noise levels for drawn timesteps.
 * @param drawn [N]: timesteps, i32, from 0 to T-1; for a flow u T, f32, from 0 to T
 */
export function batchLevels(objective: Objective, drawn: Tensor, weighting: LossWeighting): BatchLevels {
  return isFlow(objective)
    ? flowLevels(objective, drawn, weighting)
    : diffusionLevels(objective, drawn, weighting);
}

function diffusionLevels(
  { predictionType, alphasCumprod }: DiffusionObjective,
  timesteps: Tensor,
  { minSnrGamma, lossType = null }: LossWeighting,
): BatchLevels {
  const [n] = timesteps.shape;
  const weightAt = (alphaProd: number): number => {
    if (minSnrGamma !== null) return minSnrWeight(predictionType, alphaProd, minSnrGamma);
    return lossType === null ? 1 : conversionWeight(predictionType, lossType, noiseLevel(alphaProd));
  };
  // One row per timestep: signal scale, noise scale, loss weight.
  const table = Array.from(alphasCumprod, (alphaProd) => {
    const { alpha, sigma } = noiseLevel(alphaProd);
    return [alpha, sigma, weightAt(alphaProd)];
  });
  const rows = constant(Float32Array.from(table.flat()), [table.length, 3]).gather(timesteps); // [N, 3]
  const [alpha, sigma, weight] = rows.split(3, 1);
  return {
    timesteps,
    alpha: alpha.reshape([n, 1, 1, 1]),
    sigma: sigma.reshape([n, 1, 1, 1]),
    weight: minSnrGamma === null && lossType === null ? null : weight.reshape([n]),
  };
}

function flowLevels(
  { numTrainTimesteps, shift }: FlowObjective,
  drawn: Tensor,
  { minSnrGamma, lossType = null }: LossWeighting,
): BatchLevels {
  const [n] = drawn.shape;
  const u = drawn.div(numTrainTimesteps);
  const sigma = shift === 1 ? u : u.mul(shift).div(u.mul(shift - 1).add(1));
  return {
    timesteps: sigma.mul(numTrainTimesteps),
    alpha: sigma.neg().add(1).reshape([n, 1, 1, 1]),
    sigma: sigma.reshape([n, 1, 1, 1]),
    weight:
      minSnrGamma === null
        ? lossType && flowConversionWeight(lossType, sigma)
        : flowMinSnrWeight(sigma, minSnrGamma),
  };
}
