// The augmentation embedding in a checkpoint: next to the model's folders, because diffusers' model has no such layer.

import { paths } from "#platform";
import { type Shape, sameShape, showShape } from "../../engine/shape.ts";
import { openSafetensors, writeSafetensors } from "../../io/safetensors.ts";
import type { HostWeight, StateDict } from "../../io/state_dict.ts";
import { FileError } from "../../platform/errors.ts";
import { AUGMENT_EMBEDDING } from "../step/augment_embedding.ts";

const { join } = paths;

const FILE = "augment_embedding.safetensors";
const WEIGHT = "weight";
const AVERAGE = "weight_ema";

/** Writes the layer's weights into a checkpoint's folder. @throws FileError */
export async function writeAugmentEmbedding(
  folder: string,
  weight: HostWeight,
  average: HostWeight | undefined,
): Promise<void> {
  const entries = new Map([[WEIGHT, weight]]);
  if (average !== undefined) entries.set(AVERAGE, average);
  await writeSafetensors(join(folder, FILE), entries);
}

/**
 * Reads the layer's weights, or their average.
 * @param shape of the layer
 * @returns the state dict of the layer alone
 * @throws FileError when the file is missing, damaged, or has another shape
 */
export async function readAugmentEmbedding(
  folder: string,
  which: "weight" | "average",
  shape: Shape,
): Promise<StateDict> {
  const path = join(folder, FILE);
  const file = await openSafetensors(path);
  try {
    const key = which === "weight" ? WEIGHT : AVERAGE;
    const found = file.info(key).shape;
    if (!sameShape(found, shape)) {
      throw new FileError(path, `${key} is ${showShape(found)}, expected ${showShape(shape)}`);
    }
    return new Map([[AUGMENT_EMBEDDING, { shape, data: await file.readFloat32(key) }]]);
  } finally {
    await file.close();
  }
}
