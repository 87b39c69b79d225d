// The folders that diffusers loads and saves: a UNet, a scheduler, a whole DDPM pipeline.

import { files, paths } from "#platform";
import {
  MODEL_CONFIG,
  MODEL_INDEX,
  type ModelIndex,
  readConfig,
  readModelIndex,
  SCHEDULER_CONFIG,
  writeConfig,
  writeModelIndex,
} from "../io/diffusers_folder.ts";
import type { JsonObject, JsonValue } from "../io/diffusers_json.ts";
import { named } from "../io/printable.ts";
import {
  type ReadStateDictOptions,
  readStateDict,
  type StateDict,
  writeStateDict,
} from "../io/state_dict.ts";
import { unet2DFloatKeys } from "../models/unet_2d_config.ts";
import { UNet2DModel } from "../models/unet_2d_model.ts";
import { explainSystemError, FileError } from "../platform/errors.ts";
import { type Scheduler, schedulerFloatKeys, schedulerFromConfig } from "../schedulers/index.ts";
import type { Id2Label } from "./class_labels.ts";
import { PipelineError } from "./errors.ts";

const { join } = paths;

/** The pipelines of diffusers that are a UNet and a scheduler alone, and draw images as they are drawn here. */
const PIPELINES = [
  "DDPMPipeline",
  "DDIMPipeline",
  "PNDMPipeline",
  "ConsistencyModelPipeline",
  "RePaintPipeline",
];

/** The model's class in files. */
const MODEL_CLASS = "UNet2DModel";
/** Keys whose numbers are floats in Python: the model's own, and those of its average. */
const UNET_FLOATS = new Set([...unet2DFloatKeys, "decay", "min_decay", "inv_gamma", "power"]);

/** The subfolders of a pipeline. */
export const UNET = "unet";
export const SCHEDULER = "scheduler";

/** Warnings about things in a file that mean nothing here. */
export type Warn = (message: string) => void;

/**
 * Makes the model that a config.json (or any JSON object) describes; it has no weights yet.
 * @param source the file's name, for errors
 * @throws PipelineError, in one line, naming what is wrong
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

/** Reads weights into a model that there is already. @throws FileError, PipelineError */
export async function readWeights(
  folder: string,
  model: UNet2DModel,
  options: ReadStateDictOptions = {},
): Promise<void> {
  const weights = await readStateDict(folder, options);
  explained(folder, () => model.loadStateDict(weights));
}

/**
 * Writes the folder of a UNet2DModel.
 * @param weights in torch's layout
 * @param extra further keys of its config.json
 */
export async function writeUNet(
  folder: string,
  model: UNet2DModel,
  weights: StateDict,
  extra: JsonObject = {},
): Promise<void> {
  const config = { ...model.toConfig(), ...extra };
  await writeConfig(folder, MODEL_CONFIG, MODEL_CLASS, config, UNET_FLOATS);
  await writeStateDict(folder, weights);
}

/** The scheduler that a scheduler_config.json describes. @throws PipelineError, in one line, naming what is wrong */
export function schedulerFromJson(
  json: Readonly<Record<string, unknown>>,
  source: string,
  warn?: Warn,
): Scheduler {
  return explained(source, () =>
    schedulerFromConfig(json, warn && { warn: (message) => warn(`${source}: ${message}`) }),
  );
}

/**
 * Writes model_index.json, unet/ and scheduler/: what DDPMPipeline.from_pretrained loads.
 * @param id2label names of the model's classes, where it has such
 */
export async function writePipeline(
  folder: string,
  model: UNet2DModel,
  weights: StateDict,
  scheduler: Scheduler,
  id2label?: Id2Label,
): Promise<void> {
  await writeUNet(join(folder, UNET), model, weights);
  const config = jsonObject(scheduler.toConfig());
  const className = String(config._class_name);
  await writeConfig(join(folder, SCHEDULER), SCHEDULER_CONFIG, className, config, schedulerFloatKeys);
  const components = new Map([
    [UNET, { library: "diffusers", className: MODEL_CLASS }],
    [SCHEDULER, { library: "diffusers", className }],
  ]);
  await writeModelIndex(folder, { className: "DDPMPipeline", components, ...(id2label && { id2label }) });
}

/**
 * Checks that a folder is missing, empty, or a pipeline's and nothing else.
 * @throws PipelineError: what a user keeps there would be lost when it is replaced
 */
export async function checkReplaceable(folder: string): Promise<void> {
  if (!(await files.exists(folder)) || !(await files.stat(folder)).isFolder) return;
  const names = await files.list(folder);
  const foreign = names.filter((name) => ![MODEL_INDEX, UNET, SCHEDULER].includes(name));
  if (foreign.length === 0) return;
  throw new PipelineError(
    `${folder}: this folder holds other things than a pipeline (${foreign[0]}), which saving would remove; choose a new folder`,
  );
}

/**
 * Reads a pipeline's folder, or the pipeline/ of a run's folder.
 * @throws PipelineError, FileError, in one line
 */
export async function readPipeline(
  folder: string,
  { variant, warn }: ReadStateDictOptions & { readonly warn?: Warn } = {},
): Promise<{ unet: UNet2DModel; scheduler: Scheduler; id2label: Id2Label | undefined }> {
  const root = await findPipeline(folder);
  const index = await readModelIndex(root);
  checkComponents(index, root);
  // The scheduler first: it is small, and what is wrong with it is told before the weights are read.
  const schedulerFolder = await componentFolder(root, SCHEDULER);
  const schedulerFile = join(schedulerFolder, SCHEDULER_CONFIG);
  const { className, settings } = await readConfig(schedulerFolder, SCHEDULER_CONFIG);
  const declared = className ?? index.components.get(SCHEDULER)?.className;
  const scheduler = schedulerFromJson({ ...settings, _class_name: declared }, schedulerFile, warn);
  const unet = await readUNet(await componentFolder(root, UNET), { variant });
  return { unet, scheduler, id2label: index.id2label };
}

/** Where a component lies: in its folder, or, in pipelines of 2022 (google/ddpm-*), beside model_index.json. */
async function componentFolder(root: string, name: string): Promise<string> {
  const own = join(root, name);
  return (await files.exists(own)) ? own : root;
}

/**
 * Checks that a pipeline is of the parts that are known here.
 * @param source for errors
 * @throws PipelineError, in one line
 */
export function checkComponents(index: ModelIndex, source: string): void {
  if (!PIPELINES.includes(index.className)) {
    throw new PipelineError(
      `${source}: a pipeline of the class ${named(index.className)}, expected a ${MODEL_CLASS} and a scheduler alone: ${PIPELINES.join(", ")}`,
    );
  }
  for (const name of [UNET, SCHEDULER]) {
    const component = index.components.get(name);
    if (component === undefined) {
      throw new PipelineError(
        `${source}: a ${named(index.className)} without ${name}, expected a pipeline of a ${MODEL_CLASS} and a scheduler, such as DDPMPipeline`,
      );
    }
    if (name === UNET && component.className !== MODEL_CLASS) {
      throw new PipelineError(
        `${source}: the model is a ${named(component.className)}, expected a ${MODEL_CLASS}`,
      );
    }
  }
  for (const [name, { className }] of index.components) {
    if (name === UNET || name === SCHEDULER) continue;
    throw new PipelineError(
      `${source}: the pipeline has a ${named(name)} (${named(className)}), without which its images would be wrong; expected a ${MODEL_CLASS} and a scheduler alone`,
    );
  }
}

/** The pipeline's folder that a path means. */
async function findPipeline(folder: string): Promise<string> {
  // What a crash kept from being renamed into place is as good.
  const whole = await files.replacementOf(folder);
  if (whole !== undefined) return whole;
  try {
    if (!(await files.stat(folder)).isFolder) {
      throw new FileError(folder, "this is a file, expected the folder of a run or a pipeline");
    }
  } catch (error) {
    throw explainSystemError(error, "read the folder", folder);
  }
  for (const path of [folder, join(folder, "pipeline")]) {
    if (await files.exists(join(path, MODEL_INDEX))) return path;
  }
  const inRun = await files.replacementOf(join(folder, "pipeline"));
  if (inRun !== undefined) return inRun;
  throw new PipelineError(`${folder}: ${await notAPipeline(folder)}`);
}

/** What a folder is, where a pipeline or a run was expected, and what would be right. */
async function notAPipeline(folder: string): Promise<string> {
  const has = (name: string) => files.exists(join(folder, name));
  if (await has("metrics.jsonl")) return "this run has written no checkpoint yet; let it train longer";
  if (await has("optimizer.safetensors"))
    return "this is a checkpoint of a run; give the run's folder, two above it";
  if (await has(MODEL_CONFIG)) return "this is the folder of a model only; give the pipeline's, above it";
  return "neither a pipeline (no model_index.json) nor a run (no pipeline/ in it)";
}

/** Names the file in what is wrong with its content. */
function explained<T>(source: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new PipelineError(`${source}: ${error.message}`, { cause: error });
  }
}

/** What `toConfig` of a scheduler gives, as JSON. */
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
