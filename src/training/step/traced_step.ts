// A training step before it is compiled: its program, and all that a run changes from step to step.

import type { Backend } from "../../engine/backend.ts";
import type { Denoiser } from "../../models/denoiser.ts";
import type { AugmentEmbedding } from "./augment_embedding.ts";
import { checkStep } from "./compile_step.ts";
import { LossSecondMoment } from "./loss_second_moment.ts";
import { timestepCount } from "./objective.ts";
import { buildTrainStep, type TrainStep, type TrainStepOptions } from "./train_step.ts";

/** A training step with all that a checkpoint keeps of it; its values are on the host. */
export interface TracedStep extends TrainStep {
  readonly model: Denoiser;
  /** What is trained beside the model, if anything. */
  readonly augmentEmbedding: AugmentEmbedding | null;
  /** Draws the timesteps where the losses so far decide on them. */
  readonly timesteps: LossSecondMoment | null;
}

/** @throws TrainingOptionError when the step cannot be built, or does not fit into the backend's memory */
export function traceStep(backend: Backend, options: TrainStepOptions): TracedStep {
  checkStep(backend, options);
  const { model, augmentEmbedding = null, objective, timestepSampling } = options;
  const isByLoss = timestepSampling?.name === "loss-second-moment";
  return {
    ...buildTrainStep(options),
    model,
    augmentEmbedding,
    timesteps: isByLoss ? new LossSecondMoment(timestepCount(objective)) : null,
  };
}
