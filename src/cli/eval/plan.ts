// The plan of imago eval: checks the options and reads the model before any computation.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { proportionalClasses } from "../../data/class_proportions.ts";
import type { ImageSource, SourceSelection } from "../../data/index.ts";
import { sourceImage } from "../../data/source_image.ts";
import { shareOfCount } from "../../distributed/collective.ts";
import type { Communicator } from "../../distributed/communicator.ts";
import { drawTogether } from "../../distributed/draw_together.ts";
import { threadsOf } from "../../distributed/threads.ts";
import type { Backend } from "../../engine/backend.ts";
import { type BackendChoice, createBackend } from "../../engine/backends/create.ts";
import type { HostTensor } from "../../engine/host_tensor.ts";
import type { Extent, Pixels } from "../../io/image/index.ts";
import type { FeatureNetwork } from "../../metrics/extractor.ts";
import {
  type BitsPerDim,
  type BitsPerDimOptions,
  bitsPerDim,
  checkBitsPerDim,
} from "../../pipelines/bits_per_dim.ts";
import type { ModelClasses } from "../../pipelines/class_labels.ts";
import type { ImageRange } from "../../pipelines/conditioner.ts";
import { DDPMPipeline } from "../../pipelines/ddpm_pipeline.ts";
import { checkChannels } from "../../pipelines/images.ts";
import { RunFolder } from "../../training/run/run_folder.ts";
import {
  checkCount,
  chooseSampler,
  classOptions,
  type DrawingFlags,
  fitting,
  useCheckpoint,
} from "../drawing_plan.ts";
import { DrawingProgress, watchOf } from "../drawing_progress.ts";
import { UsageError } from "../errors.ts";
import { checkOutputFile } from "../files.ts";
import type { Output } from "../output.ts";
import { DEFAULT_SIZE, type FormFlags, fittingOf, formOf } from "../source_flags.ts";
import { openSource } from "../sources.ts";
import type { TeamFlags } from "../team.ts";
import { counted, flagOf } from "../wording.ts";
import { type FeaturesName, featureNetwork } from "./features.ts";

/** Options of imago eval; those without a question mark have defaults. */
export interface EvalFlags extends DrawingFlags, FormFlags, TeamFlags {
  readonly data?: string;
  readonly split?: string;
  readonly imageColumn?: string;
  readonly labelColumn?: string;
  readonly features?: FeaturesName;
  readonly inception?: string;
  readonly memorisation?: string;
  /** Number of images of the data. */
  readonly bitsPerDim?: number;
  readonly skipBroken?: boolean;
  readonly force?: boolean;
  readonly threads?: number;
  readonly backend?: BackendChoice;
  readonly json?: boolean;
}

/** The images of one side of the comparison. */
export interface ImageSet {
  readonly count: number;
  image(index: number): Pixels;
}

export type BoundOptions = Required<
  Pick<BitsPerDimOptions, "timesteps" | "seed" | "firstImage" | "signal" | "onProgress">
>;

export interface EvalPlan {
  readonly backend: Backend;
  readonly network: FeatureNetwork;
  readonly data: ImageSource;
  /** The name given for `data`. */
  readonly source: string;
  /** How the images compared with the data are made, as fields of the report. */
  readonly compared: Readonly<Record<string, string | number>>;
  /** A phrase that follows a count: "drawn by runs/x (ddim, 50 steps, seed 0)". */
  readonly description: string;
  readonly comparedCount: number;
  /** Whether training mirrored the data's images. */
  readonly mirrored: boolean;
  /** The run whose eval.json stores the result. */
  readonly run: RunFolder | undefined;
  /** Timesteps of the diffusion; 0 without a model. */
  readonly trainTimesteps: number;
  /** The variational bound of the model over images [N, H, W, C] in [-1, 1]; undefined without a model. */
  readonly bound: ((images: HostTensor, options: BoundOptions) => Promise<BitsPerDim>) | undefined;
  /** Reads or draws the images to compare with the data. @returns them, on the first process */
  images(signal: AbortSignal): Promise<ImageSet | undefined>;
  close(): Promise<void>;
}

/** Options that do not apply to existing images. */
const OF_MODELS = ["checkpoint", "steps", "scheduler", "guidance", "guidanceRescale", "bitsPerDim"] as const;

/** Makes the plan. @throws UsageError; errors of reading the model, the data and the weights */
export async function planEval(
  subject: string,
  flags: EvalFlags,
  output: Output,
  communicator: Communicator,
): Promise<EvalPlan> {
  const { memorisation, force = false, threads = threadsOf(communicator), backend: name } = flags;
  if (memorisation !== undefined && communicator.rank === 0)
    await checkOutputFile("--memorisation", memorisation, force);
  const networkFor = await featureNetwork(flags.features, flags.inception, output);
  const backend = await createBackend({
    ...(name && { backend: name }),
    ...(threads !== undefined && { threads }),
  });
  try {
    const side = isModel(subject)
      ? await planModel(subject, flags, { backend, communicator }, output)
      : await planImages(subject, flags, output);
    const { source, selection, form, skipBroken } = side;
    const data = await openSource(source, { ...selection, ...form, flip: false, skipBroken }, output);
    return {
      ...side,
      ...side.comparedWith(data),
      backend,
      network: networkFor(data.size),
      data,
      close: async () => {
        await side.close();
        await backend.close();
      },
    };
  } catch (error) {
    await backend.close();
    throw error;
  }
}

/** The fields that depend on the data. */
type Compared = Pick<EvalPlan, "compared" | "images">;

type Side = Omit<EvalPlan, "backend" | "network" | "data" | keyof Compared> & {
  comparedWith(data: ImageSource): Compared;
  readonly selection: SourceSelection;
  readonly form: Omit<FormFlags, "size"> & { readonly size: Extent };
  readonly skipBroken: boolean;
};

/** The selected part of --data. */
const selectionOf = ({ split, imageColumn, labelColumn }: EvalFlags): SourceSelection => ({
  ...(split !== undefined && { split }),
  ...(imageColumn !== undefined && { imageColumn }),
  ...(labelColumn !== undefined && { labelColumn }),
});

/** Whether a folder is a run or a pipeline in any state; reading it reports its problems. */
const isModel = (folder: string): boolean =>
  ["model_index.json", "metrics.jsonl", "pipeline"].some((name) => existsSync(join(folder, name)));

interface Means {
  readonly backend: Backend;
  /** The processes that draw together. */
  readonly communicator: Communicator;
}

async function planModel(
  folder: string,
  flags: EvalFlags,
  { backend, communicator }: Means,
  output: Output,
): Promise<Side> {
  const pipeline = await DDPMPipeline.fromPretrained(folder, { backend, warn: output.warn });
  await useCheckpoint(pipeline, folder, flags);
  const { channels, ...size } = pipeline.imageSize;
  const given = flags.size ?? size;
  if (given.width !== size.width || given.height !== size.height) {
    throw new UsageError(
      `--size ${given.width}x${given.height}: the model's images are ${size.width} x ${size.height}; leave it out`,
    );
  }
  if (flags.channels !== undefined && flags.channels !== "auto" && flags.channels !== channels) {
    throw new UsageError(`--channels ${flags.channels}: the model's images have ${channels}; leave it out`);
  }
  checkCount(flags.count, pipeline.imageSize);
  const run = new RunFolder(folder);
  const config = (await run.isRun()) ? await run.readConfig() : undefined;
  const source = flags.data ?? config?.data.source;
  if (source === undefined) {
    throw new UsageError("--data is missing: the images that the model's are compared with");
  }
  const { count, seed, batchSize, checkpoint } = flags;
  const { scheduler, steps, isAdaptive } = chooseSampler(pipeline, flags);
  const guided = classOptions(flags, pipeline);
  const options = { count, seed, batchSize, scheduler, ...(steps !== undefined && { steps }), ...guided };
  pipeline.checkOptions(options);
  if (flags.bitsPerDim !== undefined) checkBitsPerDim(pipeline.unet, pipeline.scheduler, pipeline.codec);
  const draw = async (
    classLabels: readonly number[] | undefined,
    signal: AbortSignal,
  ): Promise<ImageSet | undefined> => {
    const { count: own } = shareOfCount(count, communicator);
    const watch = watchOf(isAdaptive, new DrawingProgress(count, output, own));
    const asked = { ...options, ...(classLabels && { classLabels }), signal, ...watch };
    const drawPart = (part: ImageRange) => fitting(flags, () => pipeline.generateImages({ ...asked, part }));
    const images = await drawTogether(communicator, count, drawPart, signal);
    return images && { count, image: (index) => images[index] };
  };
  const { guidance, guidanceRescale } = flags;
  const parts = [
    ...(checkpoint === undefined ? [] : [`step ${checkpoint}`]),
    scheduler,
    ...(steps === undefined ? [] : [counted(steps, "step")]),
    ...(guidance === undefined ? [] : [`guidance ${guidance}`]),
    `seed ${seed}`,
  ];
  // The run's own selection applies to its own data.
  const ofRun = flags.data === undefined ? config?.data.selection : undefined;
  return {
    source,
    selection: { ...ofRun, ...selectionOf(flags) },
    form: {
      size,
      channels: checkChannels(channels),
      ...(flags.data === undefined && config && fittingOf(config.data)),
      ...fittingOf(flags),
    },
    skipBroken: flags.skipBroken ?? config?.data.skipBroken ?? false,
    description: `drawn by ${folder} (${parts.join(", ")})`,
    comparedCount: count,
    mirrored: config?.training.flip ?? false,
    run: config && run,
    trainTimesteps: pipeline.scheduler.numTrainTimesteps,
    bound: (images, more) =>
      fitting(flags, () =>
        bitsPerDim(pipeline.unet, pipeline.scheduler, { backend, images, codec: pipeline.codec, ...more }),
      ),
    comparedWith(data) {
      const classLabels = guidance === 0 ? undefined : classesAsIn(data, pipeline.classes, count);
      const shown = guidance === 0 ? "none" : classLabels ? "in the data's proportions" : "all in turn";
      return {
        compared: {
          model: folder,
          ...(checkpoint !== undefined && { checkpoint }),
          scheduler,
          ...(steps !== undefined && { steps }),
          ...(pipeline.classes && { classes: shown }),
          ...(guidance !== undefined && { guidance_scale: guidance }),
          ...(guidanceRescale !== undefined && { guidance_rescale: guidanceRescale }),
          seed,
        },
        images: (signal) => draw(classLabels, signal),
      };
    },
    close: () => pipeline.close(),
  };
}

/**
 * Classes of the images to draw, in the data's proportions.
 * @returns undefined for models without classes, and where the data's labels are not the model's
 */
function classesAsIn(
  { labels }: ImageSource,
  classes: ModelClasses | null,
  count: number,
): number[] | undefined {
  if (!labels || classes === null) return undefined;
  const ids = labels.names.map((name) => classes.labels.get(name));
  const of = labels.of.map((label) => ids[label] ?? -1);
  return of.includes(-1) ? undefined : proportionalClasses(of, count);
}

async function planImages(subject: string, flags: EvalFlags, output: Output): Promise<Side> {
  if (flags.data === undefined) {
    throw new UsageError(
      `--data is missing: the images that ${subject} is compared with (${subject} is neither a run nor a pipeline)`,
    );
  }
  for (const option of OF_MODELS) {
    if (flags[option] === undefined) continue;
    throw new UsageError(
      `${flagOf(option)} is for a model, but ${subject} is neither a run nor a pipeline; leave it out`,
    );
  }
  const { size = DEFAULT_SIZE, skipBroken = false } = flags;
  const form = { size, ...formOf(flags) };
  const images = await openSource(subject, { ...form, flip: false, skipBroken }, output);
  return {
    source: flags.data,
    selection: selectionOf(flags),
    form,
    skipBroken,
    description: `of ${subject}`,
    comparedCount: images.count,
    mirrored: false,
    run: undefined,
    trainTimesteps: 0,
    bound: undefined,
    comparedWith: () => ({
      compared: { images: subject, fingerprint: images.fingerprint() },
      images: async () => ({ count: images.count, image: (index) => sourceImage(images, index) }),
    }),
    close: async () => {},
  };
}
