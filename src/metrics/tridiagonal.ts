// Eigenvalues of a symmetric tridiagonal matrix: QL steps with implicit shifts (Dubrulle, Martin & Wilkinson 1968,
// "The implicit QL algorithm").

import * as exact from "../engine/math/index.ts";
import { MetricError } from "./errors.ts";

/** Most steps for one eigenvalue; about two are usual. */
const MOST_STEPS = 60;

/**
 * @param diagonal [n]
 * @param beside [n - 1]: the elements next to the diagonal
 * @returns the eigenvalues in no order; errors are a few units in the last place of the largest
 * @throws MetricError when the steps do not converge
 */
export function tridiagonalEigenvalues(diagonal: Float64Array, beside: Float64Array): Float64Array {
  const n = diagonal.length;
  const d = diagonal.slice();
  const e = new Float64Array(n);
  e.set(beside);
  let scale = 0;
  for (let i = 0; i < n; i++) scale = Math.max(scale, Math.abs(d[i]) + Math.abs(e[i]));
  const negligible = Number.EPSILON * scale;
  for (let l = 0; l < n; l++) {
    for (let steps = 0; ; steps++) {
      let m = l;
      while (m < n - 1 && Math.abs(e[m]) > negligible) m++;
      if (m === l) break;
      if (steps === MOST_STEPS) throw new MetricError("the eigenvalues of a covariance do not converge");
      qlStep(d, e, l, m);
    }
  }
  return d;
}

/** One QL step on rows l .. m, with the shift from the upper left 2 x 2 square. */
function qlStep(d: Float64Array, e: Float64Array, l: number, m: number): void {
  let g = (d[l + 1] - d[l]) / (2 * e[l]);
  let r = exact.hypot(g, 1);
  g = d[m] - d[l] + e[l] / (g + (g >= 0 ? r : -r));
  let s = 1;
  let c = 1;
  let p = 0;
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i];
    const b = c * e[i];
    r = Math.sqrt(f * f + g * g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] -= p;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1] - p;
    r = (d[i] - g) * s + 2 * c * b;
    p = s * r;
    d[i + 1] = g + p;
    g = c * r - b;
  }
  d[l] -= p;
  e[l] = g;
  e[m] = 0;
}
