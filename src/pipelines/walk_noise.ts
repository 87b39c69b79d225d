// The noise of a walk between seeds: images that change smoothly from one seed's picture to the next one's, and back to
// the first. Between the noises of two seeds lies their spherical interpolation (Shoemake 1985; DDIM, arXiv 2010.02502,
// equation 65), which is as large as noise is; a straight line would pass through weaker noise, of blurred images.

import * as exact from "../engine/math/index.ts";
import { PipelineError, wholeAtLeast1 } from "./errors.ts";
import { drawImage, noisePerImage } from "./image_noise.ts";
import type { BatchNoise } from "./seeding.ts";

/** Sines below this are of vectors that are parallel, or nothing. */
const PARALLEL = 1e-6;

/**
 * The noise of `seeds.length * frames * walkers` images, in this order: all walkers of the first frame, of the next
 * one, and so on. Frame `i * frames` is that of the i-th seed: walker w has the noise of image w of the seed, in its
 * start and in its steps. The walk is closed: after the last frame the first one follows.
 *
 * ```ts
 * pipeline.generateImages({ count: 48, noise: walkNoise([3, 7, 12], 16) })
 * ```
 *
 * @param seeds two or more
 * @param frames from a seed to the next
 * @throws PipelineError for fewer seeds, or numbers out of range
 */
export function walkNoise(seeds: readonly (number | bigint)[], frames: number, walkers = 1): BatchNoise {
  if (seeds.length < 2) {
    throw new PipelineError(`a walk between ${seeds.length} seeds; expected two or more`);
  }
  wholeAtLeast1("frames", frames);
  wholeAtLeast1("walkers", walkers);
  return (firstImage) =>
    noisePerImage((out, k, draw) => {
      const frame = Math.floor((firstImage + k) / walkers) % (seeds.length * frames);
      const walker = (firstImage + k) % walkers;
      const from = Math.floor(frame / frames);
      drawImage(out, seeds[from], walker, draw);
      if (frame % frames === 0) return;
      const to = new Float32Array(out.length);
      drawImage(to, seeds[(from + 1) % seeds.length], walker, draw);
      slerp(out, to, (frame % frames) / frames);
    });
}

/** Replaces `a` by its spherical interpolation with `b`. @param share of the way, 0 .. 1 */
function slerp(a: Float32Array, b: Float32Array, share: number): void {
  let [aa, bb, ab] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    aa += a[i] * a[i];
    bb += b[i] * b[i];
    ab += a[i] * b[i];
  }
  const cosine = Math.min(1, Math.max(-1, ab / Math.sqrt(aa * bb)));
  const sine = Math.sqrt(1 - cosine * cosine);
  // NaN for a noise of zeros.
  if (!(sine > PARALLEL)) return;
  const angle = exact.atan2(sine, cosine);
  const [ofA, ofB] = [exact.sin((1 - share) * angle) / sine, exact.sin(share * angle) / sine];
  for (let i = 0; i < a.length; i++) a[i] = ofA * a[i] + ofB * b[i];
}
