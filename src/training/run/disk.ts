// Whether the disk can hold what a run will write: known before the first step.

import { shortageOf } from "../../io/free_space.ts";
import { RunFolderError } from "../errors.ts";

/**
 * Bytes that a run's checkpoints and pipeline take at their peak: a new one is written before an old one goes.
 * @param parameters values in the model
 */
export function runBytes(parameters: number, keepCheckpoints: number, ema: boolean): number {
  const weights = parameters * Float32Array.BYTES_PER_ELEMENT;
  const checkpoint = weights * (ema ? 4 : 3); // weights, two moments, average
  return (keepCheckpoints + 1) * checkpoint + 2 * weights;
}

/** @throws RunFolderError when the disk of `folder`, which need not exist yet, has less than `needed` bytes free */
export async function checkDisk(folder: string, needed: number): Promise<void> {
  const short = await shortageOf(folder, needed);
  if (short === undefined) return;
  throw new RunFolderError(
    `the run's checkpoints need ${short.needed}, but the disk of ${folder} has ${short.free} free; free some space, choose another --out, or keep fewer with --keep-checkpoints`,
  );
}
