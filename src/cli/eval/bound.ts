// The variational bound in imago eval: over the first images of the data, batch by batch.

import { hostTensor } from "../../engine/host_tensor.ts";
import type { Cooperation } from "../../platform/cooperative.ts";
import { UsageError } from "../errors.ts";
import type { EvalFlags, EvalPlan } from "./plan.ts";
import type { Bound } from "./report.ts";

/** Cooperation that can be stopped and is followed. */
export type Watched = Required<Pick<Cooperation, "signal" | "onProgress">>;

/** Number of timesteps to evaluate per image. */
const TIMESTEPS = 100;

/** @throws UsageError for more images than the data has */
export function checkBound({ data }: EvalPlan, { bitsPerDim }: EvalFlags): void {
  if (bitsPerDim === undefined || bitsPerDim <= data.count) return;
  throw new UsageError(`--bits-per-dim ${bitsPerDim}: the data has ${data.count} images; give at most that`);
}

/** Undefined where it was not requested. */
export async function findBound(
  { bound, data, trainTimesteps }: EvalPlan,
  { bitsPerDim: count, batchSize, seed }: EvalFlags,
  { signal, onProgress }: Watched,
): Promise<Bound | undefined> {
  if (bound === undefined || count === undefined) return undefined;
  const timesteps = Math.min(TIMESTEPS, trainTimesteps);
  const { height, width } = data.size;
  const values = height * width * data.channels;
  let bits = 0;
  for (let firstImage = 0; firstImage < count; firstImage += batchSize) {
    const size = Math.min(batchSize, count - firstImage);
    const batch = new Float32Array(size * values);
    for (let i = 0; i < size; i++) {
      for (const [k, value] of data.image(firstImage + i).entries())
        batch[i * values + k] = value / 127.5 - 1;
    }
    const { total } = await bound(hostTensor(batch, [size, height, width, data.channels]), {
      timesteps,
      seed,
      firstImage,
      signal,
      onProgress: (share) => onProgress((firstImage + share * size) / count),
    });
    bits += (total * size) / count;
  }
  return { bits, images: count, timesteps, of: trainTimesteps };
}
