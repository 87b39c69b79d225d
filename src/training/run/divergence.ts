// What is said when a run's numbers stop being finite.

import { DivergenceError } from "../errors.ts";
import type { TrainSettings } from "../settings.ts";
import { checkpointSteps } from "./checkpoint.ts";
import type { RunFolder } from "./run_folder.ts";

/** @param what what was seen to be infinite or no number, and in which step */
export async function divergence(
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
