// Checkpoints: RUN/checkpoints/step-000500/ with the weights, their average, the optimizer and the step. For importance
// sampling of timesteps, state.json also holds past losses. All else is a function of the run's config and the step.

import * as v from "valibot";
import { files, paths } from "#platform";
import { readJsonAs } from "../../io/diffusers_json.ts";
import { openSafetensors, writeSafetensors } from "../../io/safetensors.ts";
import type { HostWeight, StateDict } from "../../io/state_dict.ts";
import { FileError } from "../../platform/errors.ts";
import type { Permit } from "../../platform/platform.ts";
import { RunFolderError } from "../errors.ts";
import type { LossScaleState } from "../step/loss_scale.ts";
import { listFolder, type RunFolder } from "./run_folder.ts";

const { join } = paths;

/** The progress of a run. */
export interface TrainingState {
  /** Steps done. */
  readonly step: number;
  /** Sum of the losses in the current epoch. */
  readonly epochLossSum: number;
  /** The state of loss-second-moment sampling: the last losses of each timestep. */
  readonly timestepLosses?: readonly (readonly number[])[];
  /** The scale of the loss in fp16. */
  readonly lossScale?: LossScaleState;
}

/** AdamW's two moments of each weight that it trains, and Muon's one, in the weights' order and layout. */
export interface OptimizerState {
  readonly expAvg: StateDict;
  readonly expAvgSq: StateDict;
  readonly momentumBuffer: StateDict;
}

/** Name and shape of every weight that has each moment. */
export type OptimizerShapes = Readonly<Record<keyof OptimizerState, ReadonlyMap<string, readonly number[]>>>;

/** Writes and reads the model's folders, the parts of a checkpoint that only the caller knows. */
export interface CheckpointParts {
  readonly state: TrainingState;
  readonly optimizer: OptimizerState;
  /** Writes unet/ and unet_ema/ into the folder. */
  readonly writeModels: (folder: string) => Promise<void>;
}

const finite = v.pipe(v.number(), v.finite());
const stateSchema = v.object({
  step: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  epoch_loss_sum: finite,
  timestep_losses: v.optional(v.array(v.array(finite))),
  loss_scale: v.optional(v.object({ scale: finite, good_steps: v.pipe(v.number(), v.safeInteger()) })),
});

/**
 * Writes a checkpoint atomically, then removes the oldest beyond `keep`.
 * @returns its folder
 * @throws FileError when the disk is full, ...
 */
export async function writeCheckpoint(
  run: RunFolder,
  parts: CheckpointParts,
  keep: number,
  permit?: Permit,
): Promise<string> {
  const { state, optimizer } = parts;
  const folder = run.checkpoint(state.step);
  const fill = async (aside: string): Promise<void> => {
    await parts.writeModels(aside);
    await writeSafetensors(join(aside, OPTIMIZER), optimizerEntries(optimizer));
    await files.writeFileAtomic(join(aside, STATE), stateText(state));
  };
  await files.replaceDirAtomic(folder, fill, permit);
  const steps = (await checkpointSteps(run)).filter((step) => step < state.step);
  for (const step of steps.slice(0, Math.max(0, steps.length + 1 - keep))) {
    await files.removeFolder(run.checkpoint(step), permit);
  }
  return folder;
}

/** The steps of the existing checkpoints, ascending. */
export async function checkpointSteps(run: RunFolder): Promise<number[]> {
  const names = await listFolder(run.checkpoints);
  const steps = names.flatMap((name) => {
    const match = /^step-(\d{6,})$/.exec(name);
    return match ? [Number(match[1])] : [];
  });
  return steps.sort((a, b) => a - b);
}

/**
 * The folder of the weights for drawing a checkpoint's images: the average, if there is one.
 * @throws RunFolderError naming the existing checkpoints, where there is none of `step`
 */
export async function checkpointWeights(run: RunFolder, step: number): Promise<string> {
  const kept = await checkpointSteps(run);
  if (!kept.includes(step)) {
    const what = kept.length === 0 ? "no checkpoints" : `checkpoints of step ${kept.join(", ")}`;
    throw new RunFolderError(`${run.path} has no checkpoint of step ${step}; it holds ${what}`);
  }
  const average = join(run.checkpoint(step), UNET_EMA);
  return (await files.exists(average)) ? average : join(run.checkpoint(step), UNET);
}

/**
 * Reads a checkpoint's progress and its optimizer's moments.
 * @param shapes of the moments; the checkpoint must hold these
 * @throws RunFolderError when it is damaged, with advice
 */
export async function readCheckpoint(
  run: RunFolder,
  step: number,
  shapes: OptimizerShapes,
): Promise<{ state: TrainingState; optimizer: OptimizerState }> {
  const folder = run.checkpoint(step);
  return explainDamage(folder, async () => {
    const state = stateOf(await readJsonAs(join(folder, STATE), stateSchema));
    if (state.step !== step) {
      throw new FileError(join(folder, STATE), `says step ${state.step}, but its folder says ${step}`);
    }
    return { state, optimizer: await readOptimizer(join(folder, OPTIMIZER), shapes) };
  });
}

/** Adds advice to errors about a checkpoint's content. */
export async function explainDamage<T>(folder: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof FileError || error instanceof RangeError)) throw error;
    throw new RunFolderError(
      `the checkpoint is damaged: ${error.message}; remove ${folder} to go on from the one before`,
      { cause: error },
    );
  }
}

/** The weights, and their average. */
export const UNET = "unet";
export const UNET_EMA = "unet_ema";
const OPTIMIZER = "optimizer.safetensors";
const STATE = "state.json";
/** torch's names of the moments. */
const MOMENTS = { expAvg: "exp_avg", expAvgSq: "exp_avg_sq", momentumBuffer: "momentum_buffer" } as const;

function stateOf(json: v.InferOutput<typeof stateSchema>): TrainingState {
  const { step, epoch_loss_sum: epochLossSum, timestep_losses: timestepLosses, loss_scale: scale } = json;
  return {
    step,
    epochLossSum,
    ...(timestepLosses !== undefined && { timestepLosses }),
    ...(scale && { lossScale: { scale: scale.scale, goodSteps: scale.good_steps } }),
  };
}

/** The progress in a text of `stateText`. */
export const parseState = (text: string): TrainingState => stateOf(v.parse(stateSchema, JSON.parse(text)));

/** The content of state.json, with the losses of each timestep in one line. */
export function stateText({ step, epochLossSum, timestepLosses, lossScale }: TrainingState): string {
  const json = {
    step,
    epoch_loss_sum: epochLossSum,
    ...(lossScale && { loss_scale: { scale: lossScale.scale, good_steps: lossScale.goodSteps } }),
  };
  if (timestepLosses === undefined) return `${JSON.stringify(json, undefined, 2)}\n`;
  const rows = timestepLosses.map((losses) => `    ${JSON.stringify(losses)}`).join(",\n");
  return `${JSON.stringify(json, undefined, 2).slice(0, -2)},\n  "timestep_losses": [\n${rows}\n  ]\n}\n`;
}

function optimizerEntries(optimizer: OptimizerState): Map<string, HostWeight> {
  const entries = new Map<string, HostWeight>();
  for (const moment of ["expAvg", "expAvgSq", "momentumBuffer"] as const) {
    for (const [name, weight] of optimizer[moment]) entries.set(`${MOMENTS[moment]}.${name}`, weight);
  }
  return entries;
}

async function readOptimizer(path: string, shapes: OptimizerShapes): Promise<OptimizerState> {
  const file = await openSafetensors(path);
  try {
    const read = async (moment: keyof OptimizerState): Promise<StateDict> => {
      const out: StateDict = new Map();
      for (const [name, shape] of shapes[moment]) {
        const key = `${MOMENTS[moment]}.${name}`;
        const found = file.info(key).shape;
        if (found.join() !== shape.join()) {
          throw new FileError(
            path,
            `${key} has the shape [${found.join(", ")}], expected [${shape.join(", ")}]`,
          );
        }
        out.set(name, { shape, data: await file.readFloat32(key) });
      }
      return out;
    };
    return {
      expAvg: await read("expAvg"),
      expAvgSq: await read("expAvgSq"),
      momentumBuffer: await read("momentumBuffer"),
    };
  } finally {
    await file.close();
  }
}
