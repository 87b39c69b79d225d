// The distance between two sets of images, each approximated by a Gaussian in feature space.
// Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium" (FID, where
// the features are Inception's), after Dowson & Landau 1982, "The Fréchet distance between multivariate normal
// distributions".

import * as exact from "../engine/math/index.ts";
import { type Cooperation, partOf } from "../platform/cooperative.ts";
import { choleskyRows } from "./cholesky.ts";
import { MetricError } from "./errors.ts";
import { innerProducts } from "./inner_products.ts";
import type { Gaussian } from "./moments.ts";
import { singularValues } from "./singular_values.ts";

/**
 * |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½), in float64.
 * @throws MetricError for Gaussians of different dimensions
 */
export async function frechetDistance(
  a: Gaussian,
  b: Gaussian,
  cooperation: Cooperation = {},
): Promise<number> {
  const dims = a.mean.length;
  if (dims !== b.mean.length) {
    throw new MetricError(`Gaussians of ${dims} and of ${b.mean.length} dimensions cannot be compared`);
  }
  let means = 0;
  let traces = 0;
  for (let i = 0; i < dims; i++) {
    means += exact.square(a.mean[i] - b.mean[i]);
    traces += a.covariance[i * dims + i] + b.covariance[i * dims + i];
  }
  return means + traces - 2 * (await traceOfRoot(a.covariance, b.covariance, dims, cooperation));
}

/**
 * tr (Σ₁ Σ₂)^½, which equals tr (Σ₁^½ Σ₂ Σ₁^½)^½. With Σ₁ = G₁ᵀ G₁ and Σ₂ = G₂ᵀ G₂ the eigenvalues of Σ₁ Σ₂ are those
 * of (G₁ G₂ᵀ)(G₁ G₂ᵀ)ᵀ, so it is the sum of the singular values of G₁ G₂ᵀ. No square root of a rounding error is
 * taken, and covariances of few images (of low rank) need no special care.
 * @param first [dims, dims], symmetric and positive semi-definite, as is `second`
 */
export async function traceOfRoot(
  first: Float64Array,
  second: Float64Array,
  dims: number,
  cooperation: Cooperation = {},
): Promise<number> {
  // Shares of the time at full rank.
  const part = (from: number, share: number) => partOf(cooperation, from, share);
  const g1 = await choleskyRows(first, dims, part(0, 0.15));
  const g2 = await choleskyRows(second, dims, part(0.15, 0.15));
  const product = await innerProducts(g1, g2, part(0.3, 0.3));
  const values = await singularValues(product, g1.count, g2.count, part(0.6, 0.4));
  // Smallest first, to lose the fewest digits.
  return values.reduceRight((sum, value) => sum + value, 0);
}
