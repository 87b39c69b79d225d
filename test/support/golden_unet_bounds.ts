// What the ten golden UNets owe to Python's numbers, on every backend, in Node and in a page.

import { expect } from "vitest";
import type { UNetErrors } from "./golden_unet.ts";

/**
 * How much more than its tolerance a backend may be away. The angles of the Fourier embedding reach hundreds of
 * radians, and Python rounded them to float32 (3e-5 at 500) before the sine.
 */
const slack: Readonly<Record<string, number>> = {
  plain: 1,
  course_shape: 1,
  ddpm_cifar_style: 1,
  class_conditional: 1,
  learned_time_timestep_class: 1,
  scale_shift: 1,
  resnet_resample_learned_variance: 1,
  non_square_no_mid_attention: 1,
  odd_channels_three_levels: 1,
  fourier_time: 5,
};

/** Names of the fixtures. */
export const GOLDEN_UNETS = Object.keys(slack);

/**
 * Some gradients are zero by mathematics: of what a norm of one-channel groups subtracts again, of a key's bias that
 * softmax does not see. There Python left rounding noise, below this share of the whole gradient's norm; all
 * gradients that are not zero are above ten times this share.
 */
const VANISHING = 1e-6;

/** @param tolerance of the backend */
export function expectGoldenUNet(name: string, errors: UNetErrors, tolerance: number): void {
  const bound = tolerance * slack[name];
  const { output, loss, gradSample, parameters, golden } = errors;
  expect(parameters.map((parameter) => parameter.name).toSorted()).toEqual(golden.toSorted());
  expect(output, "output").toBeLessThan(bound);
  expect(loss, "loss").toBeLessThan(bound);
  expect(gradSample, "grad_sample").toBeLessThan(bound);
  for (const { name: key, error, share, ownShare } of parameters) {
    if (share < VANISHING) {
      expect(ownShare, key).toBeLessThan(VANISHING);
    } else {
      expect(share, key).toBeGreaterThan(10 * VANISHING);
      expect(error, key).toBeLessThan(bound);
    }
  }
}
