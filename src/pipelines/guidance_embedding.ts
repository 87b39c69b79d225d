// The guidance scale as an input of the model, for models that were distilled from guided ones (Meng et al. 2023, arXiv
// 2210.03142; Luo et al. 2023, arXiv 2310.04378, section 4.2).

import * as exact from "../engine/math/index.ts";
import { PipelineError } from "./errors.ts";

/** Least width with two frequencies. */
const LEAST_WIDTH = 4;
const LONGEST_PERIOD = 10000;
/** Scales are embedded as thousandths. */
const FACTOR = 1000;

/**
 * Sines, then cosines, of w - 1 at frequencies from 1000 down to 1/10 (diffusers' get_guidance_scale_embedding).
 * @param scale w
 * @param width of what the model sees; an odd one ends with 0
 * @throws PipelineError for a width that leaves no frequencies
 */
export function guidanceScaleEmbedding(scale: number, width: number): Float32Array {
  if (width < LEAST_WIDTH) {
    throw new PipelineError(
      `the UNet's time_cond_proj_dim is ${width}, expected ${LEAST_WIDTH} or more, to embed a guidance scale`,
    );
  }
  // In float32 steps, as in Python.
  const { fround } = Math;
  const half = Math.floor(width / 2);
  const thousandths = fround(fround(scale - 1) * FACTOR);
  const slope = fround(fround(exact.log(LONGEST_PERIOD)) / (half - 1));
  const embedding = new Float32Array(width);
  for (let i = 0; i < half; i++) {
    const angle = fround(thousandths * fround(exact.exp(fround(i * -slope))));
    embedding[i] = exact.sin(angle);
    embedding[half + i] = exact.cos(angle);
  }
  return embedding;
}
