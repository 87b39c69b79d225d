// Whose random numbers a seed stands for: imago's own, image by image, or another library's.

import type { NoiseSource } from "../schedulers/index.ts";
import { PipelineError } from "./errors.ts";
import { imageNoise } from "./image_noise.ts";
import { torchImageNoise } from "./torch_image_noise.ts";

/** The libraries whose seeds can be followed. */
export const SEED_COMPATS = ["torch"] as const;
/** A library whose seeds can be followed. */
export type SeedCompat = (typeof SEED_COMPATS)[number];

/** Where the noise of images comes from. */
export interface SeedOptions {
  /** 0 .. 2^64-1; image k of a seed starts from the same noise for any count and batch size. Default 0. */
  readonly seed?: number | bigint;
  /**
   * Whose random numbers the seed stands for. "torch": diffusers' with a CPU generator, so that the same model gives the
   * images it gives there; they then depend on `count`. Default: imago's own.
   */
  readonly seedCompat?: SeedCompat;
  /** In place of the seed: where noise comes from, batch by batch. */
  readonly noise?: NoiseSource;
}

/** @throws PipelineError for a library that is not known, and for one beside a noise that is given */
export function checkSeedCompat({ seedCompat, noise }: SeedOptions): void {
  if (seedCompat === undefined) return;
  if (!SEED_COMPATS.includes(seedCompat)) {
    throw new PipelineError(
      `seedCompat is ${JSON.stringify(seedCompat)}, expected ${SEED_COMPATS.map((name) => `"${name}"`).join(" or ")}`,
    );
  }
  if (noise) throw new PipelineError("give either noise or seedCompat, not both");
}

/** The noise of the images `firstImage`, `firstImage` + 1, ... of `count` in all. */
export function noiseOf(
  { seed = 0, seedCompat, noise }: SeedOptions,
  count: number,
  firstImage: number,
): NoiseSource {
  if (noise) return noise;
  return seedCompat === "torch" ? torchImageNoise(seed, count, firstImage) : imageNoise(seed, firstImage);
}
