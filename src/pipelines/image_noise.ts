// Noise per image, independent of the batch: image k of a seed always starts from the same noise and gets the same
// noise in its steps.

import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import { philoxNormal } from "../engine/random/philox.ts";
import type { NoiseSource } from "../schedulers/index.ts";

/** The noise of a batch, and what its library draws besides. */
export interface DrawnNoise extends NoiseSource {
  /**
   * Noise of the given shape that all images of the call share, in its turn among what the library draws; absent where
   * there is none.
   */
  readonly shared?: (shape: readonly number[]) => HostTensor;
}

/** Philox sites of sampling; training programs number theirs from 0. */
const FIRST_SITE = 0x5a000000;

/**
 * Philox noise for the images `firstImage`, `firstImage` + 1, ...: the d-th draw of image k is keyed by
 * (seed, step k, site FIRST_SITE + d).
 * @param seed 0 .. 2^64-1
 * @param firstDraw passes over those before
 */
export function imageNoise(seed: number | bigint, firstImage = 0, firstDraw = 0): NoiseSource {
  return noisePerImage((image, k, draw) => drawImage(image, seed, firstImage + k, firstDraw + draw));
}

/** Fills the d-th draw (from 0) of an image of a seed. */
export function drawImage(out: Float32Array, seed: number | bigint, image: number, draw: number): void {
  philoxNormal(out, { seed, step: image, site: FIRST_SITE + draw });
}

/** Noise of which each image's part is filled separately. @param fill gets the index in the batch, and the draw, from 0 */
export function noisePerImage(fill: (out: Float32Array, k: number, draw: number) => void): NoiseSource {
  let draw = 0;
  return {
    randn(shape): HostTensor {
      const [count, ...rest] = shape;
      if (count === undefined) throw new RangeError("noise was asked for a scalar, expected [N, H, W, C]");
      const size = numel(rest);
      const out = new Float32Array(count * size);
      for (let k = 0; k < count; k++) fill(out.subarray(k * size, (k + 1) * size), k, draw);
      draw++;
      return hostTensor(out, shape);
    },
  };
}
