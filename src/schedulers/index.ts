// The entry imago/schedulers of the package: the schedulers by name.

/**
 * Samplers with diffusers' names, options and numbers, and those that choose their own steps. What they draw, side by side:
 * [samplers.md](../../docs/samplers.md); how the latter work: [adaptive-noise.md](../../docs/adaptive-noise.md).
 * @module imago/schedulers
 */

import { plain } from "../io/plain.ts";
import type { ConfigSource, FromConfigOptions } from "./bases/options.ts";
import { CMStochasticIterativeScheduler } from "./consistency_models.ts";
import { DDIMScheduler } from "./ddim.ts";
import { DDIMInverseScheduler } from "./ddim_inverse.ts";
import { DDPMScheduler } from "./ddpm.ts";
import { DEISMultistepScheduler } from "./deis_multistep.ts";
import { DPMSolverMultistepScheduler } from "./dpmsolver_multistep.ts";
import { DPMSolverMultistepInverseScheduler } from "./dpmsolver_multistep_inverse.ts";
import { DPMSolverSDEScheduler } from "./dpmsolver_sde.ts";
import { DPMSolverSinglestepScheduler } from "./dpmsolver_singlestep.ts";
import { EDMDPMSolverMultistepScheduler } from "./edm_dpmsolver_multistep.ts";
import { EDMEulerScheduler } from "./edm_euler.ts";
import { EulerAncestralDiscreteScheduler } from "./euler_ancestral_discrete.ts";
import { EulerDiscreteScheduler } from "./euler_discrete.ts";
import { FlowMatchEulerDiscreteScheduler } from "./flow_match_euler_discrete.ts";
import { FlowMatchHeunDiscreteScheduler } from "./flow_match_heun_discrete.ts";
import { FlowMatchLCMScheduler } from "./flow_match_lcm.ts";
import { HeunDiscreteScheduler } from "./heun_discrete.ts";
import { IPNDMScheduler } from "./ipndm.ts";
import { KDPM2AncestralDiscreteScheduler } from "./k_dpm_2_ancestral_discrete.ts";
import { KDPM2DiscreteScheduler } from "./k_dpm_2_discrete.ts";
import { LCMScheduler } from "./lcm.ts";
import { LMSDiscreteScheduler } from "./lms_discrete.ts";
import { PNDMScheduler } from "./pndm.ts";
import { RePaintScheduler } from "./repaint.ts";
import { SASolverScheduler } from "./sasolver.ts";
import type { Scheduler } from "./scheduler.ts";
import { SCMScheduler } from "./scm.ts";
import { ScoreSdeVeScheduler } from "./sde_ve.ts";
import { TCDScheduler } from "./tcd.ts";
import { UnCLIPScheduler } from "./unclip.ts";
import { UniPCMultistepScheduler } from "./unipc_multistep.ts";

export * from "./adaptive/index.ts";
export { type ConfigSource, type FromConfigOptions, schedulerFloatKeys } from "./bases/options.ts";
export {
  CMStochasticIterativeScheduler,
  type CMStochasticIterativeSchedulerConfig,
} from "./consistency_models.ts";
export { DDIMScheduler, type DDIMSchedulerConfig } from "./ddim.ts";
export { DDIMInverseScheduler, type DDIMInverseSchedulerConfig } from "./ddim_inverse.ts";
export { DDPMScheduler, type DDPMSchedulerConfig, type VarianceType } from "./ddpm.ts";
export { DEISMultistepScheduler, type DEISMultistepSchedulerConfig } from "./deis_multistep.ts";
export {
  DPMSolverMultistepScheduler,
  type DPMSolverMultistepSchedulerConfig,
} from "./dpmsolver_multistep.ts";
export {
  DPMSolverMultistepInverseScheduler,
  type DPMSolverMultistepInverseSchedulerConfig,
} from "./dpmsolver_multistep_inverse.ts";
export { DPMSolverSDEScheduler, type DPMSolverSDESchedulerConfig } from "./dpmsolver_sde.ts";
export {
  DPMSolverSinglestepScheduler,
  type DPMSolverSinglestepSchedulerConfig,
} from "./dpmsolver_singlestep.ts";
export {
  EDMDPMSolverMultistepScheduler,
  type EDMDPMSolverMultistepSchedulerConfig,
} from "./edm_dpmsolver_multistep.ts";
export { EDMEulerScheduler, type EDMEulerSchedulerConfig } from "./edm_euler.ts";
export {
  EulerAncestralDiscreteScheduler,
  type EulerAncestralDiscreteSchedulerConfig,
} from "./euler_ancestral_discrete.ts";
export { EulerDiscreteScheduler, type EulerDiscreteSchedulerConfig } from "./euler_discrete.ts";
export {
  FlowMatchEulerDiscreteScheduler,
  type FlowMatchEulerDiscreteSchedulerConfig,
} from "./flow_match_euler_discrete.ts";
export {
  FlowMatchHeunDiscreteScheduler,
  type FlowMatchHeunDiscreteSchedulerConfig,
} from "./flow_match_heun_discrete.ts";
export { FlowMatchLCMScheduler, type FlowMatchLCMSchedulerConfig } from "./flow_match_lcm.ts";
export { HeunDiscreteScheduler, type HeunDiscreteSchedulerConfig } from "./heun_discrete.ts";
export { IPNDMScheduler, type IPNDMSchedulerConfig } from "./ipndm.ts";
export {
  KDPM2AncestralDiscreteScheduler,
  type KDPM2AncestralDiscreteSchedulerConfig,
} from "./k_dpm_2_ancestral_discrete.ts";
export { KDPM2DiscreteScheduler, type KDPM2DiscreteSchedulerConfig } from "./k_dpm_2_discrete.ts";
export { LCMScheduler, type LCMSchedulerConfig } from "./lcm.ts";
export { LMSDiscreteScheduler, type LMSDiscreteSchedulerConfig } from "./lms_discrete.ts";
export type { BetaSchedule } from "./math/betas.ts";
export { torchNoise } from "./math/noise.ts";
export type { NoiseLevel, PredictionType, SolverPredictionType } from "./math/prediction.ts";
export type { TimestepSpacing } from "./math/spacing.ts";
export { type Shiftable, shiftNoise } from "./noise_shift.ts";
export { PNDMScheduler, type PNDMSchedulerConfig } from "./pndm.ts";
export { type Jumps, RePaintScheduler, type RePaintSchedulerConfig } from "./repaint.ts";
export {
  type SASolverOptions,
  SASolverScheduler,
  type SASolverSchedulerConfig,
  type TauFunction,
} from "./sasolver.ts";
export type {
  DiscreteScheduler,
  NoiseSource,
  Scheduler,
  StepOptions,
  StepOutput,
  TimestepsSpec,
} from "./scheduler.ts";
export { SCMScheduler, type SCMSchedulerConfig } from "./scm.ts";
export { ScoreSdeVeScheduler, type ScoreSdeVeSchedulerConfig } from "./sde_ve.ts";
export { TCDScheduler, type TCDSchedulerConfig } from "./tcd.ts";
export { UnCLIPScheduler, type UnCLIPSchedulerConfig } from "./unclip.ts";
export { UniPCMultistepScheduler, type UniPCMultistepSchedulerConfig } from "./unipc_multistep.ts";

/** The scheduler classes by their short names. */
export const schedulers = {
  ddpm: DDPMScheduler,
  ddim: DDIMScheduler,
  "ddim-inverse": DDIMInverseScheduler,
  pndm: PNDMScheduler,
  ipndm: IPNDMScheduler,
  euler: EulerDiscreteScheduler,
  "euler-ancestral": EulerAncestralDiscreteScheduler,
  heun: HeunDiscreteScheduler,
  lms: LMSDiscreteScheduler,
  dpm2: KDPM2DiscreteScheduler,
  "dpm2-ancestral": KDPM2AncestralDiscreteScheduler,
  "dpm++": DPMSolverMultistepScheduler,
  "dpm++-inverse": DPMSolverMultistepInverseScheduler,
  "dpm++-singlestep": DPMSolverSinglestepScheduler,
  "dpm++-sde": DPMSolverSDEScheduler,
  deis: DEISMultistepScheduler,
  unipc: UniPCMultistepScheduler,
  "sa-solver": SASolverScheduler,
  "sde-ve": ScoreSdeVeScheduler,
  "edm-euler": EDMEulerScheduler,
  "edm-dpm++": EDMDPMSolverMultistepScheduler,
  "flow-match-euler": FlowMatchEulerDiscreteScheduler,
  "flow-match-heun": FlowMatchHeunDiscreteScheduler,
  "flow-match-lcm": FlowMatchLCMScheduler,
  lcm: LCMScheduler,
  tcd: TCDScheduler,
  cm: CMStochasticIterativeScheduler,
  scm: SCMScheduler,
  repaint: RePaintScheduler,
  unclip: UnCLIPScheduler,
} as const;
/** The short name of a scheduler class. @useDeclaredType */
export type SchedulerName = keyof typeof schedulers;

/** Whether `name` is a scheduler's short name. */
export function isSchedulerName(name: string): name is SchedulerName {
  return Object.hasOwn(schedulers, name);
}

/** The short names of all schedulers. */
export const schedulerNames: readonly SchedulerName[] = Object.keys(schedulers).filter(isSchedulerName);

/** A scheduler by its short name, with options from a config (a file's JSON, another scheduler or its config). */
export function makeScheduler(
  name: SchedulerName,
  source: ConfigSource = {},
  options?: FromConfigOptions,
): Scheduler {
  if (!isSchedulerName(name)) {
    throw new RangeError(`scheduler is "${String(name)}", expected ${schedulerNames.join(" or ")}`);
  }
  return schedulers[name].fromConfig(source, options);
}

/**
 * The scheduler that a scheduler_config.json describes, by its `_class_name`.
 * @throws RangeError when the class is missing or unknown, or an option is wrong
 */
export function schedulerFromConfig(
  json: Readonly<Record<string, unknown>>,
  options?: FromConfigOptions,
): Scheduler {
  const className = json._class_name;
  const found = Object.values(schedulers).find((scheduler) => scheduler.className === className);
  if (found) return found.fromConfig(json, options);
  const known = Object.values(schedulers).map((scheduler) => scheduler.className);
  throw new RangeError(
    `the scheduler config has _class_name ${plain(JSON.stringify(className) ?? "undefined")}, expected ${known.join(" or ")}`,
  );
}
