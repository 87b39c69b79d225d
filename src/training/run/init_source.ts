// Reads a model to begin training from: that of a run, of one of its checkpoints, of a pipeline's folder or of the Hub.

import { files, paths } from "#platform";
import type { Codec } from "../../codecs/codec.ts";
import { identity } from "../../codecs/identity.ts";
import { MODEL_INDEX } from "../../io/diffusers_folder.ts";
import type { UNet2DModel } from "../../models/unet_2d_model.ts";
import { ModelClasses } from "../../pipelines/class_labels.ts";
import {
  codecFromJson,
  readWeights,
  schedulerFromJson,
  unetFromConfig,
  type Warn,
} from "../../pipelines/components.ts";
import { readPipeline } from "../../pipelines/folders.ts";
import type { HubLoadOptions } from "../../pipelines/hub.ts";
import { withPipelineFolder } from "../../pipelines/source.ts";
import type { Scheduler } from "../../schedulers/index.ts";
import { RunFolderError } from "../errors.ts";
import { checkpointSteps, checkpointWeights, UNET_EMA } from "./checkpoint.ts";
import type { InitSource } from "./initial_weights.ts";
import { RunFolder } from "./run_folder.ts";

const { basename, dirname, join, resolve } = paths;

/** A model with its weights, and its classes and scheduler. */
export interface InitModel {
  readonly unet: UNet2DModel;
  readonly codec: Codec;
  readonly scheduler: Scheduler;
  /** Null for a model without classes. */
  readonly classes: ModelClasses | null;
  readonly from: InitSource;
  /** For a run: the preset that it was made from. */
  readonly preset: string | null;
}

/**
 * Reads a model; for a run or a checkpoint, the average of its weights if it keeps one.
 * @param source the folder of a run (meaning its last checkpoint), of a checkpoint within its run, or of a pipeline, or
 *   hf:OWNER/NAME
 * @throws RunFolderError, PipelineError, FileError, HubError, in one line
 */
export async function readInitModel(
  source: string,
  options: HubLoadOptions & { readonly warn?: Warn } = {},
): Promise<InitModel> {
  const path = resolve(source);
  if (await files.exists(join(path, "state.json"))) {
    const run = new RunFolder(dirname(dirname(path)));
    const [, step] = /^step-(\d{6,})$/.exec(basename(path)) ?? [];
    if (step !== undefined && (await run.isRun())) return readCheckpointModel(run, Number(step), source);
    throw new RunFolderError(
      `${source}: this checkpoint is not in its run's folder, which says how to read it; give RUN/checkpoints/step-N`,
    );
  }
  if (!(await files.exists(join(path, MODEL_INDEX))) && (await files.exists(join(path, "checkpoints")))) {
    const run = new RunFolder(path);
    const last = (await checkpointSteps(run)).at(-1);
    if (last !== undefined && (await run.isRun())) return readCheckpointModel(run, last, source);
  }
  const {
    unet,
    scheduler,
    codec = identity,
    id2label,
  } = await withPipelineFolder(source, options, (folder) => readPipeline(folder, options));
  const classes = ModelClasses.of(unet, id2label);
  return { unet, codec, scheduler, classes, from: { source, weights: "pipeline" }, preset: null };
}

async function readCheckpointModel(run: RunFolder, step: number, source: string): Promise<InitModel> {
  const { model, scheduler, codec, data, preset } = await run.readConfig();
  const unet = unetFromConfig(model, run.config);
  const weights = await checkpointWeights(run, step);
  await readWeights(weights, unet);
  return {
    unet,
    codec: codecFromJson(codec, run.config),
    scheduler: schedulerFromJson(scheduler, run.config),
    classes: ModelClasses.of(unet, data.classes && { ...data.classes }),
    from: { source, weights: basename(weights) === UNET_EMA ? "average" : "last", step },
    preset,
  };
}
