// Plans with models without prompts: new images, of classes if the model has them, and images with a redrawn part.

import type { Communicator } from "../../distributed/communicator.ts";
import type { ClassOptions } from "../../pipelines/class_labels.ts";
import { DDPMPipeline } from "../../pipelines/ddpm_pipeline.ts";
import type { FromPretrainedOptions } from "../../pipelines/diffusion_pipeline.ts";
import { DiTPipeline } from "../../pipelines/dit_pipeline.ts";
import { DIFFUSION_TRANSFORMER, LATENT_DIFFUSION, type PipelineFamily } from "../../pipelines/families.ts";
import { LDMPipeline } from "../../pipelines/ldm_pipeline.ts";
import { RePaintPipeline } from "../../pipelines/repaint_pipeline.ts";
import { defaultSteps } from "../../pipelines/sampling_defaults.ts";
import { checkCount, classOptions, useCheckpoint } from "../drawing_plan.ts";
import { UsageError } from "../errors.ts";
import { CLASSES_TOLD, flagOf, someOf } from "../wording.ts";
import { commonOptions, drawingWith, imagesOf, ofWalkers } from "./drawing.ts";
import { readFitted } from "./fitted_image.ts";
import type { SampleFlags } from "./flags.ts";
import type { SamplePlan } from "./sample_plan.ts";
import { checkPlace, refuseSchedulerOptions, samplerOptions } from "./sampler_options.ts";

/** What draws a part of an image anew. */
const REPAINT = "repaint";

/** What draws new images with the models of a family. */
function pipelineOf(family: PipelineFamily): typeof DDPMPipeline | typeof LDMPipeline | typeof DiTPipeline {
  if (family === LATENT_DIFFUSION) return LDMPipeline;
  return family === DIFFUSION_TRANSFORMER ? DiTPipeline : DDPMPipeline;
}

/** Where a model was read from. */
interface ModelPlace {
  readonly folder: string;
  readonly family: PipelineFamily;
  /** As it was given: a run's folder has checkpoints. */
  readonly source: string;
}

/** Reads the model and plans what is drawn with it. @throws UsageError; errors of reading the model */
export async function planClasses(
  { folder, family, source }: ModelPlace,
  options: FromPretrainedOptions,
  flags: SampleFlags,
  communicator: Communicator,
): Promise<SamplePlan> {
  if (schedulerOf(flags) === REPAINT) {
    const pipeline = await RePaintPipeline.fromPretrained(folder, options);
    await useCheckpoint(pipeline, source, flags);
    return planRepaint(pipeline, flags, communicator);
  }
  const pipeline = await pipelineOf(family).fromPretrained(folder, options);
  await useCheckpoint(pipeline, source, flags);
  return planNew(pipeline, flags, communicator);
}

/** Plans new images. */
function planNew(
  pipeline: DDPMPipeline | LDMPipeline | DiTPipeline,
  flags: SampleFlags,
  communicator: Communicator,
): SamplePlan {
  const { imageSize } = pipeline;
  checkCount(imagesOf(flags), imageSize);
  const { told, options } = samplerOptions(pipeline, flags);
  const asked = { ...commonOptions(flags), ...options, ...classesToDraw(flags, pipeline) };
  return {
    ...told,
    ...drawingWith(pipeline, asked, told.isAdaptive, communicator),
    ...classesTold(flags, asked, pipeline),
    imageSize,
  };
}

/** Plans an image with a redrawn part. */
async function planRepaint(
  pipeline: RePaintPipeline,
  flags: SampleFlags,
  communicator: Communicator,
): Promise<SamplePlan> {
  const { image, mask, eta, jumpLength, jumpNSample } = flags;
  if (image === undefined || mask === undefined) {
    const missing = image === undefined ? "--image" : "--mask";
    throw new UsageError(
      `${missing} is missing: repaint takes --image FILE and --mask FILE (white is kept, black is drawn anew)`,
    );
  }
  const { imageSize } = pipeline;
  checkCount(imagesOf(flags), imageSize);
  checkPlace(REPAINT, flags);
  refuseSchedulerOptions(REPAINT, flags);
  const steps = flags.steps ?? defaultSteps(REPAINT, pipeline.scheduler.numTrainTimesteps);
  const asked = {
    ...commonOptions(flags),
    ...classesToDraw(flags, pipeline),
    image: await readFitted("--image", image, imageSize),
    mask: await readFitted("--mask", mask, { ...imageSize, channels: 1 }),
    steps,
    ...(eta !== undefined && { eta }),
    ...(jumpLength !== undefined && { jumpLength }),
    ...(jumpNSample !== undefined && { jumpNSample }),
  };
  return {
    scheduler: REPAINT,
    steps,
    ...drawingWith(pipeline, asked, false, communicator),
    ...classesTold(flags, asked, pipeline),
    imageSize,
  };
}

/** The chosen scheduler: an image that is given is drawn anew in part. */
const schedulerOf = ({ scheduler, image, mask }: SampleFlags): string | undefined =>
  scheduler ?? (image === undefined && mask === undefined ? undefined : REPAINT);

/** @throws UsageError for options of repaint with another scheduler */
export function checkClassFlags(flags: SampleFlags): void {
  const scheduler = schedulerOf(flags);
  if (scheduler === REPAINT) return;
  const { image, mask, jumpLength, jumpNSample } = flags;
  for (const [option, value] of Object.entries({ image, mask, jumpLength, jumpNSample })) {
    if (value === undefined) continue;
    const why =
      scheduler === undefined
        ? "give --image and --mask too, or leave it out"
        : `not for ${scheduler}; leave it out`;
    throw new UsageError(`${flagOf(option)} counts for repaint, ${why}`);
  }
}

type WithClasses = Pick<DDPMPipeline, "classes" | "labels">;

/** The class options. Each walker of a walk keeps its class. */
function classesToDraw(flags: SampleFlags, pipeline: WithClasses): ClassOptions {
  const options = classOptions(flags, pipeline);
  const { classes } = pipeline;
  if (flags.walk === undefined || classes === null || classes.leavesOut(options.guidanceScale)) {
    return options;
  }
  return { ...options, classLabels: ofWalkers(flags, classes.ids(options.classLabels)) };
}

/** What is told of the classes that the images cycle through. */
function classesTold(
  { count, guidanceRescale }: SampleFlags,
  { classLabels, guidanceScale }: ClassOptions,
  { classes }: WithClasses,
): Pick<SamplePlan, "classes" | "report" | "remarks"> {
  if (classes === null) return { report: () => ({}), remarks: [] };
  const guidance = guidanceScale ?? classes.guidanceScale;
  const guided = {
    guidance,
    ...(guidanceRescale !== undefined && { guidance_rescale: guidanceRescale }),
  };
  if (classes.leavesOut(guidance)) {
    return { report: () => guided, remarks: ["of no class: a guidance of 0 leaves classes out"] };
  }
  const names = classes.ids(classLabels).map((id) => classes.name(id));
  // Those of the sheet's images, or of the walkers.
  const drawn = Array.from({ length: count }, (_, k) => names[k % names.length]);
  return {
    classes: names,
    report: () => ({ classes: drawn, ...guided }),
    remarks: [`classes, in turn: ${someOf(drawn, CLASSES_TOLD)}`],
  };
}
