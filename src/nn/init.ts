// Initial values of parameters: torch's default recipes, drawn from a torch-compatible generator in torch's own order.

import type { TorchGenerator } from "../engine/random/torch_generator.ts";

/** Draws `count` values in the order of torch's layout. */
export type Initializer = (generator: TorchGenerator, count: number) => Float32Array;

/** Uniform in ±1/√fanIn: torch's default for the weights and biases of convolutions and linear layers. */
export function uniformFanIn(fanIn: number): Initializer {
  const bound = 1 / Math.sqrt(fanIn);
  const low = Math.fround(-bound);
  const range = Math.fround(Math.fround(bound) - low);
  return (generator, count) => {
    const values = generator.rand(count);
    for (let i = 0; i < count; i++) values[i] = Math.fround(values[i] * range) + low;
    return values;
  };
}

/** Normal with mean 0: torch's default for embeddings (standard deviation 1). */
export function normal(standardDeviation = 1): Initializer {
  return (generator, count) => {
    const values = generator.randn(count);
    if (standardDeviation !== 1) for (let i = 0; i < count; i++) values[i] *= standardDeviation;
    return values;
  };
}

/** One value everywhere; draws nothing. */
export function constantInit(value: number): Initializer {
  return (_, count) => new Float32Array(count).fill(value);
}
