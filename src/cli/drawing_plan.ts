// What imago sample and imago eval settle alike before they draw new images.

import { MemoryError } from "../engine/backend.ts";
import { PIXEL_LIMIT } from "../io/image/index.ts";
import type { DDPMPipeline } from "../pipelines/ddpm_pipeline.ts";
import { defaultSteps } from "../pipelines/default_steps.ts";
import { isSamplerName, isSchedulerName, type SamplerName, type SchedulerName } from "../schedulers/index.ts";
import { UsageError } from "./errors.ts";

/** What draws new images, and in how many steps: as asked for, or the pipeline's own (ddim in place of ddpm). */
export function chooseSampler(
  pipeline: DDPMPipeline,
  flags: { readonly scheduler?: string; readonly steps?: number },
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

/** @throws UsageError for more images than can be held, and laid out in a grid, at once */
export function checkCount(count: number, { height, width }: { height: number; width: number }): void {
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
  { batchSize }: { readonly batchSize: number },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MemoryError)) throw error;
    throw new UsageError(`${error.message}; choose a smaller --batch-size than ${batchSize}`);
  }
}
