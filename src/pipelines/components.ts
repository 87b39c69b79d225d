// The components of pipelines: how each kind is read from its folder and written to it. A new kind of those without
// prompts is a row in COMPONENT_KINDS; text_components.ts has the others.

import { paths } from "#platform";
import type { Codec } from "../codecs/codec.ts";
import { PATCH_PIPELINE } from "../codecs/patch_pipeline.ts";
import { patchesOf } from "../codecs/patches.ts";
import { codecFromConfig } from "../codecs/saved.ts";
import { UNIT_RANGE_PIPELINE, unitRange } from "../codecs/unit_range.ts";
import {
  MODEL_CONFIG,
  readConfig,
  type SavedComponent,
  SCHEDULER_CONFIG,
  writeConfig,
} from "../io/diffusers_folder.ts";
import type { JsonObject, JsonValue } from "../io/diffusers_json.ts";
import {
  type ReadStateDictOptions,
  type StoredWeight,
  storedWeights,
  type WriteStateDictOptions,
  type WrittenWeights,
  weightFiles,
  writeStateDict,
} from "../io/state_dict.ts";
import type { WeightsLibrary } from "../io/weight_names.ts";
import type { CLIPTextModel, CLIPTextModelWithProjection } from "../models/clip_text_model.ts";
import type { CLIPTokenizer } from "../models/clip_tokenizer.ts";
import type { Denoiser } from "../models/denoiser.ts";
import { UNET_2D_CLASS } from "../models/unet_2d_config.ts";
import { UNet2DModel } from "../models/unet_2d_model.ts";
import type { Module } from "../nn/module.ts";
import { type Scheduler, schedulerFloatKeys, schedulerFromConfig } from "../schedulers/index.ts";
import type { ClassOptions } from "./class_labels.ts";
import type { Conditioner } from "./conditioner.ts";
import { PipelineError } from "./errors.ts";
import type { SamplingDefaults } from "./sampling_defaults.ts";

const { join } = paths;

/** The subfolders of every pipeline. */
export const UNET = "unet";
export const SCHEDULER = "scheduler";

/** Receives warnings about parts of a file that are ignored. */
export type Warn = (message: string) => void;

/** The models that a pipeline's folder can hold. */
export type PipelineModel = UNet2DModel;

/** The parts of a pipeline. D: its model. */
export interface PipelineParts<D extends Denoiser = PipelineModel> {
  readonly unet: D;
  readonly scheduler: Scheduler;
  /** Default: the identity. */
  readonly codec?: Codec;
  /** Default: class labels, if the model takes them. */
  readonly conditioner?: Conditioner<ClassOptions>;
  /** Of pipelines that see prompts: what makes tokens of them. */
  readonly tokenizer?: CLIPTokenizer;
  /** And what the tokens mean to the model. */
  readonly textEncoder?: CLIPTextModel;
  /** Of those with two text encoders: what makes tokens for the second one. */
  readonly tokenizer2?: CLIPTokenizer;
  readonly textEncoder2?: CLIPTextModelWithProjection;
  /** How images are drawn if nothing is chosen. Default: by the scheduler, in its usual steps. */
  readonly sampling?: SamplingDefaults | undefined;
}

/** Options for reading a component. */
export interface ReadComponentOptions extends ReadStateDictOptions {
  /** Its class in model_index.json. */
  readonly className: string;
  readonly warn?: Warn | undefined;
}

/** A kind of component, for pipelines with a model of class D. */
export interface ComponentKind<D extends Denoiser = PipelineModel> {
  /** Its key in model_index.json, and its subfolder. */
  readonly name: string;
  /** Its class in model_index.json; null where `read` supports several. */
  readonly className: string | null;
  /** Whose weights it has. Default "diffusers". */
  readonly library?: WeightsLibrary;
  /**
   * Chooses the files of its folder that `read` needs.
   * @param source the folder, for errors
   * @throws FileError where some are missing
   */
  files(names: readonly string[], options: ReadStateDictOptions, source: string): string[];
  /** Files that may be there and then count, for folders that cannot be listed. */
  readonly mayHave?: readonly string[];
  /** Reads the component. @throws FileError, PipelineError, in one line */
  read(folder: string, options: ReadComponentOptions): Promise<Partial<PipelineParts<D>>>;
}

/** Every scheduler. */
export const schedulerKind: ComponentKind<never> = {
  name: SCHEDULER,
  className: null,
  files: () => [SCHEDULER_CONFIG],
  read: async (folder, { className: inIndex, warn }) => {
    const { className = inIndex, settings } = await readConfig(folder, SCHEDULER_CONFIG);
    const json = { ...settings, _class_name: className };
    return { scheduler: schedulerFromJson(json, join(folder, SCHEDULER_CONFIG), warn) };
  },
};

/** In reading order: small components first, so that their errors appear before weights are read. */
export const COMPONENT_KINDS: readonly ComponentKind[] = [
  schedulerKind,
  {
    name: UNET,
    className: UNET_2D_CLASS,
    files: (names, { variant }, source) => [MODEL_CONFIG, ...weightFiles(names, { variant }, source)],
    read: async (folder, { variant }) => ({ unet: await readUNet(folder, { variant }) }),
  },
];

/** Reads the settings of a pipeline class. @param source the file's name, for errors */
export type ReadCustomPipeline = (
  settings: Readonly<Record<string, unknown>>,
  source: string,
) => Pick<PipelineParts<never>, "codec">;

/**
 * The pipeline classes that stand for a codec: those that a folder may define itself (pipeline.py, which is not read
 * here), and one of diffusers.
 */
export const CUSTOM_PIPELINES: ReadonlyMap<string, ReadCustomPipeline> = new Map<string, ReadCustomPipeline>([
  [UNIT_RANGE_PIPELINE, () => ({ codec: unitRange })],
  [PATCH_PIPELINE, ({ patch_size: size }, source) => explained(source, () => ({ codec: patchesOf(size) }))],
]);

/**
 * Makes the model described by a config.json (or any JSON object); it has no weights yet.
 * @param source the file's name, for errors
 * @throws PipelineError, in one line, naming the wrong entry
 */
export function unetFromConfig(json: unknown, source: string): UNet2DModel {
  return explained(source, () => UNet2DModel.fromConfig(json));
}

/** Reads the folder of a UNet2DModel: its config and weights. @throws FileError, PipelineError */
async function readUNet(folder: string, options: ReadStateDictOptions = {}): Promise<UNet2DModel> {
  const { className, settings } = await readConfig(folder, MODEL_CONFIG);
  const json = className === undefined ? settings : { ...settings, _class_name: className };
  const model = unetFromConfig(json, join(folder, MODEL_CONFIG));
  await readWeights(folder, model, options);
  return model;
}

/** How weights are read. */
export interface ReadWeightsOptions extends ReadStateDictOptions {
  /** Whether weights of 16 bits stay so, as is right for models that are not trained. Default false. */
  readonly keepsHalves?: boolean;
}

/**
 * Reads weights into an existing model, which is unchanged if their names or shapes do not fit.
 * @throws FileError, PipelineError
 */
export async function readWeights(
  folder: string,
  model: Module,
  { keepsHalves = false, ...options }: ReadWeightsOptions = {},
): Promise<void> {
  const found = new Map<string, StoredWeight>();
  for await (const weight of storedWeights(folder, options)) found.set(weight.name, weight);
  const parameters = explained(folder, () => model.parametersFor(found));
  for await (const { name, shape, half, read, readBits } of storedWeights(folder, options)) {
    const parameter = parameters.get(name);
    if (half !== undefined && keepsHalves)
      parameter?.loadHalf({ bits: await readBits(), dtype: half, shape });
    else parameter?.load({ data: await read(), shape });
  }
}

/** Numbers of an averaged model's config that are floats in Python. */
const AVERAGE_FLOATS = ["decay", "min_decay", "inv_gamma", "power"];

/**
 * Writes the folder of a model.
 * @param weights in torch's layout
 * @param extra further keys of its config.json, for averaged weights
 * @param options how the weights are written
 */
export async function writeModel(
  folder: string,
  model: Denoiser,
  weights: WrittenWeights,
  extra: JsonObject = {},
  options: WriteStateDictOptions = {},
): Promise<void> {
  const config = { ...model.toConfig(), ...extra };
  const floats = new Set([...model.floatKeys, ...AVERAGE_FLOATS]);
  await writeConfig(folder, MODEL_CONFIG, model.className, config, floats);
  await writeStateDict(folder, weights, options);
}

/** The scheduler described by a scheduler_config.json. @throws PipelineError, in one line, naming the wrong entry */
export function schedulerFromJson(
  json: Readonly<Record<string, unknown>>,
  source: string,
  warn?: Warn,
): Scheduler {
  return explained(source, () =>
    schedulerFromConfig(json, warn && { warn: (message) => warn(`${source}: ${message}`) }),
  );
}

/** The saved components of a pipeline, in the order of model_index.json. */
export function savedComponents(
  { unet, scheduler, codec, conditioner }: PipelineParts<Denoiser>,
  weights: WrittenWeights,
): SavedComponent[] {
  const config = jsonObject(scheduler.toConfig());
  const className = String(config._class_name);
  return [
    {
      name: UNET,
      library: "diffusers",
      className: unet.className,
      save: (folder, options) => writeModel(folder, unet, weights, {}, options),
    },
    {
      name: SCHEDULER,
      library: "diffusers",
      className,
      save: (folder) => writeConfig(folder, SCHEDULER_CONFIG, className, config, schedulerFloatKeys),
    },
    ...(codec?.saved?.components ?? []),
    ...(conditioner?.components ?? []),
  ];
}

/** The codec in a run's config.json; undefined for the identity. @throws PipelineError, in one line */
export function codecFromJson(json: Readonly<Record<string, unknown>> | undefined, source: string): Codec {
  return explained(source, () => codecFromConfig(json));
}

/** Adds the file's name to errors about its content. */
export function explained<T>(source: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new PipelineError(`${source}: ${error.message}`, { cause: error });
  }
}

/** The result of a scheduler's `toConfig` as JSON. */
function jsonObject(config: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, jsonValue(key, value)]));
}

function jsonValue(key: string, value: unknown): JsonValue {
  if (
    value === null ||
    typeof value === "boolean" ||
    typeof value === "number" ||
    typeof value === "string"
  ) {
    return value;
  }
  if (Array.isArray(value)) return value.map((item: unknown) => jsonValue(key, item));
  throw new PipelineError(
    `the scheduler's option ${key} is a ${typeof value}, which a config file cannot hold`,
  );
}
