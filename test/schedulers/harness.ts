// The deterministic samples, "model" and sampling loops behind the golden sums.

import { type HostTensor, hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { torchNoise } from "../../src/schedulers/math/noise.ts";
import type { NoiseSource, Scheduler, StepOptions } from "../../src/schedulers/scheduler.ts";

const [N, H, W, C] = [4, 8, 8, 3];
const SIZE = N * H * W * C;

/** Value k of arange(768).reshape(3, 8, 8, 4) at [c, h, w, n], laid out [n, h, w, c]. */
function permuted(value: (k: number) => number): HostTensor {
  const data = new Float32Array(SIZE);
  for (let k = 0; k < SIZE; k++) {
    const n = k % N;
    const w = Math.floor(k / N) % W;
    const h = Math.floor(k / (N * W)) % H;
    const c = Math.floor(k / (N * W * H));
    data[((n * H + h) * W + w) * C + c] = value(k);
  }
  return hostTensor(data, [N, H, W, C]);
}

export const dummySampleDeter = () => permuted((k) => k / SIZE);
export const dummyNoiseDeter = () => permuted((k) => (SIZE - 1 - k) / SIZE);

/** sample * t / (t + 1), in float32. */
export function dummyModel({ data, shape }: HostTensor, t: number): HostTensor {
  return hostTensor(
    data.map((x) => Math.fround(x * t) / (t + 1)),
    shape,
  );
}

/** The score of N(0, 1) with noise of deviation sigma on it. */
export function normalScore({ data, shape }: HostTensor, sigma: number): HostTensor {
  return hostTensor(
    data.map((x) => -x / (1 + sigma * sigma)),
    shape,
  );
}

/** The first of a batch of images. */
export function firstImage({ data, shape: [n, ...image] }: HostTensor): HostTensor {
  return hostTensor(data.slice(0, data.length / n), [1, ...image]);
}

/**
 * Runs a scheduler over `timesteps` with the dummy model. Most of upstream's tests let steps start from the scaled
 * sample; with `unscaled` they start from the sample itself.
 */
export function fullLoop(
  scheduler: Scheduler,
  timesteps: readonly number[],
  start: HostTensor,
  options: StepOptions,
  unscaled = false,
): HostTensor {
  let sample = start;
  for (const t of timesteps) {
    const input = scheduler.scaleModelInput(sample, t);
    sample = scheduler.step(dummyModel(input, t), t, unscaled ? sample : input, options).prevSample;
  }
  return sample;
}

/** The same without scaling anything, as upstream tests schedulers whose samples are the model's. */
export function plainLoop(
  scheduler: Scheduler,
  timesteps: readonly number[],
  start: HostTensor,
  options: StepOptions,
): HostTensor {
  let sample = start;
  for (const t of timesteps) sample = scheduler.step(dummyModel(sample, t), t, sample, options).prevSample;
  return sample;
}

/** Python's noise of seed 0, and how often it was drawn from. */
export function countedNoise(): NoiseSource & { readonly draws: number } {
  const torch = torchNoise(new TorchGenerator(0));
  let draws = 0;
  return {
    randn(shape) {
      draws++;
      return torch.randn(shape);
    },
    get draws() {
      return draws;
    },
  };
}

export function absSum({ data }: HostTensor): number {
  let sum = 0;
  for (const value of data) sum += Math.abs(value);
  return sum;
}

/** The largest difference between two tensors of one size, relative to `1 + |b|`. */
export function maxDifference({ data: a }: HostTensor, { data: b }: HostTensor): number {
  if (a.length !== b.length) throw new RangeError(`${a.length} values against ${b.length}`);
  let worst = 0;
  for (const [i, value] of a.entries()) {
    const difference = Math.abs(value - b[i]) / (1 + Math.abs(b[i]));
    if (!(difference <= worst)) worst = difference; // NaN counts as worst
  }
  return worst;
}
