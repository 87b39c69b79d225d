// The plan of `imago sample`: checks its options and reads the model before any computation.

import { threadsOf } from "../../distributed/threads.ts";
import type { FetchProgress } from "../../io/hub/index.ts";
import { seesPrompts } from "../../pipelines/families.ts";
import { downloadStatus } from "../download_status.ts";
import type { SampleFlags } from "./flags.ts";
import { withModel } from "./open_model.ts";
import { checkFiles, checkPictures } from "./pictures.ts";
import { checkClassFlags, planClasses } from "./plan_classes.ts";
import { planPrompts } from "./plan_prompts.ts";
import { refinerPlace } from "./refiner.ts";
import type { SampleMeans, SamplePlan } from "./sample_plan.ts";

/**
 * Makes the plan; checks the output files before it reads or downloads the model.
 * @param source a folder, hf:OWNER/NAME, or a single file
 * @throws UsageError; errors of reading the model
 */
export async function planSample(
  source: string,
  flags: SampleFlags,
  means: SampleMeans,
): Promise<SamplePlan> {
  const { communicator, output, signal } = means;
  if (communicator.rank === 0) await checkFiles(flags);
  if (flags.prompt === undefined) checkClassFlags(flags);
  const threads = flags.threads ?? threadsOf(communicator);
  const reading = {
    ...(flags.variant !== undefined && { variant: flags.variant }),
    warn: output.warn,
  };
  const computing = {
    ...(flags.backend && { backend: flags.backend }),
    ...(flags.precision && { precision: flags.precision }),
    ...(threads !== undefined && { threads }),
  };
  const finding = {
    ...reading,
    ...(flags.revision !== undefined && { revision: flags.revision }),
    onDownload: (progress: FetchProgress) => output.status(downloadStatus(source, progress)),
    signal,
  };
  const plan = await withModel(source, flags, finding, async (place) => {
    const options = { ...reading, ...computing };
    if ("folder" in place && !seesPrompts(place.family)) {
      return planClasses({ ...place, source }, options, flags, communicator);
    }
    const refiner = await refinerPlace(place, flags, {
      ...reading,
      onDownload: (progress) => output.status(downloadStatus(flags.refiner ?? "", progress)),
      signal,
    });
    return planPrompts(place, options, flags, { ...means, refiner });
  });
  checkPictures(flags, plan);
  return plan;
}
