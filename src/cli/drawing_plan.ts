// The common part of imago sample and imago eval before they draw new images.

import { MemoryError } from "../engine/backend.ts";
import { PIXEL_LIMIT } from "../io/image/index.ts";
import type { Denoiser } from "../models/denoiser.ts";
import type { ClassOptions } from "../pipelines/class_labels.ts";
import { readWeights } from "../pipelines/components.ts";
import type { DDPMPipeline } from "../pipelines/ddpm_pipeline.ts";
import { checkChannels } from "../pipelines/images.ts";
import { defaultSampling, defaultSteps, fewStepScheduler } from "../pipelines/sampling_defaults.ts";
import type { SeedCompat } from "../pipelines/seeding.ts";
import { isSamplerName, isSchedulerName, type SamplerName, type SchedulerName } from "../schedulers/index.ts";
import { checkpointWeights } from "../training/run/checkpoint.ts";
import { RunFolder } from "../training/run/run_folder.ts";
import { UsageError } from "./errors.ts";

/** Options of every command that draws with a model; those without a question mark have defaults. */
export interface DrawingFlags {
  /** Number of images. */
  readonly count: number;
  readonly steps?: number;
  /** Default: that of the pipeline's `sampling`, otherwise its own, but ddim in place of ddpm. */
  readonly scheduler?: string;
  /** For a run: the step of one of its checkpoints. */
  readonly checkpoint?: number;
  readonly guidance?: number;
  readonly guidanceRescale?: number;
  readonly seed: number;
  readonly batchSize: number;
}

/**
 * Loads the weights of the chosen checkpoint, if any, into a run's pipeline.
 * @throws RunFolderError when there is no such checkpoint; errors of reading it
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
 * The class options: --class is one name, which may contain commas, or several.
 * @throws UsageError for a class with a guidance that ignores classes
 */
export function classOptions(
  {
    class: names,
    guidance,
    guidanceRescale,
  }: Pick<DrawingFlags, "guidance" | "guidanceRescale"> & { readonly class?: string },
  { labels, classes }: Pick<DDPMPipeline, "labels" | "classes">,
): ClassOptions {
  if (names !== undefined && classes?.leavesOut(guidance)) {
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

/** What a pipeline's usual way to draw follows from. */
export type Sampled = Pick<DDPMPipeline, "className" | "scheduler" | "schedulerName" | "sampling">;

/**
 * The chosen sampler and number of steps; by default those that the pipeline's folder names, otherwise the pipeline's
 * own (ddim in place of ddpm), and for another library's seeds what that library draws with.
 */
export function chooseSampler(
  pipeline: Sampled,
  flags: Pick<DrawingFlags, "scheduler" | "steps"> & { readonly seedCompat?: SeedCompat },
): {
  readonly scheduler: SchedulerName | SamplerName;
  readonly steps: number | undefined;
  readonly isAdaptive: boolean;
} {
  const { schedulerName: own, scheduler: ownScheduler, className } = pipeline;
  const usual = defaultSampling(pipeline, flags.seedCompat);
  const scheduler =
    flags.scheduler ?? usual.scheduler ?? (flags.seedCompat === undefined ? fewStepScheduler(own) : own);
  if (!isSchedulerName(scheduler) && !isSamplerName(scheduler)) {
    throw new UsageError(`--scheduler is "${scheduler}"; it is not known`);
  }
  const isAdaptive = isSamplerName(scheduler);
  if (isAdaptive) return { scheduler, steps: flags.steps, isAdaptive };
  const usualSteps = flags.scheduler === undefined ? usual.steps : undefined;
  const steps =
    flags.steps ?? usualSteps ?? defaultSteps(scheduler, ownScheduler.numTrainTimesteps, className);
  return { scheduler, steps, isAdaptive };
}

/**
 * Checks the number of images.
 * @throws UsageError for more images than fit into memory, or into one grid
 * @throws PipelineError for a model whose images are neither gray, RGB nor RGB and alpha
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
 * Computes batches; explains what to change when one does not fit into memory.
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
    const smaller =
      batchSize > 1
        ? `choose a smaller --batch-size than ${batchSize}`
        : "choose a smaller --size where the model has several, or another --backend";
    throw new UsageError(`${error.message}; ${smaller}`);
  }
}
