// learned_variance.ts: the output of models that learn the variance, [N, ..., 2C]: mean first, variance behind.

import type { HostTensor } from "../engine/host_tensor.ts";
import type { JsonValue } from "../io/diffusers_json.ts";

/** Variance types of DDPM whose variance is not the model's: solvers have no use for them. */
export const fixedVariances: readonly JsonValue[] = [
  "fixed_small",
  "fixed_small_log",
  "fixed_large",
  "fixed_large_log",
];

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
