// index.ts: the schedulers by name.

import { DDIMScheduler } from "./ddim.ts";
import { DDPMScheduler } from "./ddpm.ts";
import { EulerDiscreteScheduler } from "./euler_discrete.ts";
import type { ConfigSource, FromConfigOptions } from "./options.ts";
import type { DiscreteScheduler } from "./scheduler.ts";

export * from "./adaptive/index.ts";
export type { BetaSchedule } from "./betas.ts";
export { DDIMScheduler, type DDIMSchedulerConfig } from "./ddim.ts";
export { DDPMScheduler, type DDPMSchedulerConfig, type VarianceType } from "./ddpm.ts";
export { EulerDiscreteScheduler, type EulerDiscreteSchedulerConfig } from "./euler_discrete.ts";
export { torchNoise } from "./noise.ts";
export { type ConfigSource, type FromConfigOptions, schedulerFloatKeys } from "./options.ts";
export type { PredictionType } from "./prediction.ts";
export type {
  DiscreteScheduler,
  NoiseSource,
  Scheduler,
  StepOptions,
  StepOutput,
  TimestepsSpec,
} from "./scheduler.ts";
export type { TimestepSpacing } from "./spacing.ts";

/** The scheduler classes by the short names that people type. */
export const schedulers = {
  ddpm: DDPMScheduler,
  ddim: DDIMScheduler,
  euler: EulerDiscreteScheduler,
} as const;
export type SchedulerName = keyof typeof schedulers;

/** Whether a text is a scheduler's short name. */
export function isSchedulerName(name: string): name is SchedulerName {
  return Object.hasOwn(schedulers, name);
}

/** A scheduler by its short name, with the options of a config (a file's JSON, another scheduler or its config). */
export function makeScheduler(
  name: SchedulerName,
  source: ConfigSource = {},
  options?: FromConfigOptions,
): DiscreteScheduler {
  if (!isSchedulerName(name)) {
    throw new RangeError(`scheduler is "${String(name)}", expected ${Object.keys(schedulers).join(" or ")}`);
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
): DiscreteScheduler {
  const className = json._class_name;
  const found = Object.values(schedulers).find((scheduler) => scheduler.className === className);
  if (found) return found.fromConfig(json, options);
  const known = Object.values(schedulers).map((scheduler) => scheduler.className);
  throw new RangeError(
    `the scheduler config has _class_name ${JSON.stringify(className)}, expected ${known.join(" or ")}`,
  );
}
