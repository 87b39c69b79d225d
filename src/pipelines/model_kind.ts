// The kind of model that a scheduler is for: a scheduler of another kind would draw nonsense with it.

import { EDMSchedulerBase } from "../schedulers/bases/edm.ts";
import { FlowMatchSchedulerBase } from "../schedulers/bases/flow_match.ts";
import { CMStochasticIterativeScheduler } from "../schedulers/consistency_models.ts";
import { IPNDMScheduler, SCMScheduler, type Scheduler, ScoreSdeVeScheduler } from "../schedulers/index.ts";
import { PipelineError } from "./errors.ts";

/** Phrases that follow "a model". */
type ModelKind =
  | "over betas"
  | "of a flow"
  | "with EDM's preconditioning"
  | "of consistency"
  | "of TrigFlow"
  | "of v over angles"
  | "of scores";

export function modelKind(scheduler: Scheduler): ModelKind {
  if (scheduler instanceof EDMSchedulerBase) return "with EDM's preconditioning";
  if (scheduler instanceof CMStochasticIterativeScheduler) return "of consistency";
  if (scheduler instanceof SCMScheduler) return "of TrigFlow";
  if (scheduler instanceof IPNDMScheduler) return "of v over angles";
  if (scheduler instanceof ScoreSdeVeScheduler) return "of scores";
  const isFlow =
    scheduler instanceof FlowMatchSchedulerBase || scheduler.config.predictionType === "flow_prediction";
  return isFlow ? "of a flow" : "over betas";
}

/** @throws PipelineError when a sampler is for another kind of model than the pipeline's own scheduler */
export function checkKind(sampler: string, kind: ModelKind, own: Scheduler, ownName: string): void {
  if (kind === modelKind(own)) return;
  throw new PipelineError(`${sampler} draws with models ${kind}, which this one is not; use ${ownName}`);
}
