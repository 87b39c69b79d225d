// Chooses the random numbers of a seed: imago's own, image by image, or another library's.

import type { NoiseSource } from "../schedulers/index.ts";
import { PipelineError } from "./errors.ts";
import { type DrawnNoise, imageNoise } from "./image_noise.ts";
import { torchImageNoise } from "./torch_image_noise.ts";

/** Libraries whose seeds are supported. */
export const SEED_COMPATS = ["torch"] as const;
/** A library whose seeds are supported. @useDeclaredType */
export type SeedCompat = (typeof SEED_COMPATS)[number];

/** The noise of a batch, by the index of its first image. */
export type BatchNoise = (firstImage: number) => NoiseSource;

/** Options for the images' noise. */
export interface SeedOptions {
  /** 0 .. 2^64-1; image k of a seed starts from the same noise for any count and batch size. Default 0. */
  readonly seed?: number | bigint;
  /**
   * The library whose random numbers the seed selects. "torch": those of diffusers with a CPU generator, so that the
   * same model gives the same images as there; they then depend on `count`. Default: imago's own.
   */
  readonly seedCompat?: SeedCompat;
  /**
   * Noise in place of the seed's: one source for all batches, of which there is then one if batchSize is not given, or
   * one for each batch, as `walkNoise` makes them.
   */
  readonly noise?: NoiseSource | BatchNoise;
}

/** @throws PipelineError for an unknown library, and for one together with custom noise */
export function checkSeedCompat({ seedCompat, noise }: SeedOptions): void {
  if (seedCompat === undefined) return;
  if (!SEED_COMPATS.includes(seedCompat)) {
    throw new PipelineError(
      `seedCompat is ${JSON.stringify(seedCompat)}, expected ${SEED_COMPATS.map((name) => `"${name}"`).join(" or ")}`,
    );
  }
  if (noise) throw new PipelineError("give either noise or seedCompat, not both");
}

/** Draws that lie between those of two calls, which go on from each other. */
const DRAWS_OF_WAY = 2 ** 20;

/** What a call draws besides the first noise of its images. */
interface NoiseUse {
  /**
   * Where on the way from noise, 0, to the image, 1, the call goes on: it draws other noise of a seed than the calls
   * before, from which its images are made. Default 0.
   */
  readonly place?: number | undefined;
  /** With another library's seeds, for how many times the images it draws the noise of steps. Default 1. */
  readonly ofSteps?: number;
}

/**
 * The noise of the images `firstImage`, `firstImage` + 1, ... of `count` in total.
 */
export function noiseOf(
  { seed = 0, seedCompat, noise }: SeedOptions,
  count: number,
  firstImage: number,
  { place = 0, ofSteps }: NoiseUse = {},
): DrawnNoise {
  if (noise) return typeof noise === "function" ? noise(firstImage) : noise;
  if (seedCompat === "torch") return torchImageNoise(seed, count, firstImage, ofSteps);
  return imageNoise(seed, firstImage, Math.round(place * DRAWS_OF_WAY));
}
