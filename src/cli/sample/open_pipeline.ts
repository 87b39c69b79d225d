// Opens the model of imago sample as the pipeline that does what the options ask for.

import { DDPMPipeline } from "../../pipelines/ddpm_pipeline.ts";
import type { FromPretrainedOptions } from "../../pipelines/diffusion_pipeline.ts";
import { type PipelineFamily, STABLE_DIFFUSION, UNCONDITIONAL } from "../../pipelines/families.ts";
import { pipelineClass } from "../../pipelines/folders.ts";
import { RePaintPipeline } from "../../pipelines/repaint_pipeline.ts";
import { withPipelineFolder } from "../../pipelines/source.ts";
import { StableDiffusionPipeline } from "../../pipelines/stable_diffusion_pipeline.ts";
import { useCheckpoint } from "../drawing_plan.ts";
import { checkModelSource } from "../model_source.ts";
import type { SampleFlags } from "./flags.ts";
import { checkKindFlags } from "./kind_flags.ts";
import { checkRepaintFlags } from "./plan_classes.ts";

/**
 * Reads the model; checks first whether models of its kind do what the options ask for.
 * @param source a folder, or hf:OWNER/NAME
 * @throws UsageError; errors of reading the model
 */
export async function openPipeline(
  source: string,
  flags: SampleFlags,
  options: Omit<FromPretrainedOptions, "conditioner">,
): Promise<StableDiffusionPipeline | RePaintPipeline | DDPMPipeline> {
  await checkModelSource(source);
  const hasImage = flags.image !== undefined || flags.mask !== undefined;
  const scheduler = flags.scheduler ?? (hasImage ? "repaint" : undefined);
  if (flags.prompt === undefined) checkRepaintFlags(scheduler, flags);
  // A pipeline of neither is refused as the one that was asked for.
  const families = expectedFamilies(flags);
  const onClass = (className: string) => {
    const family = families.find(({ classNames, custom }) =>
      [...classNames, ...custom.keys()].includes(className),
    );
    if (family !== undefined) checkKindFlags(source, family === STABLE_DIFFUSION, flags);
    return family ?? families[0];
  };
  const { revision: _, ...ofFolder } = options;
  return withPipelineFolder(source, { ...options, families, onClass }, async (folder) => {
    const family = onClass(await pipelineClass(folder));
    if (family === STABLE_DIFFUSION) return StableDiffusionPipeline.fromPretrained(folder, ofFolder);
    const Pipeline = scheduler === "repaint" ? RePaintPipeline : DDPMPipeline;
    const pipeline = await Pipeline.fromPretrained(folder, ofFolder);
    await useCheckpoint(pipeline, source, flags);
    return pipeline;
  });
}

const expectedFamilies = ({ prompt }: SampleFlags): readonly [PipelineFamily, ...PipelineFamily[]] =>
  prompt === undefined ? [UNCONDITIONAL, STABLE_DIFFUSION] : [STABLE_DIFFUSION, UNCONDITIONAL];
