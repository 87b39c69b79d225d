// AdamW (Loshchilov & Hutter 2019), step by step as torch computes it: decay first, then Adam.

import * as exact from "../engine/math/index.ts";
import type { Tensor } from "../engine/tensor.ts";

/** The constants of AdamW, with torch's names. */
export interface AdamWOptions {
  /** Share of the old average in that of the gradient, 0 to below 1. */
  readonly beta1: number;
  /** Share of the old average in that of its square, 0 to below 1. */
  readonly beta2: number;
  /** Added to the root of that average. */
  readonly eps: number;
  /** λ: weights shrink by η λ in each step. */
  readonly weightDecay: number;
}

/** torch's defaults. */
export const adamwDefaults: AdamWOptions = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 };

/** The scalars that change at each step: inputs of the program, so that a new learning rate needs no new program. */
export interface AdamWScalars<T> {
  /** 1 - η λ: the factor of weight decay. */
  readonly keep: T;
  /** η / (1 - β₁ᵗ). */
  readonly stepSize: T;
  /** √(1 - β₂ᵗ). */
  readonly biasCorrection2Sqrt: T;
}

/**
 * The scalars of one step of AdamW.
 * @param step 0 for the first
 */
export function adamwScalars(
  step: number,
  learningRate: number,
  { beta1, beta2, weightDecay }: AdamWOptions,
): AdamWScalars<number> {
  const t = step + 1;
  return {
    keep: 1 - learningRate * weightDecay,
    stepSize: learningRate / (1 - exact.pow(beta1, t)),
    biasCorrection2Sqrt: Math.sqrt(1 - exact.pow(beta2, t)),
  };
}

/** A weight and its two moments, all of one shape. */
export interface AdamWState {
  /** The weight itself. */
  readonly weight: Tensor;
  /** Moving average of the gradient. */
  readonly expAvg: Tensor;
  /** Moving average of the gradient's square. */
  readonly expAvgSq: Tensor;
}

/** One step of one weight; the scalars are tensors of shape []. */
export function adamw(
  { weight, expAvg, expAvgSq }: AdamWState,
  gradient: Tensor,
  { keep, stepSize, biasCorrection2Sqrt }: AdamWScalars<Tensor>,
  { beta1, beta2, eps }: AdamWOptions,
): AdamWState {
  const m = expAvg.mul(beta1).add(gradient.mul(1 - beta1));
  const v = expAvgSq.mul(beta2).add(gradient.square().mul(1 - beta2));
  const denominator = v.sqrt().div(biasCorrection2Sqrt).add(eps);
  return {
    weight: weight.mul(keep).sub(m.div(denominator).mul(stepSize)),
    expAvg: m,
    expAvgSq: v,
  };
}
