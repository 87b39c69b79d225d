// Checks before the first step that the disk can hold a run's files.

import { shortageOf } from "../../io/free_space.ts";
import { RunFolderError } from "../errors.ts";

/**
 * Peak size in bytes of a run's checkpoints and pipeline: a new one is written before an old one is removed.
 * @param parameters number of values in the model
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
