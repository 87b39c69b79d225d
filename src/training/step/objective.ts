// What a run teaches a model: which mixtures of image and noise it is shown, and what it should answer.

import { constant, type Tensor } from "../../engine/tensor.ts";
import { modelKind } from "../../pipelines/model_kind.ts";
import { FlowMatchSchedulerBase } from "../../schedulers/bases/flow_match.ts";
import { DDPMScheduler, FlowMatchEulerDiscreteScheduler, type Scheduler } from "../../schedulers/index.ts";
import { noiseLevel, type PredictionType } from "../../schedulers/math/prediction.ts";
import { TrainingOptionError } from "../errors.ts";
import { flowMinSnrWeight, minSnrWeight } from "./losses.ts";

/** Diffusion: x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε at whole timesteps 0 .. T-1 (Ho et al. 2020). */
export interface DiffusionObjective {
  readonly predictionType: PredictionType;
  /** ᾱ_t for every timestep: the scheduler's. */
  readonly alphasCumprod: Float32Array;
}

/**
 * Flow matching along straight lines: x_σ = (1 - σ) x_0 + σ ε for every σ in [0, 1], and the model, told the timestep
 * σ T, answers the line's direction ε - x_0 (Lipman et al. 2022, arXiv 2210.02747; Liu et al. 2022, arXiv 2209.03003).
 */
export interface FlowObjective {
  readonly predictionType: "flow_prediction";
  /** T. */
  readonly numTrainTimesteps: number;
  /** s > 0 of σ = s u / (1 + (s - 1) u), which moves what is drawn as u towards noise (Esser et al. 2024, eq. 23). */
  readonly shift: number;
}

/** What a model learns to predict, and of which mixtures of image and noise. */
export type Objective = DiffusionObjective | FlowObjective;

/** The schedulers that models are trained for. */
export type TrainScheduler = DDPMScheduler | FlowMatchEulerDiscreteScheduler;

/**
 * The scheduler that a model is trained for which another one draws with: of the same noise and the same answers.
 * @throws TrainingOptionError for kinds of models that are not trained here
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

/** What a model is asked to answer, by the name of its option. */
export const answerOf = (scheduler: TrainScheduler): Objective["predictionType"] =>
  scheduler instanceof DDPMScheduler ? scheduler.config.predictionType : "flow_prediction";

/**
 * What a model has to learn for a scheduler to draw with it.
 * @throws TrainingOptionError for options of sampling that no model is trained for here
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

/** Where the images of a batch stand between image and noise. */
export interface BatchLevels {
  /** What the model is told, [N]: i32, or f32 for a flow. */
  readonly timesteps: Tensor;
  /** Scale of the image, [N, 1, 1, 1]. */
  readonly alpha: Tensor;
  /** Scale of the noise, [N, 1, 1, 1]. */
  readonly sigma: Tensor;
  /** Min-SNR weights, [N]; null where all weigh alike. */
  readonly weight: Tensor | null;
}

/**
 * @param drawn [N]: timesteps, i32, from 0 to T-1; for a flow u T, f32, from 0 to T
 * @param minSnrGamma null weighs all alike
 */
export function batchLevels(objective: Objective, drawn: Tensor, minSnrGamma: number | null): BatchLevels {
  return isFlow(objective)
    ? flowLevels(objective, drawn, minSnrGamma)
    : diffusionLevels(objective, drawn, minSnrGamma);
}

function diffusionLevels(
  { predictionType, alphasCumprod }: DiffusionObjective,
  timesteps: Tensor,
  minSnrGamma: number | null,
): BatchLevels {
  const [n] = timesteps.shape;
  // One row by timestep: signal scale, noise scale, loss weight.
  const table = Array.from(alphasCumprod, (alphaProd) => {
    const { alpha, sigma } = noiseLevel(alphaProd);
    return [alpha, sigma, minSnrGamma === null ? 1 : minSnrWeight(predictionType, alphaProd, minSnrGamma)];
  });
  const rows = constant(Float32Array.from(table.flat()), [table.length, 3]).gather(timesteps); // [N, 3]
  const [alpha, sigma, weight] = rows.split(3, 1);
  return {
    timesteps,
    alpha: alpha.reshape([n, 1, 1, 1]),
    sigma: sigma.reshape([n, 1, 1, 1]),
    weight: minSnrGamma === null ? null : weight.reshape([n]),
  };
}

function flowLevels(
  { numTrainTimesteps, shift }: FlowObjective,
  drawn: Tensor,
  minSnrGamma: number | null,
): BatchLevels {
  const [n] = drawn.shape;
  const u = drawn.div(numTrainTimesteps);
  const sigma = shift === 1 ? u : u.mul(shift).div(u.mul(shift - 1).add(1));
  return {
    timesteps: sigma.mul(numTrainTimesteps),
    alpha: sigma.neg().add(1).reshape([n, 1, 1, 1]),
    sigma: sigma.reshape([n, 1, 1, 1]),
    weight: minSnrGamma === null ? null : flowMinSnrWeight(sigma, minSnrGamma),
  };
}
