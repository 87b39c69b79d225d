// What imago sample and imago eval settle alike before they draw new images.

import { MemoryError } from "../engine/backend.ts";
import { PIXEL_LIMIT } from "../io/image/index.ts";
import type { Denoiser } from "../models/denoiser.ts";
import type { ClassOptions } from "../pipelines/class_labels.ts";
import { readWeights } from "../pipelines/components.ts";
import type { DDPMPipeline } from "../pipelines/ddpm_pipeline.ts";
import { defaultSteps } from "../pipelines/default_steps.ts";
import { checkChannels } from "../pipelines/images.ts";
import { isSamplerName, isSchedulerName, type SamplerName, type SchedulerName } from "../schedulers/index.ts";
import { checkpointWeights } from "../training/run/checkpoint.ts";
import { RunFolder } from "../training/run/run_folder.ts";
import { UsageError } from "./errors.ts";

/** The options of every command that draws with a model; those without a question mark have defaults. */
export interface DrawingFlags {
  /** Images. */
  readonly count: number;
  readonly steps?: number;
  /** Default: ddim in place of ddpm, otherwise the pipeline's own. */
  readonly scheduler?: string;
  /** Of a run: the step of one of its checkpoints. */
  readonly checkpoint?: number;
  readonly guidance?: number;
  readonly guidanceRescale?: number;
  readonly seed: number;
  readonly batchSize: number;
}

/**
 * Gives a run's pipeline the weights of the checkpoint that is asked for, if any.
 * @throws RunFolderError when there is no such checkpoint; what reading it throws
 */
export async function useCheckpoint(
  { unet }: { readonly unet: Denoiser },
  run: string,
  { checkpoint }: Pick<DrawingFlags, "checkpoint">,
): Promise<void> {
  if (checkpoint === undefined) return;
  await readWeights(await checkpointWeights(new RunFolder(run), checkpoint), unet);
}

/**
 * What is asked of a model's classes: --class is one name, also with commas in it, or several.
 * @throws UsageError for a class beside a guidance that leaves classes out
 */
export function classOptions(
  {
    class: names,
    guidance,
    guidanceRescale,
  }: Pick<DrawingFlags, "guidance" | "guidanceRescale"> & { readonly class?: string },
  { labels }: Pick<DDPMPipeline, "labels">,
): ClassOptions {
  if (names !== undefined && guidance === 0) {
    throw new UsageError("--guidance 0 draws of no class; leave out --class, or give more guidance");
  }
  const classLabels =
    names === undefined || labels.has(names) ? names : names.split(",").map((name) => name.trim());
  return {
    ...(classLabels !== undefined && { classLabels }),
    ...(guidance !== undefined && { guidanceScale: guidance }),
    ...(guidanceRescale !== undefined && { guidanceRescale }),
  };
}

/** What draws new images, and in how many steps: as asked for, or the pipeline's own (ddim in place of ddpm). */
export function chooseSampler(
  pipeline: DDPMPipeline,
  flags: Pick<DrawingFlags, "scheduler" | "steps">,
): {
  readonly scheduler: SchedulerName | SamplerName;
  readonly steps: number | undefined;
  readonly isAdaptive: boolean;
} {
  const own = pipeline.schedulerName;
  const scheduler = flags.scheduler ?? (own === "ddpm" ? "ddim" : own);
  if (!isSchedulerName(scheduler) && !isSamplerName(scheduler)) {
    throw new UsageError(`--scheduler is "${scheduler}"; it is not known`);
  }
  const isAdaptive = isSamplerName(scheduler);
  if (isAdaptive) return { scheduler, steps: flags.steps, isAdaptive };
  const steps = flags.steps ?? defaultSteps(scheduler, pipeline.scheduler.numTrainTimesteps);
  return { scheduler, steps, isAdaptive };
}

/**
 * @throws UsageError for more images than can be held, and laid out in a grid, at once
 * @throws PipelineError for a model whose images have other channels than images have
 */
export function checkCount(
  count: number,
  { height, width, channels }: { height: number; width: number; channels: number },
): void {
  checkChannels(channels);
  const most = Math.max(1, Math.floor(PIXEL_LIMIT / (height * width)));
  if (count <= most) return;
  throw new UsageError(
    `--count ${count} images of ${width} x ${height} are too many at once; draw at most ${most}, several times with another --seed`,
  );
}

/**
 * Computes batches: where one does not fit into memory, --batch-size was wrong.
 * @throws UsageError then
 */
export async function fitting<T>(
  { batchSize }: Pick<DrawingFlags, "batchSize">,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MemoryError)) throw error;
    throw new UsageError(`${error.message}; choose a smaller --batch-size than ${batchSize}`);
  }
}
