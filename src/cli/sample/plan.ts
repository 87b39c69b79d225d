// The plan of `imago sample`: checks its options and reads the model before any computation.

import { threadsOf } from "../../distributed/threads.ts";
import type { FetchProgress } from "../../io/hub/index.ts";
import { RePaintPipeline } from "../../pipelines/repaint_pipeline.ts";
import { StableDiffusionPipeline } from "../../pipelines/stable_diffusion_pipeline.ts";
import { downloadStatus } from "../download_status.ts";
import type { SampleFlags } from "./flags.ts";
import { openPipeline } from "./open_pipeline.ts";
import { checkFiles, checkPictures } from "./pictures.ts";
import { planNew, planRepaint } from "./plan_classes.ts";
import { planPrompts } from "./plan_prompts.ts";
import type { SampleMeans, SamplePlan } from "./sample_plan.ts";

/**
 * Makes the plan; checks the output files before it reads or downloads the model.
 * @param source a folder, or hf:OWNER/NAME
 * @throws UsageError; errors of reading the model
 */
export async function planSample(
  source: string,
  flags: SampleFlags,
  { communicator, output, signal }: SampleMeans,
): Promise<SamplePlan> {
  if (communicator.rank === 0) await checkFiles(flags);
  const threads = flags.threads ?? threadsOf(communicator);
  const pipeline = await openPipeline(source, flags, {
    ...(flags.backend && { backend: flags.backend }),
    ...(flags.precision && { precision: flags.precision }),
    ...(threads !== undefined && { threads }),
    ...(flags.variant !== undefined && { variant: flags.variant }),
    ...(flags.revision !== undefined && { revision: flags.revision }),
    warn: output.warn,
    onDownload: (progress: FetchProgress) => output.status(downloadStatus(source, progress)),
    signal,
  });
  const plan =
    pipeline instanceof StableDiffusionPipeline
      ? planPrompts(pipeline, flags, communicator)
      : pipeline instanceof RePaintPipeline
        ? await planRepaint(pipeline, flags, communicator)
        : planNew(pipeline, flags, communicator);
  checkPictures(flags, plan);
  return plan;
}
