// Keeping a predicted x_0 in range, by clipping or by dynamic thresholding.

const { fround } = Math;

/** Clamps every value to [-range, range], in place. */
export function clipSample(x: Float32Array, range: number): void {
  for (let i = 0; i < x.length; i++) x[i] = Math.min(Math.max(x[i], -range), range);
}

/**
 * Dynamic thresholding (Saharia et al. 2022, Imagen, section 2.3), in place: with s the `ratio` quantile of |x| over
 * one image, at least 1 and at most `maxValue`, clamps the image to [-s, s] and divides by s.
 * @param x `batch` images one after another
 */
export function thresholdSample(x: Float32Array, batch: number, ratio: number, maxValue: number): void {
  const size = x.length / batch;
  for (let n = 0; n < batch; n++) {
    const image = x.subarray(n * size, (n + 1) * size);
    const s = fround(Math.min(Math.max(quantile(image.map(Math.abs), ratio), 1), maxValue));
    for (let i = 0; i < size; i++) image[i] = Math.min(Math.max(image[i], -s), s) / s;
  }
}

/** The q quantile, linearly interpolated. Sorts `values` in place. */
function quantile(values: Float32Array, q: number): number {
  values.sort();
  const rank = fround(fround(q) * (values.length - 1));
  const below = Math.floor(rank);
  const a = values[below];
  const b = values[Math.min(below + 1, values.length - 1)];
  if (a === b) return a; // also where both are infinite
  const weight = fround(rank - below);
  const difference = fround(b - a);
  return weight < 0.5
    ? fround(a + fround(weight * difference))
    : fround(b - fround(difference * fround(1 - weight)));
}
