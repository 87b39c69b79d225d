// The base of a run, before the options of imago train: a preset, an existing model, or the run to resume.

import type { Codec } from "../../codecs/codec.ts";
import { patchesOrPixels } from "../../codecs/patches.ts";
import type { SourceSelection } from "../../data/index.ts";
import { isBackendName } from "../../engine/backends/create.ts";
import { DEFAULT_PRECISION } from "../../engine/precision.ts";
import type { Channels, Extent } from "../../io/image/index.ts";
import type { UNet2DOptions } from "../../models/unet_2d_config.ts";
import { codecFromJson, schedulerFromJson, unetFromConfig } from "../../pipelines/components.ts";
import {
  DDPMScheduler,
  type DDPMSchedulerConfig,
  FlowMatchEulerDiscreteScheduler,
  type FlowMatchEulerDiscreteSchedulerConfig,
} from "../../schedulers/index.ts";
import { isPresetName, PRESETS, type PresetName, type RunLength } from "../../training/presets.ts";
import type { InitModel } from "../../training/run/init_source.ts";
import type { RunConfig, RunFolder } from "../../training/run/run_folder.ts";
import { answerOf, type TrainScheduler, trainSchedulerOf } from "../../training/step/objective.ts";
import { UsageError } from "../errors.ts";
import type { FormFlags } from "../source_flags.ts";
import { SYNTHETIC } from "../sources.ts";

export interface Base {
  readonly preset: PresetName | null;
  readonly source: string;
  readonly selection: SourceSelection;
  readonly size: number | Extent;
  /** Of the images; undefined for what the originals have. */
  readonly channels: Channels | undefined;
  readonly form: Pick<FormFlags, "fit" | "ground">;
  readonly skipBroken: boolean;
  readonly model: UNet2DOptions;
  readonly codec: Codec;
  /** For diffusion; if `flow` is not null, it applies instead. */
  readonly scheduler: Partial<DDPMSchedulerConfig>;
  readonly flow: Partial<FlowMatchEulerDiscreteSchedulerConfig> | null;
  /** Whether the schedule is still to be shifted for the size of the images. */
  readonly shiftsNoise: boolean;
  readonly length: RunLength;
  /** Without a label dropout while the classes are not known yet. */
  readonly settings: Omit<RunConfig["training"], "steps" | "labelDropout"> & {
    readonly labelDropout?: number;
  };
}

const DEFAULT_PRESET: PresetName = "quick";

/** The given preset, or that of the initial run. */
export function presetOf(asked: PresetName | undefined, init?: Pick<InitModel, "preset">): PresetName {
  if (asked !== undefined) return asked;
  const own = init?.preset ?? "";
  return isPresetName(own) ? own : DEFAULT_PRESET;
}

export function presetBase(name: PresetName, seed = 0): Base {
  const { size, patchSize, model, scheduler, shiftsNoise, length, settings } = PRESETS[name];
  return {
    preset: name,
    source: SYNTHETIC,
    selection: {},
    size,
    channels: undefined,
    form: {},
    skipBroken: false,
    model,
    codec: patchesOrPixels(patchSize),
    scheduler,
    flow: null,
    shiftsNoise,
    length,
    settings: { ...settings, seed, precision: DEFAULT_PRECISION, microbatch: null },
  };
}

/**
 * A preset's recipe for an existing model, with that model's prediction type and noise. Its classes are those of other
 * images: a table for the new ones is made when they are known.
 * @throws TrainingOptionError for a kind of model without training here
 */
export function initBase(preset: Base, { unet, codec, scheduler: own }: InitModel): Base {
  const scheduler = trainSchedulerOf(own);
  const isFlow = scheduler instanceof FlowMatchEulerDiscreteScheduler;
  return {
    ...preset,
    model: { ...unet.config, classEmbedType: null, numClassEmbeds: null },
    codec,
    shiftsNoise: false,
    ...(isFlow ? { flow: scheduler.config } : { scheduler: scheduler.config }),
    settings: { ...preset.settings, ...settingsFor(scheduler, preset) },
  };
}

/** The settings of a preset that depend on what is predicted. */
type KindSettings = Pick<Base["settings"], "minSnrGamma" | "lossType" | "sampleScheduler">;

/** A preset's weighting of the loss applies only to the preset's prediction type, its sampler not to a flow. */
export function settingsFor(
  own: TrainScheduler,
  { scheduler, settings }: { readonly scheduler: Base["scheduler"]; readonly settings: KindSettings },
): KindSettings {
  const isOwn = answerOf(own) === scheduler.predictionType;
  return {
    minSnrGamma: isOwn ? settings.minSnrGamma : null,
    lossType: isOwn ? settings.lossType : null,
    sampleScheduler: own instanceof FlowMatchEulerDiscreteScheduler ? null : settings.sampleScheduler,
  };
}

/** @throws UsageError for a run that this version cannot continue */
export function resumedBase(folder: RunFolder, config: RunConfig): Base {
  const { preset, data, training } = config;
  const { steps, ...settings } = training;
  if (!isBackendName(config.backend)) {
    throw new UsageError(`the run's backend is "${config.backend}", which this version does not have`);
  }
  const scheduler = schedulerFromJson(config.scheduler, folder.config);
  const isFlow = scheduler instanceof FlowMatchEulerDiscreteScheduler;
  if (!isFlow && !(scheduler instanceof DDPMScheduler)) {
    throw new UsageError(
      `${folder.config}: the scheduler is neither a DDPMScheduler nor a FlowMatchEulerDiscreteScheduler; the run cannot be resumed`,
    );
  }
  return {
    preset: preset !== null && isPresetName(preset) ? preset : null,
    source: data.source,
    selection: data.selection ?? {},
    size: data.size,
    channels: data.channels ?? 3,
    form: {
      ...(data.fit !== undefined && { fit: data.fit }),
      ...(data.ground !== undefined && { ground: data.ground }),
    },
    skipBroken: data.skipBroken,
    model: unetFromConfig(config.model, folder.config).config,
    codec: codecFromJson(config.codec, folder.config),
    shiftsNoise: false,
    scheduler: isFlow ? {} : scheduler.config,
    flow: isFlow ? scheduler.config : null,
    length: { steps },
    settings,
  };
}
