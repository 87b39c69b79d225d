// The noise that samplers add, with torch's random numbers.

import { type HostTensor, hostTensor } from "../../engine/host_tensor.ts";
import type { TorchGenerator } from "../../engine/random/torch_generator.ts";
import { numel } from "../../engine/shape.ts";
import type { NoiseSource } from "../scheduler.ts";

/**
 * torch's noise: each draw is torch.randn of the channels-first shape, returned channels last. With the same seed a
 * sampler gets exactly the noise that it gets in diffusers.
 */
export function torchNoise(generator: TorchGenerator): NoiseSource {
  return {
    randn: (shape) => channelsLast(generator.randn(numel(shape)), shape),
  };
}

/** Values drawn in the order [N, C, ...] as a tensor of `shape`, [N, ..., C]. */
function channelsLast(drawn: Float32Array, shape: readonly number[]): HostTensor {
  if (shape.length < 3) return hostTensor(drawn, shape);
  const channels = shape[shape.length - 1];
  const pixels = numel(shape.slice(1, -1));
  const out = new Float32Array(drawn.length);
  for (let i = 0; i < drawn.length; i++) {
    const pixel = i % pixels;
    const channel = Math.floor(i / pixels) % channels;
    const batch = Math.floor(i / (pixels * channels));
    out[(batch * pixels + pixel) * channels + channel] = drawn[i];
  }
  return hostTensor(out, shape);
}
