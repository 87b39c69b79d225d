// A training step before compilation: its program, and the state that changes from step to step.

import type { Backend } from "../../engine/backend.ts";
import type { Denoiser } from "../../models/denoiser.ts";
import type { AugmentEmbedding } from "./augment_embedding.ts";
import { buildFittingStep } from "./compile_step.ts";
import { LossScale } from "./loss_scale.ts";
import { LossSecondMoment } from "./loss_second_moment.ts";
import { timestepCount } from "./objective.ts";
import type { TrainStep, TrainStepOptions } from "./train_step.ts";

/** A training step with all its state for checkpoints; its values are on the host. */
export interface TracedStep extends TrainStep {
  readonly model: Denoiser;
  /** The layer trained in addition to the model, if any. */
  readonly augmentEmbedding: AugmentEmbedding | null;
  /** Importance sampling of timesteps, if enabled. */
  readonly timesteps: LossSecondMoment | null;
  /** The scale of the loss in fp16; otherwise null. */
  readonly lossScale: LossScale | null;
}

/**
 * Traces a training step.
 * @throws TrainingOptionError when it cannot be built, or does not fit into the backend's memory
 */
export function traceStep(backend: Backend, options: TrainStepOptions): TracedStep {
  const { model, augmentEmbedding = null, objective, timestepSampling } = options;
  const isByLoss = timestepSampling?.name === "loss-second-moment";
  return {
    ...buildFittingStep(backend, options),
    model,
    augmentEmbedding,
    timesteps: isByLoss ? new LossSecondMoment(timestepCount(objective)) : null,
    lossScale: options.precision === "fp16" ? new LossScale() : null,
  };
}
