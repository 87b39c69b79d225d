// Reads the components for `fromPretrained`, from a folder or the Hub.

import type { Scheduler } from "../schedulers/index.ts";
import type { PipelineModel } from "./components.ts";
import type { FromPretrainedOptions, PipelineOptions } from "./diffusion_pipeline.ts";
import { readPipeline } from "./folders.ts";
import { withPipelineFolder } from "./source.ts";

/**
 * Reads a pipeline.
 * @param options override the folder's components
 * @returns the arguments of a pipeline's constructor
 * @throws PipelineError, FileError or HubError, in one line
 */
export async function readPretrained(
  source: string,
  options: FromPretrainedOptions,
): Promise<[unet: PipelineModel, scheduler: Scheduler, options: PipelineOptions]> {
  const {
    unet,
    scheduler,
    id2label,
    settings: _,
    ...parts
  } = await withPipelineFolder(source, options, (folder) => readPipeline(folder, options));
  const names = options.conditioner === undefined && id2label;
  return [unet, scheduler, { ...parts, ...(names && { id2label: names }), ...options }];
}
