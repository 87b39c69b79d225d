// What twenty training steps owe to Python's numbers, on every backend, in Node and in a page.

import { expect } from "vitest";
import type { TrainingRecord, TwentySteps, WeightError } from "./golden_training.ts";

/**
 * Weights whose gradient is zero by mathematics: a key's bias, which softmax does not see, and in the top level, whose
 * norms have groups of one channel, what is added to all of a channel just before such a norm. AdamW divides the
 * gradient by its own size, so there Python's weights follow its rounding noise, and no one else's.
 */
const VANISHING = [
  /\.to_k\.bias$/,
  /^(down_blocks\.0|up_blocks\.1)\.resnets\.\d\.(conv1\.bias|time_emb_proj\.(weight|bias))$/,
  /^up_blocks\.1\.resnets\.1\.(conv2|conv_shortcut)\.bias$/,
];

export function expectTwentySteps(
  { steps, weights, average }: TwentySteps,
  { steps: golden, adamw }: TrainingRecord,
): void {
  expect(steps).toHaveLength(golden.length);
  for (const [i, expected] of golden.entries()) {
    const { loss, gradNorm, learningRate, emaDecay } = steps[i];
    expect(learningRate).toBeCloseTo(expected.lr, 12);
    expect(emaDecay).toBeCloseTo(expected.ema_decay, 12);
    expect(Math.abs(loss / expected.loss - 1), `loss of step ${i}`).toBeLessThan(1e-3);
    expect(Math.abs(gradNorm / expected.grad_norm - 1), `norm of step ${i}`).toBeLessThan(1e-3);
  }
  for (const errors of [weights, average]) expectWeights(errors, adamw.lr);
}

function expectWeights(errors: readonly WeightError[], learningRate: number): void {
  for (const { name, relative, largest } of errors) {
    if (VANISHING.some((pattern) => pattern.test(name))) {
      // Each of the 20 steps moves a weight by at most about its learning rate.
      expect(largest, name).toBeLessThan(2 * 20 * learningRate);
    } else {
      expect(relative, name).toBeLessThan(1e-3);
    }
  }
}
