// Muon (Jordan 2024, https://kellerjordan.github.io/posts/muon/): the step of a weight matrix is its momentum, made
// nearly orthogonal. The size of a step is that of Liu et al. 2025 (arXiv 2502.16982).

import type { Tensor } from "../engine/tensor.ts";

/** The constants of Muon, with torch's names. */
export interface MuonOptions {
  /** Share of the old average in that of the gradient, 0 to below 1. */
  readonly momentum: number;
  /** λ: weights shrink by η λ in each step. */
  readonly weightDecay: number;
}

/** torch's defaults. */
export const muonDefaults: MuonOptions = { momentum: 0.95, weightDecay: 0.1 };

/** The scalars that change at each step: inputs of the program, so that a new learning rate needs no new program. */
export interface MuonScalars<T> {
  /** 1 - η λ: the factor of weight decay. */
  readonly keep: T;
  /** η. */
  readonly learningRate: T;
}

/** The scalars of one step of Muon. */
export const muonScalars = (learningRate: number, { weightDecay }: MuonOptions): MuonScalars<number> => ({
  keep: 1 - learningRate * weightDecay,
  learningRate,
});

/** A weight and its momentum, both of one shape: [out, in], or a filter [kh, kw, in, out]. */
export interface MuonState {
  /** The weight itself. */
  readonly weight: Tensor;
  /** Moving average of the gradient. */
  readonly momentumBuffer: Tensor;
}

/**
 * One step of one weight, as torch's Muon with Nesterov momentum and `adjust_lr_fn="match_rms_adamw"`, but in float32
 * where torch orthogonalizes in bfloat16. A filter is a matrix of one row or column per output channel. Steps have an
 * RMS of about 0.2 η for any shape, which is usual for AdamW, so that learning rates are of the same size for both.
 * @param scalars tensors of shape []
 */
export function muon(
  { weight, momentumBuffer }: MuonState,
  gradient: Tensor,
  { keep, learningRate }: MuonScalars<Tensor>,
  { momentum }: MuonOptions,
): MuonState {
  const { shape } = weight;
  const buffer = momentumBuffer.mul(momentum).add(gradient.mul(1 - momentum));
  const ahead = buffer
    .mul(momentum)
    .add(gradient.mul(1 - momentum))
    .reshape([-1, shape[shape.length - 1]]);
  const ratio = 0.2 * Math.sqrt(Math.max(...ahead.shape));
  const step = orthogonalize(ahead).mul(learningRate.mul(ratio)).reshape(shape);
  return { weight: weight.mul(keep).sub(step), momentumBuffer: buffer };
}

/** Coefficients of the quintic whose iteration takes singular values from (0, 1] to near 1, and its steps. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const STEPS = 5;
/** Smallest norm that matrices are divided by: a matrix of zeros stays one. */
const EPS = 1e-7;

/**
 * A matrix [m, n] with the same singular vectors and singular values of about 0.7 to 1.2, by Newton-Schulz iteration:
 * X ← P X with P = a + b G + c G² and G = X Xᵀ, or the same from the right where m > n, so that G has the smaller size.
 */
export function orthogonalize(matrix: Tensor): Tensor {
  const x = matrix.div(matrix.square().sum().sqrt().maximum(EPS));
  // Below about twice as long as wide, the products that are spared cost less than those that spare them.
  const isLong = Math.max(...x.shape) >= 2 * Math.min(...x.shape);
  return isLong ? iterateOnGram(x) : iterate(x);
}

/** The smaller of X Xᵀ and Xᵀ X. @param x [m, n] @returns [min(m, n), min(m, n)] */
const gramOf = (x: Tensor) => (x.shape[0] > x.shape[1] ? x.transpose().matmul(x) : x.matmul(x.transpose()));

/** P - a = b G + c G². */
const polynomial = (gram: Tensor) => gram.matmul(gram).mul(C).add(gram.mul(B));

/** (s + M) X, for a number s and a matrix M that multiplies X from the side where it fits. */
const multiply = (s: number, m: Tensor, x: Tensor) =>
  (x.shape[0] > x.shape[1] ? x.matmul(m) : m.matmul(x)).add(x.mul(s));

/** The iteration as it is defined: 20 m² n + 10 m³ operations for m < n. */
function iterate(x: Tensor): Tensor {
  for (let step = 0; step < STEPS; step++) x = multiply(A, polynomial(gramOf(x)), x);
  return x;
}

/**
 * The same with X touched twice, first for G and last by the product of all P, which all come from the first G: the
 * next is P G P. 4 m² n + 34 m³ operations. Float32 leaves of a singular value of s times the largest about 1e-7 / s²
 * of its size in error: small ones are far from exact, but nothing depends on their size.
 */
function iterateOnGram(x: Tensor): Tensor {
  let gram = gramOf(x);
  let p = polynomial(gram);
  // The product of all P so far is s + m.
  let s = A;
  let m = p;
  for (let step = 1; step < STEPS; step++) {
    gram = multiply(A, p, multiply(A, p, gram));
    p = polynomial(gram);
    m = multiply(A, p, m).add(p.mul(s));
    s *= A;
  }
  return multiply(s, m, x);
}
