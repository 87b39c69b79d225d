// Folders as diffusers saves them: a pipeline's model_index.json names its components, each in a subfolder with a
// config file. The meaning of the settings is left to the classes they belong to.

import * as v from "valibot";
import { paths } from "#platform";
import { FileError } from "../platform/errors.ts";
import {
  type JsonObject,
  type JsonValue,
  jsonObject,
  readJsonAs,
  writePythonJson,
} from "./diffusers_json.ts";
import { DIFFUSERS_VERSION } from "./diffusers_version.ts";
import { quoted } from "./printable.ts";
import type { WriteStateDictOptions } from "./state_dict.ts";

const { join } = paths;

/** The settings file of a model. */
export const MODEL_CONFIG = "config.json";
/** The settings file of a scheduler. */
export const SCHEDULER_CONFIG = "scheduler_config.json";
/** The file that makes a folder a pipeline's. */
export const MODEL_INDEX = "model_index.json";
/** The Python module of a folder's own pipeline class, and its file. */
const CUSTOM_MODULE = "pipeline";
export const CUSTOM_PIPELINE = `${CUSTOM_MODULE}.py`;

/** A part of a pipeline, as model_index.json names it. */
export type PipelineComponent = {
  /** The Python library of its class: "diffusers", or the module of a folder's own code. */
  readonly library: string;
  /** The class it is an instance of. */
  readonly className: string;
};

/** A part of a pipeline that writes its own subfolder. */
export type SavedComponent = PipelineComponent & {
  /** Its key in model_index.json, and its subfolder. */
  readonly name: string;
  /** Writes config and weights. @param weights how these are written. @throws FileError */
  readonly save: (folder: string, weights?: WriteStateDictOptions) => Promise<void>;
};

/** The contents of a model_index.json. */
export type ModelIndex = {
  /** The pipeline's class, for example "DDPMPipeline". */
  readonly className: string;
  /** Whether the class is defined by the folder's own pipeline.py. */
  readonly isCustom?: boolean;
  /** Subfolder -> component. Parts that the pipeline lacks are absent. */
  readonly components: ReadonlyMap<string, PipelineComponent>;
  /** Class names of a class-conditional model by number, as in diffusers' DiTPipeline. */
  readonly id2label?: Readonly<Record<number, string>>;
  /** Other arguments of the pipeline's class, under the file's names. Not checked. */
  readonly settings?: JsonObject;
  /** How its images are best drawn, which diffusers does not read: the short name of a scheduler, and its steps. */
  readonly sampling?: { readonly scheduler: string; readonly steps: number };
};

/** The contents of a config.json or scheduler_config.json. */
export type DiffusersConfig = {
  /** The class that saved it, for example "UNet2DModel"; undefined in files without it. */
  readonly className: string | undefined;
  /** All other settings, under the file's names (snake_case), without keys that begin with "_". Not checked. */
  readonly settings: Readonly<Record<string, unknown>>;
};

const classNumber = v.pipe(v.string(), v.regex(/^\d{1,9}$/, "the numbers of classes were expected as keys"));
const id2labelSchema = v.record(classNumber, v.string());
const samplingSchema = v.object({
  scheduler: v.string(),
  steps: v.pipe(v.number(), v.integer(), v.minValue(1)),
});
/** The key of `sampling`. diffusers leaves out keys that begin with "_". */
const SAMPLING = "_imago_sampling";
const indexSchema = v.pipe(
  jsonObject,
  v.looseObject({
    [SAMPLING]: v.optional(samplingSchema),
    // [module, class] for a class of the folder's own.
    _class_name: v.union([v.string(), v.tuple([v.string(), v.string()])]),
    id2label: v.optional(v.nullable(id2labelSchema)),
  }),
);
const configSchema = v.pipe(jsonObject, v.looseObject({ _class_name: v.optional(v.string()) }));
const settingSchema = v.union([v.string(), v.number(), v.boolean()]);
const componentSchema = v.tuple([v.string(), v.string()]);

/**
 * Reads the model_index.json of a pipeline's folder.
 * @throws FileError, in one line, if it is missing or invalid
 */
export async function readModelIndex(folder: string): Promise<ModelIndex> {
  const path = join(folder, MODEL_INDEX);
  const index = await readJsonAs(path, indexSchema);
  const components = new Map<string, PipelineComponent>();
  const settings: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(index)) {
    if (name.startsWith("_") || name === "id2label") continue;
    // Besides components there are plain settings of the pipeline, and [null, null] for absent parts.
    const component = v.safeParse(componentSchema, value);
    if (!component.success) {
      const setting = v.safeParse(settingSchema, value);
      if (setting.success) settings[name] = setting.output;
      continue;
    }
    if (!/^[A-Za-z0-9_-]+$/.test(name)) {
      throw new FileError(path, `component ${quoted(name)} is not the name of a subfolder`);
    }
    const [library, className] = component.output;
    components.set(name, { library, className });
  }
  const { _class_name: given, id2label, [SAMPLING]: sampling } = index;
  const [className, isCustom] = typeof given === "string" ? [given, false] : [given[1], true];
  return {
    className,
    isCustom,
    components,
    settings,
    ...(id2label && { id2label }),
    ...(sampling && { sampling }),
  };
}

/** Writes the model_index.json of a pipeline's folder. @throws FileError, in one line */
export async function writeModelIndex(folder: string, index: ModelIndex): Promise<void> {
  const json: Record<string, JsonObject[string]> = {
    _class_name: index.isCustom ? [CUSTOM_MODULE, index.className] : index.className,
    _diffusers_version: DIFFUSERS_VERSION,
    ...(index.sampling && { [SAMPLING]: index.sampling }),
  };
  for (const [name, { library, className }] of index.components) json[name] = [library, className];
  Object.assign(json, index.settings);
  if (index.id2label) json.id2label = Object.fromEntries(Object.entries(index.id2label));
  await writePythonJson(join(folder, MODEL_INDEX), json);
}

/**
 * Reads the config file of a model (MODEL_CONFIG) or scheduler (SCHEDULER_CONFIG).
 * @throws FileError, in one line, if it cannot be read or is not a JSON object
 */
export async function readConfig(folder: string, file: string): Promise<DiffusersConfig> {
  const config = await readJsonAs(join(folder, file), configSchema);
  const settings = Object.fromEntries(Object.entries(config).filter(([key]) => !key.startsWith("_")));
  return { className: config._class_name, settings };
}

/**
 * Writes the config file of a model or scheduler, with the same text as Python.
 * @param settings under the names of the file (snake_case)
 * @param floatKeys keys whose numbers are floats in Python (0 is written 0.0)
 * @throws FileError, in one line
 */
export async function writeConfig(
  folder: string,
  file: string,
  className: string,
  settings: JsonObject,
  floatKeys: ReadonlySet<string>,
): Promise<void> {
  const json = { ...settings, _class_name: className, _diffusers_version: DIFFUSERS_VERSION };
  await writePythonJson(join(folder, file), json, floatKeys);
}
