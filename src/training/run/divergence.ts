// Explains a run whose numbers are no longer finite: what was found, and which checkpoint to continue from.

import { NotFiniteError } from "../../pipelines/errors.ts";
import { DivergenceError } from "../errors.ts";
import type { TrainSettings } from "../settings.ts";
import { checkpointSteps } from "./checkpoint.ts";
import type { RunFolder } from "./run_folder.ts";

/** Runs work of a step. @throws DivergenceError with advice, where the step's numbers or images are not finite */
export async function explainDivergence<T>(
  folder: RunFolder,
  settings: TrainSettings,
  step: number,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DivergenceError) throw await divergence(folder, settings, step, error.message);
    if (!(error instanceof NotFiniteError)) throw error;
    throw await divergence(folder, settings, step, `the images drawn after step ${step} are not finite`);
  }
}

async function divergence(
  folder: RunFolder,
  { learningRate }: TrainSettings,
  step: number,
  what: string,
): Promise<DivergenceError> {
  const last = (await checkpointSteps(folder)).at(-1);
  const checkpoint = last === undefined ? undefined : folder.checkpoint(last);
  const way =
    checkpoint === undefined
      ? "no checkpoint was written yet; begin again in another folder, with"
      : `the last good checkpoint is ${checkpoint}; train on from its weights in a new run, with`;
  return new DivergenceError(
    step,
    `${what}: training has diverged and was stopped; ${way} a lower learning rate than ${learningRate}`,
    checkpoint,
  );
}
