// How a step's batch is cut: into microbatches, whose gradients are computed one after the other, and into shares of
// several processes, each of some microbatches.

import type { Communicator } from "../../distributed/communicator.ts";
import type { HostArray } from "../../engine/backend.ts";
import type { ImageRange } from "../../pipelines/conditioner.ts";
import { TrainingOptionError } from "../errors.ts";
import type { TrainSettings } from "../settings.ts";

/** The number of a process, and of all that compute a step together. */
type Place = Pick<Communicator, "rank" | "size">;

/** The only process. */
export const ALONE: Place = { rank: 0, size: 1 };

/** What a process computes of each batch. */
export interface BatchShare {
  /** Images of the whole batch, of all processes. */
  readonly wholeBatch: number;
  /** Images whose gradients are computed at once. */
  readonly microbatch: number;
  /** Those of this process. */
  readonly own: ImageRange;
}

/** So many microbatches at least, so that any number of processes up to it adds up the same sums. */
const PARTS = 4;

/** The microbatch of so many processes where none is asked for; null where the batch has no equal shares. */
export function sharedMicrobatch(batchSize: number, size: number): number | null {
  let parts = PARTS;
  while (parts < size) parts *= 2;
  const fits = [parts, size].find((count) => batchSize % count === 0 && count % size === 0);
  return fits === undefined ? null : batchSize / fits;
}

/** @throws TrainingOptionError when the processes cannot take equal shares, with batches of which they can */
export function shareOf(
  { batchSize, microbatch }: Pick<TrainSettings, "batchSize" | "microbatch">,
  { rank, size }: Place,
): BatchShare {
  const images = microbatch ?? batchSize / size;
  const perProcess = batchSize / images / size;
  if (!Number.isInteger(batchSize / size)) {
    const below = Math.floor(batchSize / size) * size;
    const fits = [...(below > 0 ? [below] : []), below + size].join(" or ");
    throw new TrainingOptionError(
      `a batch of ${batchSize} has no equal shares for ${size} processes; use --batch-size ${fits}, or another number of processes`,
    );
  }
  if (!Number.isInteger(perProcess)) {
    throw new TrainingOptionError(
      `a batch of ${batchSize} in microbatches of ${images} has no equal shares for ${size} processes; use --microbatch ${batchSize / size}, or another number of processes`,
    );
  }
  const count = perProcess * images;
  return { wholeBatch: batchSize, microbatch: images, own: { firstImage: rank * count, count } };
}

/**
 * Whether processes with so many microbatches each add up what one process with all of them does, in the same order:
 * then each of their sums is a branch of the tree (gradient_sums.ts).
 */
export const addsAlongTree = (microbatches: number): boolean => (microbatches & (microbatches - 1)) === 0;

/** The microbatches of a process, as ranges of the whole batch. */
export function microbatchesOf({ microbatch, own }: BatchShare): ImageRange[] {
  return Array.from({ length: own.count / microbatch }, (_, i) => ({
    firstImage: own.firstImage + i * microbatch,
    count: microbatch,
  }));
}

/** The part of values of `count` images, [N, ...], that belongs to a range of them. */
export function partOf<T extends HostArray>(values: T, count: number, range: ImageRange): T;
export function partOf(values: HostArray, count: number, range: ImageRange): HostArray {
  const each = values.length / count;
  return values.subarray(range.firstImage * each, (range.firstImage + range.count) * each);
}
