// What a call draws with where it does not say: the pipeline's own defaults, those of diffusers, and numbers of steps.

import type { SchedulerName } from "../schedulers/index.ts";
import type { SeedCompat } from "./seeding.ts";

/** DDPM walks all timesteps; RePaint goes back and forth over its own; the others are made for few. */
const DEFAULT_STEPS: ReadonlyMap<string, number> = new Map([
  ["ddpm", 1000],
  ["repaint", 250],
]);
const FEW_STEPS = 50;
/** Models that were distilled to draw in few steps, by their pipelines' classes in diffusers. */
const STEPS_OF_CLASS: ReadonlyMap<string, number> = new Map([
  ["LatentConsistencyModelPipeline", 4],
  ["LatentConsistencyModelImg2ImgPipeline", 4],
]);

/**
 * The default number of steps.
 * @param scheduler its short name, or "repaint"
 * @param numTrainTimesteps upper limit for any scheduler
 * @param className of the pipeline in diffusers
 */
export const defaultSteps = (
  scheduler: string,
  numTrainTimesteps: number,
  className = "DDPMPipeline",
): number =>
  Math.min(STEPS_OF_CLASS.get(className) ?? DEFAULT_STEPS.get(scheduler) ?? FEW_STEPS, numTrainTimesteps);

/** A scheduler that draws well in few steps, with the models of another: DDPM needs many. */
export const fewStepScheduler = (own: SchedulerName): SchedulerName => (own === "ddpm" ? "ddim" : own);

/** What a pipeline draws with if nothing is chosen. */
export interface SamplingDefaults {
  /** The scheduler's short name. */
  readonly scheduler: SchedulerName;
  /** Denoising steps. */
  readonly steps: number;
}

/** The parts of a pipeline that its defaults follow from. */
interface Defaulting {
  readonly className: string;
  readonly scheduler: { readonly numTrainTimesteps: number };
  readonly sampling: SamplingDefaults | undefined;
}

/** The defaults of a pipeline where no scheduler is chosen; for another library's seeds, what that draws with. */
export const defaultSampling = (
  { className, scheduler, sampling }: Defaulting,
  seedCompat: SeedCompat | undefined,
): Partial<SamplingDefaults> =>
  seedCompat === undefined ? (sampling ?? {}) : pythonDefaults(className, scheduler.numTrainTimesteps);

/** What a pipeline of diffusers draws with if nothing is chosen. */
interface PythonDefaults {
  /** The only scheduler that the pipeline takes; undefined: the one in its folder. */
  readonly scheduler?: SchedulerName;
  readonly steps: number;
}

const DDPM_PIPELINE: PythonDefaults = { steps: 1000 };
const PYTHON_DEFAULTS: ReadonlyMap<string, PythonDefaults> = new Map([
  ["DDIMPipeline", { scheduler: "ddim", steps: 50 }],
  ["PNDMPipeline", { scheduler: "pndm", steps: 50 }],
  ["ConsistencyModelPipeline", { steps: 1 }],
  ["ScoreSdeVePipeline", { steps: 2000 }],
  ["LDMPipeline", { steps: 50 }],
  ["DiTPipeline", { steps: 50 }],
  ["StableDiffusionPipeline", { steps: 50 }],
  ["StableDiffusionImg2ImgPipeline", { steps: 50 }],
  ["StableDiffusionInpaintPipeline", { steps: 50 }],
  ["LatentConsistencyModelPipeline", { steps: 4 }],
  ["LatentConsistencyModelImg2ImgPipeline", { steps: 4 }],
  ["StableDiffusionXLPipeline", { steps: 50 }],
  ["StableDiffusionXLImg2ImgPipeline", { steps: 50 }],
  ["StableDiffusionXLInpaintPipeline", { steps: 50 }],
]);

/**
 * The defaults of a pipeline in diffusers; those of DDPMPipeline for other classes.
 * @param className in model_index.json
 */
function pythonDefaults(className: string, numTrainTimesteps: number): PythonDefaults {
  const { steps, ...more } = PYTHON_DEFAULTS.get(className) ?? DDPM_PIPELINE;
  return { ...more, steps: Math.min(steps, numTrainTimesteps) };
}
