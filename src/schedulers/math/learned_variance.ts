// The output of models that learn the variance, [N, ..., 2C]: C channels of the mean, then C of the variance.

import type { HostTensor } from "../../engine/host_tensor.ts";

/** DDPM's fixed variance types; samplers that know only learned variances ignore them. */
export const fixedVariances = {
  varianceType: ["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log"],
} as const;

/**
 * One half of the channels, [N, ..., C].
 * @param output [N, ..., 2C]
 * @param half 0: the mean; 1: the variance
 */
export function halfOfChannels({ data, shape }: HostTensor, half: 0 | 1): Float32Array {
  const channels = (shape.at(-1) ?? 2) / 2;
  return Float32Array.from(
    { length: data.length / 2 },
    (_, i) => data[2 * i - (i % channels) + half * channels],
  );
}
