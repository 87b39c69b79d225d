// Loads a pipeline of any family, of the class that its folder names.

import { DDPMPipeline } from "./ddpm_pipeline.ts";
import type { FromPretrainedOptions } from "./diffusion_pipeline.ts";
import { STABLE_DIFFUSION, UNCONDITIONAL } from "./families.ts";
import { pipelineClass } from "./folders.ts";
import { withPipelineFolder } from "./source.ts";
import { StableDiffusionPipeline } from "./stable_diffusion_pipeline.ts";

/**
 * Loads the pipeline that model_index.json names: StableDiffusionPipeline for its folders, DDPMPipeline for all others.
 * @param source as in `DDPMPipeline.fromPretrained`
 * @throws PipelineError, FileError or HubError, in one line
 */
export function loadPipeline(
  source: string,
  options: Omit<FromPretrainedOptions, "className" | "codec" | "conditioner" | "id2label"> = {},
): Promise<DDPMPipeline | StableDiffusionPipeline> {
  const { revision: _, ...ofFolder } = options;
  return withPipelineFolder(
    source,
    { ...options, families: [UNCONDITIONAL, STABLE_DIFFUSION] },
    async (folder) => {
      const seesPrompts = STABLE_DIFFUSION.classNames.includes(await pipelineClass(folder));
      return (seesPrompts ? StableDiffusionPipeline : DDPMPipeline).fromPretrained(folder, ofFolder);
    },
  );
}
