// Where solvers in continuous time start and end.

import * as exact from "../../engine/math/index.ts";
import { weightedSum } from "../math/weighted_sum.ts";
import { type Diffusion, type ImageWork, noiseIn } from "./diffusion.ts";
import type { ImageRun } from "./sampler.ts";

/** The largest σ/α that solvers start from (Karras et al. 2022, arXiv 2206.00364, table 1): above it is only noise. */
const LARGEST_SIGMA = 80;

/** Progress of the whole run when a solver has covered the share `way`: the first and the last step count too. */
export const solverShare = (way: number): number => 0.01 + 0.98 * way;

/** The angles that a solver integrates between, and the variance-preserving sample at the start. */
export interface SolverStart {
  readonly largest: number;
  readonly least: number;
  readonly sample: Float32Array;
}

/**
 * Draws the noise that sampling starts from. If it is above σ/α = 80 (pure noise has infinite λ), one DDIM step, one
 * evaluation of the model, takes the sample down to 80: above it hardly any of the image is visible.
 */
export function* solverStart(diffusion: Diffusion, { randn, report }: ImageRun): ImageWork<SolverStart> {
  const { least, largest: pure } = diffusion.angleRange;
  const sample = randn();
  const largest = exact.atan(LARGEST_SIGMA);
  if (pure <= largest) return { largest: pure, least, sample };
  const timestep = diffusion.numTrainTimesteps - 1;
  const level = diffusion.level(timestep, "vp");
  const original = yield* diffusion.originalSample(sample, level);
  const next = { alpha: exact.cos(largest), sigma: exact.sin(largest) };
  const first = weightedSum([next.alpha, original], [next.sigma, noiseIn(sample, original, level)]);
  report({
    timestep,
    nextTimestep: diffusion.timestepOf(next),
    noise: 0,
    correctorNoise: [],
    error: null,
    rejected: 0,
    share: solverShare(0),
    sample: first,
    predOriginalSample: original,
  });
  return { largest, least, sample: first };
}

/** The last step: the x_0 that the model predicts at the smallest noise level. */
export function* solverEnd(
  diffusion: Diffusion,
  sample: Float32Array,
  least: number,
  { report }: ImageRun,
): ImageWork<Float32Array> {
  const original = yield* diffusion.originalSample(sample, {
    alpha: exact.cos(least),
    sigma: exact.sin(least),
  });
  report({
    timestep: 0,
    nextTimestep: -1,
    noise: 0,
    correctorNoise: [],
    error: null,
    rejected: 0,
    share: 1,
    sample: original,
    predOriginalSample: original,
  });
  return original;
}
