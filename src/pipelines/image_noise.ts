// Noise per image, independent of the batch: image k of a seed always starts from the same noise and gets the same
// noise in its steps.

import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import { philoxNormal } from "../engine/random/philox.ts";
import type { NoiseSource } from "../schedulers/index.ts";

/** Philox sites of sampling; training programs number theirs from 0. */
const FIRST_SITE = 0x5a000000;

/**
 * Philox noise for the images `firstImage`, `firstImage` + 1, ...: the d-th draw of image k is keyed by
 * (seed, step k, site FIRST_SITE + d).
 * @param seed 0 .. 2^64-1
 */
export function imageNoise(seed: number | bigint, firstImage = 0): NoiseSource {
  let draw = 0;
  return {
    randn(shape): HostTensor {
      const [count, ...rest] = shape;
      if (count === undefined) throw new RangeError("noise was asked for a scalar, expected [N, H, W, C]");
      const size = numel(rest);
      const out = new Float32Array(count * size);
      for (let i = 0; i < count; i++) {
        const image = out.subarray(i * size, (i + 1) * size);
        philoxNormal(image, { seed, step: firstImage + i, site: FIRST_SITE + draw });
      }
      draw++;
      return hostTensor(out, shape);
    },
  };
}
