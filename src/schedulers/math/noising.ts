// The forward process over a batch, one timestep per image.

import { type HostTensor, hostTensor } from "../../engine/host_tensor.ts";
import * as exact from "../../engine/math/index.ts";
import { sameShape, showShape } from "../../engine/shape.ts";
import { type NoiseLevel, noiseLevel } from "./prediction.ts";

const { fround } = Math;

/** q(x_t | x_0): sqrt(ᾱ_t) x_0 + sqrt(1 - ᾱ_t) noise (Ho et al. 2020, equation 4). */
export function addNoise(
  alphasCumprod: Float32Array,
  original: HostTensor,
  noise: HostTensor,
  timesteps: ArrayLike<number>,
): HostTensor {
  return mix(alphasCumprod, original, noise, timesteps, (x0, epsilon, alpha, sigma) =>
    fround(fround(alpha * x0) + fround(sigma * epsilon)),
  );
}

/** v = sqrt(ᾱ_t) noise - sqrt(1 - ᾱ_t) x_0 (Salimans & Ho 2022). */
export function velocity(
  alphasCumprod: Float32Array,
  sample: HostTensor,
  noise: HostTensor,
  timesteps: ArrayLike<number>,
): HostTensor {
  return mix(alphasCumprod, sample, noise, timesteps, (x0, epsilon, alpha, sigma) =>
    fround(fround(alpha * epsilon) - fround(sigma * x0)),
  );
}

function mix(
  alphasCumprod: Float32Array,
  sample: HostTensor,
  noise: HostTensor,
  timesteps: ArrayLike<number>,
  formula: (x0: number, epsilon: number, alpha: number, sigma: number) => number,
): HostTensor {
  const levels = Array.from(timesteps, (timestep) => noiseLevelAt(alphasCumprod, timestep));
  return mixByLevel(sample, noise, levels, (x0, epsilon, { alpha, sigma }) =>
    formula(x0, epsilon, alpha, sigma),
  );
}

/**
 * Combines images and noise, value by value.
 * @param levels one per image, or one for all
 * @throws RangeError when shapes or counts do not fit
 */
export function mixByLevel(
  sample: HostTensor,
  noise: HostTensor,
  levels: readonly NoiseLevel[],
  formula: (x0: number, epsilon: number, level: NoiseLevel) => number,
): HostTensor {
  if (!sameShape(sample.shape, noise.shape)) {
    throw new RangeError(
      `noise has shape ${showShape(noise.shape)}, expected the sample's ${showShape(sample.shape)}`,
    );
  }
  const batch = sample.shape[0] ?? 1;
  if (levels.length !== 1 && levels.length !== batch) {
    throw new RangeError(
      `got ${levels.length} timesteps for ${batch} images: give one for each, or one for all`,
    );
  }
  const size = sample.data.length / batch;
  const out = new Float32Array(sample.data.length);
  for (let n = 0; n < batch; n++) {
    const level = levels[levels.length === 1 ? 0 : n];
    for (let i = n * size; i < (n + 1) * size; i++) out[i] = formula(sample.data[i], noise.data[i], level);
  }
  return hostTensor(out, sample.shape);
}

/** ᾱ_t. @throws RangeError unless t is one of 0 .. T-1 */
export function alphaProdAt(alphasCumprod: Float32Array, timestep: number): number {
  const alphaProd = alphasCumprod[timestep];
  if (alphaProd === undefined) {
    throw new RangeError(
      `timestep is ${timestep}, expected a whole number, 0 .. ${alphasCumprod.length - 1}`,
    );
  }
  return alphaProd;
}

/** The noise level of timestep t. @throws RangeError unless t is one of 0 .. T-1 */
export const noiseLevelAt = (alphasCumprod: Float32Array, timestep: number): NoiseLevel =>
  noiseLevel(alphaProdAt(alphasCumprod, timestep));

/** x = x_0 + σ ε brought to unit variance, as models see it: x / sqrt(σ² + σ_data²) (Karras et al. 2022, table 1). */
export function atUnitVariance({ data, shape }: HostTensor, sigma: number, sigmaData = 1): HostTensor {
  const scale = 1 / exact.hypot(sigma, sigmaData);
  return hostTensor(
    data.map((x) => x * scale),
    shape,
  );
}
