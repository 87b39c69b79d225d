// The plan of `imago sample`: checks its options and reads the model before any computation.

import type { Communicator } from "../../distributed/communicator.ts";
import { drawTogether } from "../../distributed/draw_together.ts";
import { threadsOf } from "../../distributed/threads.ts";
import type { HostTensor } from "../../engine/host_tensor.ts";
import type { FetchProgress } from "../../io/hub/index.ts";
import type { Pixels } from "../../io/image/index.ts";
import { type AdaptiveOptions, misplacedOption } from "../../pipelines/adaptive.ts";
import type { ClassOptions } from "../../pipelines/class_labels.ts";
import type { ImageRange } from "../../pipelines/conditioner.ts";
import { DDPMPipeline } from "../../pipelines/ddpm_pipeline.ts";
import type { DrawOptions } from "../../pipelines/diffusion_pipeline.ts";
import { RePaintPipeline } from "../../pipelines/repaint_pipeline.ts";
import { defaultSteps } from "../../pipelines/sampling_defaults.ts";
import { walkNoise } from "../../pipelines/walk_noise.ts";
import { toCamelCase } from "../../schedulers/bases/options.ts";
import { downloadStatus } from "../download_status.ts";
import { checkCount, chooseSampler, classOptions, fitting, useCheckpoint } from "../drawing_plan.ts";
import { type Watch, watchOf } from "../drawing_progress.ts";
import { UsageError } from "../errors.ts";
import { checkModelSource } from "../model_source.ts";
import type { Output } from "../output.ts";
import { flagOf } from "../wording.ts";
import { readFitted } from "./fitted_image.ts";
import type { SampleFlags } from "./flags.ts";
import { checkFiles, checkPictures } from "./pictures.ts";

/** Work that is ready to start. */
export interface SamplePlan {
  /** Number of images to draw; of a walk, in all its frames. */
  readonly count: number;
  readonly scheduler: string;
  /** Denoising steps; undefined for samplers that choose their own. */
  readonly steps: number | undefined;
  /** Whether each image has its own steps. */
  readonly isAdaptive: boolean;
  /** The names of the classes that the images cycle through; undefined for models without classes. */
  readonly classes: readonly string[] | undefined;
  /** Undefined for models without classes. */
  readonly guidance: number | undefined;
  /** @returns the images, on the first process */
  draw(watch: Watch, signal: AbortSignal): Promise<Pixels[] | undefined>;
  /** Converts the samples of a watch to images, [N, H, W, C] in [-1, 1]. */
  decode(latents: HostTensor): Promise<HostTensor>;
  close(): Promise<void>;
}

/** What a plan is made with, besides the flags. */
export interface SampleMeans {
  /** The processes that draw together, of which the first one writes. */
  readonly communicator: Communicator;
  readonly output: Output;
  readonly signal: AbortSignal;
}

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
  const options = {
    ...(flags.backend && { backend: flags.backend }),
    ...(flags.precision && { precision: flags.precision }),
    ...(threads !== undefined && { threads }),
    ...(flags.variant !== undefined && { variant: flags.variant }),
    ...(flags.revision !== undefined && { revision: flags.revision }),
    warn: output.warn,
    onDownload: (progress: FetchProgress) => output.status(downloadStatus(source, progress)),
    signal,
  };
  await checkModelSource(source);
  const hasImage = flags.image !== undefined || flags.mask !== undefined;
  const scheduler = flags.scheduler ?? (hasImage ? "repaint" : undefined);
  checkRepaintFlags(scheduler, flags);
  const isRepaint = scheduler === "repaint";
  const pipeline = await (isRepaint ? RePaintPipeline : DDPMPipeline).fromPretrained(source, options);
  await useCheckpoint(pipeline, source, flags);
  const plan =
    pipeline instanceof RePaintPipeline
      ? await planRepaint(pipeline, flags, communicator)
      : planNew(pipeline, flags, communicator);
  checkPictures(flags, pipeline.imageSize, plan.classes);
  return plan;
}

/** Plans new images. */
function planNew(pipeline: DDPMPipeline, flags: SampleFlags, communicator: Communicator): SamplePlan {
  checkCount(imagesOf(flags), pipeline.imageSize);
  const { scheduler, steps, isAdaptive } = chooseSampler(pipeline, flags);
  checkPlace(scheduler, flags);
  if (isAdaptive) refuseSchedulerOptions(scheduler, flags);
  if (flags.walk !== undefined) checkWalk(scheduler, isAdaptive, flags);
  const asked = { ...shared(flags), ...classesToDraw(flags, pipeline) };
  const options = {
    ...asked,
    scheduler,
    ...(steps !== undefined && { steps }),
    ...(flags.schedulerOption && { schedulerOptions: flags.schedulerOption }),
    ...numbers(flags),
  };
  pipeline.checkOptions(options);
  return {
    count: asked.count,
    scheduler,
    steps,
    isAdaptive,
    ...classesOf(asked, pipeline),
    draw: (watch, signal) => {
      const more = { ...options, signal, ...watchOf(isAdaptive, watch) };
      const draw = (part: ImageRange) => fitting(options, () => pipeline.generateImages({ ...more, part }));
      return drawTogether(communicator, asked.count, draw, signal);
    },
    decode: (latents) => pipeline.decode(latents),
    close: () => pipeline.close(),
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
  checkCount(imagesOf(flags), pipeline.imageSize);
  checkPlace("repaint", flags);
  refuseSchedulerOptions("repaint", flags);
  const steps = flags.steps ?? defaultSteps("repaint", pipeline.scheduler.numTrainTimesteps);
  const asked = { ...shared(flags), ...classesToDraw(flags, pipeline) };
  const options = {
    ...asked,
    image: await readFitted("--image", image, pipeline.imageSize),
    mask: await readFitted("--mask", mask, { ...pipeline.imageSize, channels: 1 }),
    steps,
    ...(eta !== undefined && { eta }),
    ...(jumpLength !== undefined && { jumpLength }),
    ...(jumpNSample !== undefined && { jumpNSample }),
  };
  pipeline.checkOptions(options);
  return {
    count: asked.count,
    scheduler: "repaint",
    steps,
    isAdaptive: false,
    ...classesOf(asked, pipeline),
    draw: ({ onStep }, signal) => {
      const draw = (part: ImageRange) =>
        fitting(options, () => pipeline.generateImages({ ...options, part, signal, onStep }));
      return drawTogether(communicator, asked.count, draw, signal);
    },
    decode: (latents) => pipeline.decode(latents),
    close: () => pipeline.close(),
  };
}

/** The number of images to draw. */
const imagesOf = ({ count, walk, walkFrames }: SampleFlags): number =>
  walk === undefined ? count : walk.length * walkFrames * count;

/** The options common to all pipelines. */
function shared(flags: SampleFlags): DrawOptions & { readonly count: number; readonly batchSize: number } {
  const { count, seed, seedCompat, walk, walkFrames, batchSize } = flags;
  if (walk !== undefined) {
    return { count: imagesOf(flags), noise: walkNoise(walk, walkFrames, count), batchSize };
  }
  return { count, seed, batchSize, ...(seedCompat && { seedCompat }) };
}

/** The class options. Each walker of a walk keeps its class. */
function classesToDraw(flags: SampleFlags, pipeline: Pick<DDPMPipeline, "classes" | "labels">): ClassOptions {
  const options = classOptions(flags, pipeline);
  const { classes } = pipeline;
  if (flags.walk === undefined || classes === null || options.guidanceScale === 0) return options;
  const ids = classes.ids(options.classLabels);
  return { ...options, classLabels: Array.from({ length: flags.count }, (_, k) => ids[k % ids.length]) };
}

/** @throws UsageError for samplers whose images do not change smoothly with their noise */
function checkWalk(scheduler: string, isAdaptive: boolean, { schedulerOption }: SampleFlags): void {
  if (isAdaptive) {
    throw new UsageError(
      `--walk does not go with ${scheduler}, which chooses steps for each image; give another --scheduler, such as ddim`,
    );
  }
  const isSeeded = Object.entries(schedulerOption ?? {}).some(
    ([name, value]) => toCamelCase(name) === "noiseSamplerSeed" && value !== null,
  );
  if (scheduler !== "dpm++-sde" || isSeeded) return;
  throw new UsageError(
    "--walk does not go with dpm++-sde, which draws other noise for each frame; add --scheduler-option noise_sampler_seed=1, or give another --scheduler",
  );
}

/** The names of the classes that the images cycle through, checked before. */
function classesOf(
  { classLabels, guidanceScale = 1 }: ClassOptions,
  { classes }: Pick<DDPMPipeline, "classes">,
): Pick<SamplePlan, "classes" | "guidance"> {
  if (classes === null) return { classes: undefined, guidance: undefined };
  const names = guidanceScale === 0 ? undefined : classes.ids(classLabels).map((id) => classes.name(id));
  return { classes: names, guidance: guidanceScale };
}

/** The given options that only some schedulers and samplers have. */
function numbers({ eta, snr, correctorSteps, rtol, atol }: SampleFlags): AdaptiveOptions & { eta?: number } {
  return {
    ...(eta !== undefined && { eta }),
    ...(snr !== undefined && { snr }),
    ...(correctorSteps !== undefined && { correctorSteps }),
    ...(rtol !== undefined && { rtol }),
    ...(atol !== undefined && { atol }),
  };
}

/** @throws UsageError for an option that the scheduler does not support */
function checkPlace(scheduler: string, flags: SampleFlags): void {
  const misplaced = misplacedOption(scheduler, { ...numbers(flags), steps: flags.steps });
  if (misplaced) throw new UsageError(`${flagOf(misplaced.option)} ${misplaced.why}`);
}

/** @throws UsageError where scheduler options do not apply */
function refuseSchedulerOptions(name: string, { schedulerOption }: SampleFlags): void {
  if (schedulerOption) throw new UsageError(`--scheduler-option does not go with ${name}; leave it out`);
}

/** @throws UsageError for options of repaint with another scheduler */
function checkRepaintFlags(scheduler: string | undefined, flags: SampleFlags): void {
  if (scheduler === "repaint") return;
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
