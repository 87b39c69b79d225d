// The weighted sum of images: the only image arithmetic of the solvers.

/** A factor and what it multiplies. */
export type Term = readonly [weight: number, values: Float32Array];

/**
 * weight * values + weight * values + ..., element by element, in a new array: summed in float64 from the left and
 * rounded to float32 once. Terms of weight 0 are left out, so that infinite values there do no harm.
 */
export function weightedSum(...terms: readonly Term[]): Float32Array {
  const present = terms.filter(([weight]) => weight !== 0);
  const out = new Float32Array(terms[0]?.[1].length ?? 0);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (const [weight, values] of present) sum += weight * values[i];
    out[i] = sum;
  }
  return out;
}
