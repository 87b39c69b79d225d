// Loads a checkpoint's folder into a training step: the model, its average, the optimizer, and the losses for
// importance sampling of timesteps.

import { paths } from "#platform";
import type { Shape } from "../../engine/shape.ts";
import { readStateDict } from "../../io/state_dict.ts";
import type { Shadow } from "../../nn/shadow.ts";
import { readWeights } from "../../pipelines/components.ts";
import type { TracedStep } from "../step/traced_step.ts";
import { readAugmentEmbedding } from "./augment_checkpoint.ts";
import { explainDamage, readCheckpoint, type TrainingState, UNET, UNET_EMA } from "./checkpoint.ts";
import type { RunFolder } from "./run_folder.ts";

const { join } = paths;

/**
 * Restores a training step, which is not on a backend yet, from a checkpoint.
 * @throws RunFolderError when the checkpoint is damaged, with advice
 */
export async function loadCheckpoint(
  folder: RunFolder,
  step: number,
  { model, expAvg, expAvgSq, momentumBuffer, ema, augmentEmbedding, timesteps, lossScale }: TracedStep,
): Promise<TrainingState> {
  const path = folder.checkpoint(step);
  const { state, optimizer } = await readCheckpoint(folder, step, {
    expAvg: shapesOf(expAvg),
    expAvgSq: shapesOf(expAvgSq),
    momentumBuffer: shapesOf(momentumBuffer),
  });
  await explainDamage(path, async () => {
    await readWeights(join(path, UNET), model);
    const average = ema ? await readStateDict(join(path, UNET_EMA)) : null;
    if (augmentEmbedding !== null) {
      const { shape } = augmentEmbedding;
      augmentEmbedding.loadStateDict(await readAugmentEmbedding(path, "weight", shape));
      const layer = average && (await readAugmentEmbedding(path, "average", shape));
      for (const [name, weight] of layer ?? []) average?.set(name, weight);
    }
    if (average) ema?.loadStateDict(average);
    timesteps?.restore(state.timestepLosses ?? []);
    if (state.lossScale !== undefined) lossScale?.restore(state.lossScale);
  });
  expAvg.loadStateDict(optimizer.expAvg);
  expAvgSq.loadStateDict(optimizer.expAvgSq);
  momentumBuffer.loadStateDict(optimizer.momentumBuffer);
  return state;
}

const shapesOf = (moment: Shadow): ReadonlyMap<string, Shape> =>
  new Map([...moment.namedParameters()].map(([name, { torchShape }]) => [name, torchShape]));
