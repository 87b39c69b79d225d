// Chooses the scheduler that a pipeline draws with: by name, with the model's own options unless others are given.

import { FlowMatchSchedulerBase } from "../schedulers/bases/flow_match.ts";
import { overridden, toCamelCase } from "../schedulers/bases/options.ts";
import {
  DDPMScheduler,
  isSchedulerName,
  makeScheduler,
  RePaintScheduler,
  type Scheduler,
  type SchedulerName,
  samplerNames,
  schedulerNames,
  schedulers,
} from "../schedulers/index.ts";
import { asPipelineError, PipelineError } from "./errors.ts";
import { checkKind, modelKind } from "./model_kind.ts";
import type { SeedCompat } from "./seeding.ts";

/** Options of a scheduler, by diffusers' names in camelCase or snake_case. */
export type SchedulerOptions = Readonly<Record<string, unknown>>;

/** Second-order methods in σ: each step also evaluates the model at its end or in its middle. */
const SECOND_ORDER: readonly SchedulerName[] = ["heun", "dpm2", "dpm2-ancestral"];
/** A first step from above this σ makes them inaccurate: its end says little, but is weighted by its length. */
const TOO_NOISY = 200;
/** Where Karras et al. 2022 (arXiv 2206.00364, table 1) start Heun's method: hardly a trace of the image is left. */
const SIGMA_MAX = 80;
/** λ = log(α / σ) where DPM-Solver's single steps start instead: σ is 20. */
const LAMBDA_MIN = -3;

/** The short name of a pipeline's own scheduler. @throws PipelineError when it has none */
export function schedulerNameOf(own: Scheduler): SchedulerName {
  const className = own.toConfig()._class_name;
  const name = schedulerNames.find((key) => schedulers[key].className === className);
  if (name !== undefined) return name;
  throw new PipelineError(`the pipeline's own scheduler, ${String(className)}, is unknown here`);
}

/**
 * Makes the scheduler for a call.
 * @param own the pipeline's: the defaults for `options`
 * @param ownName its short name
 * @param seedCompat with another library's random numbers, its schedule is unchanged too
 * @throws PipelineError for an unknown scheduler or option, and for a scheduler of another kind of model
 */
export function chosenScheduler(
  name: unknown,
  own: Scheduler,
  ownName: SchedulerName,
  { options = {}, seedCompat }: { options?: SchedulerOptions; seedCompat?: SeedCompat | undefined } = {},
): Scheduler {
  const used = name ?? ownName;
  if (typeof used !== "string" || !isSchedulerName(used)) {
    const known = [...schedulerNames, ...samplerNames];
    throw new PipelineError(`scheduler is ${JSON.stringify(name)}, expected ${known.join(" or ")}`);
  }
  const asked = camelCased(options);
  const scheduler = asPipelineError(() => {
    const bounds = seedCompat ? {} : boundedNoise(used, own);
    return makeScheduler(used, overridden(own, { ...bounds, ...flowOptions(used, own), ...asked }));
  });
  for (const key of Object.keys(asked)) {
    if (Object.hasOwn(scheduler.config, key)) continue;
    const known = Object.keys(scheduler.config).join(", ");
    throw new PipelineError(`${used} has no option ${key}; its options are ${known}`);
  }
  if (scheduler instanceof RePaintScheduler) {
    throw new PipelineError(
      "repaint draws a part of an image anew; give image and mask to a RePaintPipeline",
    );
  }
  checkKind(used, modelKind(scheduler), own, ownName);
  return scheduler;
}

/**
 * Options that start sampling where a trace of the image is left, for schedulers that are inaccurate from nearly pure
 * noise and models whose last timesteps are there; none for others.
 */
function boundedNoise(name: SchedulerName, own: Scheduler): SchedulerOptions {
  if (modelKind(own) !== "over betas") return {};
  const { alphasCumprod, betas, config } = DDPMScheduler.fromConfig(own);
  const sigmas = alphasCumprod.map((alphaProd) => Math.sqrt((1 - alphaProd) / alphaProd));
  if (!((sigmas.at(-1) ?? 0) > TOO_NOISY)) return {};
  // It always starts from the last timestep, where σ multiplies the error of ε.
  if (name === "dpm++-singlestep" && config.predictionType === "epsilon") {
    return { lambdaMinClipped: LAMBDA_MIN };
  }
  if (!SECOND_ORDER.includes(name)) return {};
  const count = sigmas.filter((sigma) => sigma <= SIGMA_MAX).length;
  return {
    numTrainTimesteps: count,
    trainedBetas: Array.from(betas.subarray(0, count)),
    rescaleBetasZeroSnr: false,
    useKarrasSigmas: true,
  };
}

/**
 * Options with which a solver over betas follows a flow, for a flow model and solvers that support it. DEIS and
 * SA-Solver do not: in diffusers they end at the last noise level, not at the image.
 */
function flowOptions(name: SchedulerName, own: Scheduler): SchedulerOptions {
  if (!(own instanceof FlowMatchSchedulerBase)) return {};
  const { config } = makeScheduler(name);
  if (!("useFlowSigmas" in config && "finalSigmasType" in config)) return {};
  return { useFlowSigmas: true, predictionType: "flow_prediction", flowShift: own.config.shift };
}

function camelCased(options: SchedulerOptions): SchedulerOptions {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [toCamelCase(key), value]));
}
