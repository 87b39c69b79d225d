// The quantile function of the beta distribution.

import * as exact from "../../engine/math/index.ts";

/**
 * x in [0, 1] below which a Beta(a, b) variable lies with probability p; relative error about 1e-14.
 * @param p 0 .. 1
 * @param a above 0
 * @param b above 0
 */
export function betaQuantile(p: number, a: number, b: number): number {
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  // Bisects until the precision of a double is exhausted; small quantiles take more halvings.
  const scale = logBeta(a, b);
  let low = 0;
  let high = 1;
  for (let i = 0; i < 200 && high - low > Number.EPSILON * high; i++) {
    const middle = (low + high) / 2;
    if (regularizedBeta(middle, a, b, scale) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** I_x(a, b), the distribution function. @param scale log B(a, b) */
function regularizedBeta(x: number, a: number, b: number, scale: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The continued fraction converges fast below the mean; the other side follows by symmetry.
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedBeta(1 - x, b, a, scale);
  const front = exact.exp(a * exact.log(x) + b * exact.log1p(-x) - scale) / a;
  return front * continuedFraction(x, a, b);
}

/** The continued fraction of I_x(a, b) (Abramowitz & Stegun 26.5.8), by Lentz's method. */
function continuedFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 300; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return fraction;
}

/** log B(a, b) = log Γ(a) + log Γ(b) - log Γ(a + b). */
const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);

/** log Γ(x) for x > 0: Stirling's series, after a recurrence up to where the series has full double precision. */
function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  while (z < 15) {
    shift -= exact.log(z);
    z++;
  }
  const r = 1 / (z * z);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / z;
  return shift + (z - 0.5) * exact.log(z) - z + exact.log(2 * Math.PI) / 2 + series;
}
