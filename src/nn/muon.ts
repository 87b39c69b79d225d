// Muon (Jordan 2024, https://kellerjordan.github.io/posts/muon/): the step of a weight matrix is its momentum, made
// nearly orthogonal. The size of a step is that of Liu et al. 2025 (arXiv 2502.16982).

import type { Tensor } from "../engine/tensor.ts";

/** The constants of Muon, with torch's names. */
export interface MuonOptions {
  readonly momentum: number;
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
 * X ← a X + (b G + c G²) X with G = X Xᵀ, or the same from the right where m > n, so that G has the smaller size.
 */
export function orthogonalize(matrix: Tensor): Tensor {
  const [m, n] = matrix.shape;
  let x = matrix.div(matrix.square().sum().sqrt().maximum(EPS));
  for (let step = 0; step < STEPS; step++) {
    const gram = m > n ? x.transpose().matmul(x) : x.matmul(x.transpose());
    const polynomial = gram.matmul(gram).mul(C).add(gram.mul(B));
    x = (m > n ? x.matmul(polynomial) : polynomial.matmul(x)).add(x.mul(A));
  }
  return x;
}
