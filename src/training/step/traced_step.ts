// A training step before compilation: its programs, and the state that changes from step to step.

import type { Backend } from "../../engine/backend.ts";
import type { Denoiser } from "../../models/denoiser.ts";
import type { AugmentEmbedding } from "./augment_embedding.ts";
import { ALONE, type BatchShare, shareOf } from "./batch_share.ts";
import { type AnyTrainStep, buildFittingSplit, buildFittingStep } from "./compile_step.ts";
import { LossScale } from "./loss_scale.ts";
import { LossSecondMoment } from "./loss_second_moment.ts";
import { timestepCount } from "./objective.ts";
import type { TrainState, TrainStepOptions } from "./train_step.ts";

/** A training step with all its state for checkpoints; its values are on the host. */
export interface TracedStep extends TrainState {
  readonly programs: AnyTrainStep;
  readonly share: BatchShare;
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
 * @param options of the whole batch
 * @param share what this process computes of it. Default: all
 * @throws TrainingOptionError when it cannot be built, or does not fit into the backend's memory
 */
export function traceStep(
  backend: Backend,
  options: TrainStepOptions,
  share = shareOf({ batchSize: options.batchSize, microbatch: null }, ALONE),
): TracedStep {
  const { model, augmentEmbedding = null, objective, timestepSampling } = options;
  const isByLoss = timestepSampling?.name === "loss-second-moment";
  const isWhole = share.microbatch === share.wholeBatch;
  const programs = isWhole ? buildFittingStep(backend, options) : buildFittingSplit(backend, options, share);
  const { network, expAvg, expAvgSq, momentumBuffer, ema } = programs;
  return {
    ...{ network, expAvg, expAvgSq, momentumBuffer, ema },
    programs,
    share,
    model,
    augmentEmbedding,
    timesteps: isByLoss ? new LossSecondMoment(timestepCount(objective)) : null,
    lossScale: options.precision === "fp16" ? new LossScale() : null,
  };
}
