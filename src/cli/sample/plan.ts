// The plan of `imago sample`: checks its options and reads the model before any computation.

import type { BackendName } from "../../engine/backends/create.ts";
import type { HostTensor } from "../../engine/host_tensor.ts";
import type { FetchProgress } from "../../io/hub/index.ts";
import type { RgbImage } from "../../io/image/index.ts";
import { type AdaptiveOptions, misplacedOption } from "../../pipelines/adaptive.ts";
import type { ClassOptions } from "../../pipelines/class_labels.ts";
import { DDPMPipeline } from "../../pipelines/ddpm_pipeline.ts";
import { defaultSteps } from "../../pipelines/default_steps.ts";
import { RePaintPipeline } from "../../pipelines/repaint_pipeline.ts";
import type { SeedCompat } from "../../pipelines/seeding.ts";
import { downloadStatus } from "../download_status.ts";
import {
  checkCount,
  chooseSampler,
  classOptions,
  type DrawingFlags,
  fitting,
  useCheckpoint,
} from "../drawing_plan.ts";
import { type Watch, watchOf } from "../drawing_progress.ts";
import { UsageError } from "../errors.ts";
import { checkOutputFile, checkOutputFolder } from "../files.ts";
import { checkModelSource } from "../model_source.ts";
import type { Output } from "../output.ts";
import { flagOf } from "../wording.ts";
import { readFitted } from "./fitted_image.ts";

/** Options of imago sample; those without a question mark have defaults. */
export interface SampleFlags extends DrawingFlags {
  readonly schedulerOption?: Readonly<Record<string, unknown>>;
  readonly eta?: number;
  readonly snr?: number;
  readonly correctorSteps?: number;
  readonly rtol?: number;
  readonly atol?: number;
  readonly image?: string;
  readonly mask?: string;
  readonly jumpLength?: number;
  readonly jumpNSample?: number;
  /** Names or numbers, separated by commas. */
  readonly class?: string;
  readonly seedCompat?: SeedCompat;
  readonly variant?: string;
  readonly revision?: string;
  readonly out: string;
  readonly each?: string;
  readonly film?: string;
  readonly force?: boolean;
  readonly threads?: number;
  readonly backend?: BackendName;
  readonly json?: boolean;
}

/** Work that is ready to start. */
export interface SamplePlan {
  readonly scheduler: string;
  /** Denoising steps; undefined for samplers that choose their own. */
  readonly steps: number | undefined;
  /** Whether each image has its own steps. */
  readonly isAdaptive: boolean;
  /** The names of the classes that the images cycle through; undefined for models without classes. */
  readonly classes: readonly string[] | undefined;
  /** Undefined for models without classes. */
  readonly guidance: number | undefined;
  draw(watch: Watch, signal: AbortSignal): Promise<RgbImage[]>;
  /** Converts the samples of a watch to images, [N, H, W, C] in [-1, 1]. */
  decode(latents: HostTensor): Promise<HostTensor>;
  close(): Promise<void>;
}

/**
 * Makes the plan; checks the output files before it reads or downloads the model.
 * @param source a folder, or hf:OWNER/NAME
 * @throws UsageError; errors of reading the model
 */
export async function planSample(
  source: string,
  flags: SampleFlags,
  output: Output,
  signal: AbortSignal,
): Promise<SamplePlan> {
  const force = flags.force === true;
  await checkOutputFile("--out", flags.out, force);
  if (flags.film !== undefined) await checkOutputFile("--film", flags.film, force);
  if (flags.film === flags.out) throw new UsageError("--film and --out name the same file; choose two");
  if (flags.each !== undefined) await checkOutputFolder("--each", flags.each, force);
  const options = {
    ...(flags.backend && { backend: flags.backend }),
    ...(flags.threads !== undefined && { threads: flags.threads }),
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
  return pipeline instanceof RePaintPipeline ? planRepaint(pipeline, flags) : planNew(pipeline, flags);
}

/** Plans new images. */
function planNew(pipeline: DDPMPipeline, flags: SampleFlags): SamplePlan {
  checkCount(flags.count, pipeline.imageSize);
  const { scheduler, steps, isAdaptive } = chooseSampler(pipeline, flags);
  checkPlace(scheduler, flags);
  if (isAdaptive) refuseSchedulerOptions(scheduler, flags);
  const asked = { ...shared(flags), ...classOptions(flags, pipeline) };
  const options = {
    ...asked,
    scheduler,
    ...(steps !== undefined && { steps }),
    ...(flags.schedulerOption && { schedulerOptions: flags.schedulerOption }),
    ...numbers(flags),
  };
  pipeline.checkOptions(options);
  return {
    scheduler,
    steps,
    isAdaptive,
    ...classesOf(asked, pipeline),
    draw: (watch, signal) =>
      fitting(options, () => pipeline.generateImages({ ...options, signal, ...watchOf(isAdaptive, watch) })),
    decode: (latents) => pipeline.decode(latents),
    close: () => pipeline.close(),
  };
}

/** Plans an image with a redrawn part. */
async function planRepaint(pipeline: RePaintPipeline, flags: SampleFlags): Promise<SamplePlan> {
  const { image, mask, eta, jumpLength, jumpNSample } = flags;
  if (image === undefined || mask === undefined) {
    const missing = image === undefined ? "--image" : "--mask";
    throw new UsageError(
      `${missing} is missing: repaint takes --image FILE and --mask FILE (white is kept, black is drawn anew)`,
    );
  }
  checkCount(flags.count, pipeline.imageSize);
  checkPlace("repaint", flags);
  refuseSchedulerOptions("repaint", flags);
  const steps = flags.steps ?? defaultSteps("repaint", pipeline.scheduler.numTrainTimesteps);
  const asked = { ...shared(flags), ...classOptions(flags, pipeline) };
  const options = {
    ...asked,
    image: await readFitted("--image", image, pipeline.imageSize),
    mask: await readFitted("--mask", mask, pipeline.imageSize),
    steps,
    ...(eta !== undefined && { eta }),
    ...(jumpLength !== undefined && { jumpLength }),
    ...(jumpNSample !== undefined && { jumpNSample }),
  };
  pipeline.checkOptions(options);
  return {
    scheduler: "repaint",
    steps,
    isAdaptive: false,
    ...classesOf(asked, pipeline),
    draw: ({ onStep }, signal) =>
      fitting(options, () => pipeline.generateImages({ ...options, signal, onStep })),
    decode: (latents) => pipeline.decode(latents),
    close: () => pipeline.close(),
  };
}

/** The options common to all pipelines. */
function shared({ count, seed, seedCompat, batchSize }: SampleFlags) {
  return { count, seed, batchSize, ...(seedCompat && { seedCompat }) };
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
