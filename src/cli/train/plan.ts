// Converts the flags of imago train to the options of a Trainer: those of the run's base, overridden by the given ones.

import type { Codec } from "../../codecs/codec.ts";
import { identity } from "../../codecs/identity.ts";
import { type PatchSize, patchesOrPixels } from "../../codecs/patches.ts";
import type { SourceSelection } from "../../data/index.ts";
import { extentOf } from "../../data/local/form.ts";
import type { Communicator } from "../../distributed/communicator.ts";
import { singleProcess } from "../../distributed/single.ts";
import type { BackendChoice } from "../../engine/backends/create.ts";
import type { Precision } from "../../engine/precision.ts";
import { readJson } from "../../io/diffusers_json.ts";
import { type Channels, type Extent, isChannels } from "../../io/image/index.ts";
import { isClassConditional } from "../../models/denoiser.ts";
import type { UNet2DOptions } from "../../models/unet_2d_config.ts";
import { UNet2DModel } from "../../models/unet_2d_model.ts";
import { unetFromConfig } from "../../pipelines/components.ts";
import {
  DDPMScheduler,
  type DDPMSchedulerConfig,
  FlowMatchEulerDiscreteScheduler,
  type SchedulerName,
  shiftNoise,
} from "../../schedulers/index.ts";
import type { SolverPredictionType } from "../../schedulers/math/prediction.ts";
import type { PresetName, RunLength } from "../../training/presets.ts";
import type { InitModel } from "../../training/run/init_source.ts";
import { RunFolder } from "../../training/run/run_folder.ts";
import { type LrScheduleName, PLAIN_DRAWS } from "../../training/settings.ts";
import { ALONE } from "../../training/step/batch_share.ts";
import type { LossWeighting, TrainScheduler } from "../../training/step/objective.ts";
import type { OptimizerName } from "../../training/step/optimizer.ts";
import type { TimestepSamplingName } from "../../training/step/timestep_sampling.ts";
import { sizeProblem, type TrainerOptions } from "../../training/trainer_options.ts";
import { type AugmentFlags, augmentFlags } from "../augment_flags.ts";
import { UsageError } from "../errors.ts";
import type { FormFlags } from "../source_flags.ts";
import type { TeamFlags } from "../team.ts";
import { counted } from "../wording.ts";
import { type Base, initBase, presetBase, presetOf, resumedBase, settingsFor } from "./base.ts";
import { type RunBefore, readRunBefore } from "./run_before.ts";

/** Options of imago train; absent ones are undefined. */
export interface TrainFlags extends AugmentFlags, FormFlags, TeamFlags {
  readonly data?: string;
  readonly split?: string;
  readonly imageColumn?: string;
  readonly labelColumn?: string;
  readonly preset?: PresetName;
  readonly model?: string;
  readonly init?: string;
  readonly out?: string;
  readonly patchSize?: PatchSize | 1;
  readonly batchSize?: number;
  readonly microbatch?: number;
  readonly steps?: number;
  readonly epochs?: number;
  readonly optimizer?: OptimizerName;
  readonly precision?: Precision;
  readonly learningRate?: number;
  readonly warmupSteps?: number;
  readonly lrSchedule?: LrScheduleName;
  readonly betaSchedule?: DDPMSchedulerConfig["betaSchedule"];
  readonly predictionType?: SolverPredictionType;
  readonly flowShift?: number;
  readonly noiseShift?: number;
  readonly rescaleBetasZeroSnr?: boolean;
  /** Commander's --no-min-snr-gamma: false. */
  readonly minSnrGamma?: number | false;
  readonly lossType?: SolverPredictionType;
  readonly timestepSampling?: TimestepSamplingName;
  readonly logitMean?: number;
  readonly logitStd?: number;
  readonly noiseOffset?: number;
  readonly inputPerturbation?: number;
  readonly classConditional?: boolean;
  readonly labelDropout?: number;
  readonly emaMaxDecay?: number;
  /** Commander's --no-ema: true unless given. */
  readonly ema?: boolean;
  readonly maxGradNorm?: number;
  readonly skipBroken?: boolean;
  readonly seed?: number;
  readonly threads?: number;
  readonly backend?: BackendChoice;
  readonly sampleEvery?: number;
  readonly sampleScheduler?: SchedulerName;
  readonly sampleSteps?: number;
  readonly sampleCount?: number;
  readonly evalEvery?: number;
  readonly evalCount?: number;
  readonly checkpointEvery?: number;
  readonly keepCheckpoints?: number;
  readonly resume?: boolean;
  readonly json?: boolean;
}

export interface TrainPlan {
  readonly folder: RunFolder;
  /** Makes the model for images of so many channels; those of an existing model are its own. */
  readonly makeModel: (channels: Channels) => UNet2DModel;
  /** The model with the initial weights. */
  readonly init: InitModel | undefined;
  /** Whether the model learns the images' classes; it needs a class embedding table, which is added if missing. */
  readonly classConditional: boolean;
  readonly scheduler: TrainScheduler;
  readonly data: Omit<FormFlags, "size"> & {
    readonly source: string;
    readonly selection: SourceSelection;
    readonly size: Extent;
    readonly skipBroken: boolean;
  };
  readonly options: Omit<TrainerOptions, "model" | "scheduler" | "data"> & {
    readonly flip: boolean;
    readonly seed: number;
  };
}

/**
 * Makes the plan.
 * @param readInit reads the model of --init
 * @param communicator the processes that train together, if a launcher started this one
 * @throws UsageError for conflicting options, and explained errors for wrong files
 */
export async function trainPlan(
  flags: TrainFlags,
  readInit: (source: string) => Promise<InitModel>,
  communicator?: Communicator,
): Promise<TrainPlan> {
  checkTogether(flags);
  const resume = flags.resume === true;
  const folder = new RunFolder(flags.out ?? `runs/${presetOf(flags.preset)}`);
  // Before a model is downloaded.
  const before = await readRunBefore(folder, resume, communicator ?? singleProcess());
  const source = before === undefined ? flags.init : neededInit(before);
  const init = source === undefined ? undefined : await readInit(source);
  const base = before === undefined ? newBase(flags, init) : resumedBase(folder, before.config);
  if (resume && flags.preset !== undefined && flags.preset !== base.preset) {
    throw new UsageError(
      `${folder.path} was begun with preset ${base.preset}, not ${flags.preset}; leave out --preset`,
    );
  }
  const { makeModel, isConditional, channels, codec, size } = await planModel(flags, base);
  const classConditional = flags.classConditional === true || isConditional;
  if (flags.labelDropout !== undefined && !classConditional) {
    throw new UsageError("--label-dropout is of --class-conditional; give both or neither");
  }
  const { emaMaxDecay } = base.settings;
  const ema = flags.ema === false ? false : (flags.emaMaxDecay ?? emaMaxDecay ?? false);
  const given = defined({
    batchSize: flags.batchSize,
    optimizer: flags.optimizer,
    precision: flags.precision,
    learningRate: flags.learningRate,
    warmupSteps: flags.warmupSteps,
    lrSchedule: flags.lrSchedule,
    maxGradNorm: flags.maxGradNorm,
    ...weighting(flags),
    timestepSampling: flags.timestepSampling,
    logitMean: flags.logitMean,
    logitStd: flags.logitStd,
    noiseOffset: flags.noiseOffset,
    inputPerturbation: flags.inputPerturbation,
    labelDropout: flags.labelDropout,
    flip: flags.flip,
    ...augmentFlags(flags),
    seed: flags.seed,
    sampleEvery: flags.sampleEvery,
    sampleScheduler: flags.sampleScheduler,
    sampleSteps: flags.sampleSteps,
    sampleCount: flags.sampleCount,
    evalEvery: flags.evalEvery,
    evalCount: flags.evalCount,
    checkpointEvery: flags.checkpointEvery,
    keepCheckpoints: flags.keepCheckpoints,
  });
  const scheduler = planScheduler(flags, base, size);
  const becomesFlow = base.flow === null && scheduler instanceof FlowMatchEulerDiscreteScheduler;
  const { logitMean, logitStd } = PLAIN_DRAWS;
  const settings = {
    ...base.settings,
    ...(becomesFlow && settingsFor(scheduler, base)),
    // A preset's mean and deviation apply only to its own distribution of timesteps.
    ...(flags.timestepSampling !== undefined && { logitMean, logitStd }),
    ...given,
    microbatch: flags.microbatch ?? keptMicrobatch(base, flags.batchSize, communicator),
  };
  if (flags.evalCount !== undefined && settings.evalEvery === 0) {
    throw new UsageError("--eval-count is of --eval-every; give both or neither");
  }
  const length = lengthOf(flags) ?? base.length;
  const form = { ...base.form, ...defined({ fit: flags.fit, ground: flags.ground }) };
  return {
    folder,
    makeModel,
    init,
    classConditional,
    scheduler,
    data: {
      source: flags.data ?? base.source,
      selection: {
        ...base.selection,
        ...defined({
          split: flags.split,
          imageColumn: flags.imageColumn,
          labelColumn: flags.labelColumn,
        }),
      },
      size,
      ...(channels !== undefined && { channels }),
      ...form,
      skipBroken: flags.skipBroken ?? base.skipBroken,
    },
    options: {
      ...settings,
      ...length,
      codec,
      form,
      warmupSteps: fittingWarmup(settings.warmupSteps, length, flags),
      ema,
      out: folder.path,
      resume,
      ...(base.preset !== null && { preset: base.preset }),
      ...defined({ backend: flags.backend, threads: flags.threads, communicator }),
    },
  };
}

function newBase(flags: TrainFlags, init: InitModel | undefined): Base {
  const preset = presetBase(presetOf(flags.preset, init), flags.seed);
  return init === undefined ? preset : initBase(preset, init);
}

/** The initial weights of a run that ended before its first checkpoint; later it needs no other model. */
function neededInit({ config, hasCheckpoint }: RunBefore): string | undefined {
  return hasCheckpoint ? undefined : (config.init?.source ?? undefined);
}

function checkTogether(flags: TrainFlags): void {
  if (flags.init !== undefined && flags.resume) {
    throw new UsageError(
      "--init begins a new run and --resume goes on with one, which has its weights; give one of them",
    );
  }
  if (flags.init !== undefined && flags.model !== undefined) {
    throw new UsageError("--init brings its own model, and --model is another one; give one of them");
  }
  if (flags.steps !== undefined && flags.epochs !== undefined) {
    throw new UsageError("--steps and --epochs both say how long the run is; give one of them");
  }
  if (flags.noiseShift !== undefined && flags.resume) {
    throw new UsageError("--noise-shift is of a new run; one that is resumed keeps its noise, leave it out");
  }
  if (flags.noiseShift !== undefined && flags.flowShift !== undefined) {
    throw new UsageError("--noise-shift and --flow-shift are the same for a flow; give one of them");
  }
  if (typeof flags.minSnrGamma === "number" && flags.lossType !== undefined) {
    throw new UsageError("--min-snr-gamma and --loss-type both weigh the timesteps; give one of them");
  }
  if (flags.ema === false && flags.emaMaxDecay !== undefined) {
    throw new UsageError("--no-ema and --ema-max-decay exclude each other; give one of them");
  }
}

/** The microbatch of a run that is resumed, unless so many processes cannot share its batch in these. */
function keptMicrobatch(
  { settings }: Base,
  batchSize = settings.batchSize,
  { size }: Pick<Communicator, "size"> = ALONE,
): number | null {
  const { microbatch } = settings;
  return microbatch !== null && (batchSize / microbatch) % size === 0 ? microbatch : null;
}

const lengthOf = ({ steps, epochs }: TrainFlags): RunLength | undefined =>
  steps !== undefined ? { steps } : epochs !== undefined ? { epochs } : undefined;

/** A preset's warm-up is shortened for a run with fewer --steps; a given --warmup-steps is kept. */
function fittingWarmup(warmupSteps: number, length: RunLength, flags: TrainFlags): number {
  if (flags.warmupSteps !== undefined || flags.resume || !("steps" in length)) return warmupSteps;
  return Math.min(warmupSteps, Math.floor(length.steps / 10));
}

/** The weighting of the loss: a given kind replaces the base's of the other kind. */
function weighting({ minSnrGamma, lossType }: TrainFlags): Partial<LossWeighting> {
  if (lossType !== undefined) return { minSnrGamma: null, lossType };
  if (minSnrGamma === undefined) return {};
  return minSnrGamma === false ? { minSnrGamma: null } : { minSnrGamma, lossType: null };
}

/** @param size of the images */
function planScheduler(flags: TrainFlags, base: Base, size: Extent): TrainScheduler {
  const { noiseShift = base.shiftsNoise ? Math.sqrt(size.width * size.height) / 32 : 1 } = flags;
  return shiftNoise(plainScheduler(flags, base), flags.flowShift === undefined ? noiseShift : 1);
}

/** The scheduler before a shift of its noise. */
function plainScheduler(flags: TrainFlags, base: Base): TrainScheduler {
  const { betaSchedule, predictionType, rescaleBetasZeroSnr, flowShift } = flags;
  if (predictionType === "flow_prediction" || (predictionType === undefined && base.flow !== null)) {
    if (betaSchedule !== undefined || rescaleBetasZeroSnr !== undefined) {
      const option = betaSchedule === undefined ? "--rescale-betas-zero-snr" : "--beta-schedule";
      throw new UsageError(
        `${option} is of diffusion, but flow_prediction has no betas; leave it out, or see --flow-shift`,
      );
    }
    return new FlowMatchEulerDiscreteScheduler({ ...base.flow, ...defined({ shift: flowShift }) });
  }
  if (flowShift !== undefined) {
    throw new UsageError("--flow-shift is of --prediction-type flow_prediction; give both or neither");
  }
  return new DDPMScheduler({
    ...base.scheduler,
    ...defined({ betaSchedule, predictionType, rescaleBetasZeroSnr }),
    ...(betaSchedule !== undefined && { trainedBetas: null }),
    // Samples must start from pure noise (Lin et al. 2023, section 3.3).
    ...(rescaleBetasZeroSnr && { timestepSpacing: "trailing" }),
  });
}

interface PlannedModel {
  readonly makeModel: (channels: Channels) => UNet2DModel;
  readonly isConditional: boolean;
  /** Of the images; undefined where the data decide. */
  readonly channels: Channels | "auto" | undefined;
  readonly codec: Codec;
  readonly size: Extent;
}

/**
 * The model and the form of its images: --size, or the size in the model's file or the preset; --channels, or those of
 * an existing model.
 * @throws UsageError where model and options disagree
 */
async function planModel(flags: TrainFlags, base: Base): Promise<PlannedModel> {
  const { model: file, size: given, channels: asked } = flags;
  const codec = planCodec(flags, base);
  const options = file === undefined ? base.model : unetFromConfig(await readJson(file), file).config;
  return asUsageError(() => {
    const own = ownImages(options, codec);
    const size = given ?? own?.size ?? extentOf(base.size);
    const latentsOf = (channels: Channels) => codec.latentSize({ ...size, channels });
    const makeModel = (channels: Channels): UNet2DModel => {
      const { height, width, channels: depth } = latentsOf(channels);
      const sampleSize: UNet2DOptions["sampleSize"] = height === width ? height : [height, width];
      return new UNet2DModel({ inChannels: depth, outChannels: depth, ...options, sampleSize });
    };
    const model = makeModel(own?.channels ?? 3);
    const misfit = sizeProblem(model, codec, latentsOf(own?.channels ?? 3));
    if (misfit !== undefined) throw new UsageError(misfit);
    if (own !== undefined && asked !== undefined && asked !== "auto" && asked !== own.channels) {
      throw new UsageError(
        `--channels ${asked}: the model${file === undefined ? "" : ` of ${file}`} takes images of ${counted(own.channels, "channel")}; leave it out, or use another model`,
      );
    }
    const channels = own?.channels ?? asked ?? base.channels;
    return { makeModel, isConditional: isClassConditional(model), channels, codec, size };
  });
}

/**
 * The images of an existing model; undefined for a preset's, which is made for any.
 * @throws UsageError for a model whose channels are not those of images
 */
function ownImages(
  { sampleSize, inChannels }: UNet2DOptions,
  codec: Codec,
): { readonly channels: Channels; readonly size: Extent | undefined } | undefined {
  if (inChannels === undefined) return undefined;
  const [height, width] = typeof sampleSize === "number" ? [sampleSize, sampleSize] : (sampleSize ?? [1, 1]);
  const { channels, ...size } = codec.imageSize({ height, width, channels: inChannels });
  if (!isChannels(channels)) {
    const seen = codec.saved === null ? "" : ` (${inChannels} through the codec)`;
    throw new UsageError(
      `the model takes images of ${channels} channels${seen}; expected 1 (gray), 3 (RGB) or 4 (with transparency), or a --patch-size whose square times one of these is ${inChannels}`,
    );
  }
  return { channels, size: sampleSize === null || sampleSize === undefined ? undefined : size };
}

/** The codec: --patch-size, or that of the preset or the existing model; a --model alone sees pixels. */
function planCodec({ model, patchSize, init, resume }: TrainFlags, { codec }: Base): Codec {
  if (patchSize === undefined) return model === undefined || resume ? codec : identity;
  const chosen = patchesOrPixels(patchSize);
  const isOther = JSON.stringify(chosen.saved?.config) !== JSON.stringify(codec.saved?.config);
  if (isOther && (init !== undefined || resume)) {
    const own =
      codec.saved === null ? "pixels" : `a ${codec.saved.className} (${JSON.stringify(codec.saved.config)})`;
    throw new UsageError(
      `--patch-size ${patchSize}: the model that training begins with sees images as ${own}; leave it out`,
    );
  }
  return chosen;
}

/** @throws UsageError in place of a RangeError */
function asUsageError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

/** Removes keys whose value is undefined. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> };
function defined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
