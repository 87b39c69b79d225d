// The folder of a pipeline: model_index.json, and a subfolder for each of its components.

import { files, paths } from "#platform";
import {
  CUSTOM_PIPELINE,
  MODEL_CONFIG,
  MODEL_INDEX,
  type ModelIndex,
  readModelIndex,
  type SavedComponent,
  writeModelIndex,
} from "../io/diffusers_folder.ts";
import type { JsonObject } from "../io/diffusers_json.ts";
import { named } from "../io/printable.ts";
import type { ReadStateDictOptions, WriteStateDictOptions, WrittenWeights } from "../io/state_dict.ts";
import type { Denoiser } from "../models/denoiser.ts";
import { explainSystemError, FileError } from "../platform/errors.ts";
import { isSchedulerName } from "../schedulers/index.ts";
import type { Id2Label } from "./class_labels.ts";
import {
  type ComponentKind,
  type PipelineModel,
  type PipelineParts,
  SCHEDULER,
  savedComponents,
  type Warn,
} from "./components.ts";
import { PipelineError } from "./errors.ts";
import { type PipelineFamily, UNCONDITIONAL } from "./families.ts";
import type { SamplingDefaults } from "./sampling_defaults.ts";

const { join } = paths;

/** How a pipeline is saved. */
interface SavedKind {
  /** Its class in diffusers. Default: DDPMPipeline. */
  readonly className?: string;
  /** Arguments of that class. */
  readonly settings?: JsonObject;
  /** How the weights of all components are written. */
  readonly written?: WriteStateDictOptions;
}

/**
 * Writes a folder that `readPipeline` and diffusers' DDPMPipeline.from_pretrained load.
 * @param weights of the model, in torch's layout
 * @param kind of a pipeline that is no DDPMPipeline, and how weights are written
 */
export async function writePipeline(
  folder: string,
  parts: PipelineParts<Denoiser>,
  weights: WrittenWeights,
  { className = "DDPMPipeline", settings, written }: SavedKind = {},
): Promise<void> {
  const saved = savedComponents(parts, weights);
  for (const { name, save } of saved) await save(join(folder, name), written);
  const custom = parts.codec?.saved?.pipeline;
  if (custom) await files.writeFileAtomic(join(folder, CUSTOM_PIPELINE), custom.source);
  await writeModelIndex(folder, {
    className: custom?.className ?? parts.codec?.saved?.diffusersClass ?? className,
    isCustom: custom !== undefined,
    components: new Map(saved.map(({ name, library, className }) => [name, { library, className }])),
    ...((custom || settings) && { settings: { ...settings, ...custom?.settings } }),
    ...parts.conditioner?.settings,
    ...(parts.sampling && { sampling: parts.sampling }),
  });
}

/**
 * Checks that a folder is missing, empty, or holds only a pipeline.
 * @param saved the components that will replace its content
 * @throws PipelineError for other files, which would be lost
 */
export async function checkReplaceable(
  folder: string,
  saved: readonly Pick<SavedComponent, "name">[],
): Promise<void> {
  if (!(await files.exists(folder)) || !(await files.stat(folder)).isFolder) return;
  const known = [MODEL_INDEX, CUSTOM_PIPELINE, ...saved.map(({ name }) => name)];
  const foreign = (await files.list(folder)).filter((name) => !known.includes(name));
  if (foreign.length === 0) return;
  throw new PipelineError(
    `${folder}: this folder holds other things than a pipeline (${foreign[0]}), which saving would remove; choose a new folder`,
  );
}

/** What the class of a folder's own pipeline.py stands for. @throws PipelineError for settings that it does not have */
function customParts(
  { className, settings = {} }: ModelIndex,
  root: string,
  { custom }: PipelineFamily,
): Partial<PipelineParts<never>> {
  return custom.get(className)?.(settings, join(root, MODEL_INDEX)) ?? {};
}

/** @throws PipelineError for a scheduler that is not known */
function samplingOf({ sampling }: ModelIndex, root: string): SamplingDefaults | undefined {
  if (sampling === undefined) return undefined;
  const { scheduler, steps } = sampling;
  if (isSchedulerName(scheduler)) return { scheduler, steps };
  throw new PipelineError(
    `${join(root, MODEL_INDEX)}: its images are drawn by ${named(scheduler)}, which is not known here; take out _imago_sampling to draw by another scheduler`,
  );
}

/** The contents of a pipeline's folder. */
export type ReadParts<D extends Denoiser> = PipelineParts<D> & {
  readonly id2label: Id2Label | undefined;
  /** The pipeline's class in diffusers. */
  readonly className: string;
  /** Other arguments of that class, under the file's names. Not checked. */
  readonly settings: JsonObject;
};

type ReadPipelineOptions = ReadStateDictOptions & { readonly warn?: Warn };

/**
 * Reads a pipeline's folder, or the pipeline/ of a run's folder.
 * @throws PipelineError, FileError, in one line
 */
export const readPipeline = (
  folder: string,
  options: ReadPipelineOptions = {},
): Promise<ReadParts<PipelineModel>> => readPipelineOf(UNCONDITIONAL, folder, options);

/** The class of a pipeline's folder, or a run's. @throws PipelineError, FileError, in one line */
export const pipelineClass = async (folder: string): Promise<string> =>
  (await readModelIndex(await findPipeline(folder))).className;

/** The same for pipelines of another family. */
export async function readPipelineOf<D extends Denoiser>(
  family: PipelineFamily<D>,
  folder: string,
  { variant, warn }: ReadPipelineOptions = {},
): Promise<ReadParts<D>> {
  const root = await findPipeline(folder);
  const index = await readModelIndex(root);
  let parts: Partial<PipelineParts<D>> = customParts(index, root, family);
  const components = componentsOf(index, root, family);
  const ignored = family.passedOver.filter((name) => index.components.has(name));
  if (ignored.length > 0) {
    warn?.(`${root}: ${ignored.join(" and ")} passed over; images are drawn, and not checked`);
  }
  for (const { kind, className } of components) {
    parts = {
      ...parts,
      ...(await kind.read(await componentFolder(root, kind.name), { className, variant, warn })),
    };
  }
  const { unet, scheduler, ...more } = parts;
  if (unet === undefined || scheduler === undefined) {
    throw without(unet === undefined ? family.model : SCHEDULER, index, root, family);
  }
  const { id2label, className, settings = {} } = index;
  return { unet, scheduler, ...more, sampling: samplingOf(index, root), id2label, className, settings };
}

/** The folder of a component: its own, or, in pipelines of 2022 (google/ddpm-*), that of model_index.json. */
async function componentFolder(root: string, name: string): Promise<string> {
  const own = join(root, name);
  const isApart = (await files.exists(own)) || !(await files.exists(join(root, MODEL_CONFIG)));
  return isApart ? own : root;
}

/**
 * The components of a pipeline, in reading order.
 * @param source for errors
 * @throws PipelineError, in one line, for an unknown pipeline or component
 */
export function componentsOf<D extends Denoiser>(
  index: ModelIndex,
  source: string,
  family: PipelineFamily<D>,
): { readonly kind: ComponentKind<D>; readonly className: string }[] {
  const { kinds, classNames, custom, required, passedOver, besides } = family;
  const model = modelClasses(family);
  // diffusers saves a pipeline of its folder's own class again without the file of that class.
  const isKnown = custom.has(index.className) || (!index.isCustom && classNames.includes(index.className));
  if (!isKnown) {
    const known = [...classNames, ...custom.keys()];
    throw new PipelineError(
      `${source}: a pipeline of the class ${named(index.className)}, expected a ${model} ${besides}: ${known.join(", ")}`,
    );
  }
  for (const name of required) {
    const component = index.components.get(name);
    if (component === undefined) throw without(name, index, source, family);
    if (name === family.model && !kinds.some((kind) => isOf(kind, name, component.className))) {
      throw new PipelineError(`${source}: the model is a ${named(component.className)}, expected a ${model}`);
    }
  }
  for (const [name, { className }] of index.components) {
    if (passedOver.includes(name) || kinds.some((kind) => isOf(kind, name, className))) continue;
    throw new PipelineError(
      `${source}: the pipeline has a ${named(name)} (${named(className)}), without which its images would be wrong; expected a ${model} ${besides}`,
    );
  }
  return kinds.flatMap((kind) => {
    const { className } = index.components.get(kind.name) ?? {};
    return className !== undefined && isOf(kind, kind.name, className) ? [{ kind, className }] : [];
  });
}

type KindName = Pick<ComponentKind, "name" | "className">;

const isOf = (kind: KindName, name: string, className: string): boolean =>
  kind.name === name && (kind.className === null || kind.className === className);

/** The supported classes of a pipeline's model, in words. */
const modelClasses = ({
  kinds,
  model,
}: Pick<PipelineFamily, "model"> & { kinds: readonly KindName[] }): string =>
  kinds
    .flatMap(({ name, className }) => (name === model && className !== null ? [className] : []))
    .join(" or ");

const without = (name: string, index: ModelIndex, source: string, family: PipelineFamily): PipelineError =>
  new PipelineError(
    `${source}: a ${named(index.className)} without ${name}, expected a pipeline of a ${modelClasses(family)} ${family.besides}, such as ${family.classNames[0]}`,
  );

/** The pipeline's folder that a path refers to. */
async function findPipeline(folder: string): Promise<string> {
  // A crash before the final rename leaves a complete copy, which is as good.
  const whole = await files.replacementOf(folder);
  if (whole !== undefined) return whole;
  try {
    if (!(await files.stat(folder)).isFolder) {
      const single = folder.endsWith(".safetensors")
        ? "; StableDiffusionPipeline.fromSingleFile loads a single file of Stable Diffusion"
        : "";
      throw new FileError(folder, `this is a file, expected the folder of a run or a pipeline${single}`);
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

/** Describes the folder found in place of a pipeline or a run, and what to give instead. */
async function notAPipeline(folder: string): Promise<string> {
  const has = (name: string) => files.exists(join(folder, name));
  if (await has("metrics.jsonl")) return "this run has written no checkpoint yet; let it train longer";
  if (await has("optimizer.safetensors"))
    return "this is a checkpoint of a run; give the run's folder, two above it";
  if (await has(MODEL_CONFIG)) return "this is the folder of a model only; give the pipeline's, above it";
  return "neither a pipeline (no model_index.json) nor a run (no pipeline/ in it)";
}
