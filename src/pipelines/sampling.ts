// The reverse process: from noise, or from where a call starts, to images, one scheduler step at a time.

import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import type { NoiseSource, Scheduler } from "../schedulers/index.ts";

/** The model at one noise level: x_t [N, H, W, C] and the timestep to its output, [N, H, W, C]. */
export type Predict = (sample: HostTensor, timestep: number) => Promise<HostTensor>;

/** A completed step of sampling. */
export interface SamplingStep {
  /** From 1. */
  readonly step: number;
  /** Of the whole drawing. */
  readonly steps: number;
  /** The timestep that the step started from. */
  readonly timestep: number;
  /** x_{t-1}, the result of the step. */
  readonly sample: HostTensor;
  /** The x_0 predicted in this step. */
  readonly predOriginalSample: HostTensor;
}

/** Where a drawing starts that does not start at noise alone, and what it keeps of that. */
export interface Origin {
  /** x at the first timestep, [N, H, W, C]. */
  readonly start: HostTensor;
  /** What the model sees: its input of a step, [N, H, W, C], with further channels. Default: the input alone. */
  readonly seen?: (input: HostTensor) => HostTensor;
  /** What is kept of a step's result, which is x at the timestep `next`, or x_0 for undefined. Default: all. */
  readonly kept?: (sample: HostTensor, next: number | undefined) => HostTensor;
}

export interface SampleLoopOptions {
  readonly denoise: Predict;
  /** With its timesteps set. */
  readonly scheduler: Scheduler;
  /** Those of the scheduler's timesteps that are walked. Default: all. */
  readonly timesteps?: readonly number[];
  /** Default: noise. */
  readonly origin?: Origin;
  /** [N, H, W, C]. */
  readonly shape: readonly number[];
  readonly noise: NoiseSource;
  /** Share of random noise, for samplers that have the option, 0 .. 1. Default: the sampler's. */
  readonly eta?: number;
  readonly onStep?: (step: SamplingStep) => void;
}

/** Samples to x_0, [N, H, W, C]; a good model's values lie in [-1, 1]. */
export async function sampleLoop(options: SampleLoopOptions): Promise<HostTensor> {
  const { denoise, scheduler, shape, noise, eta, onStep, timesteps = scheduler.timesteps } = options;
  const { start, seen, kept }: Origin = options.origin ?? {
    start: pureNoise(scheduler, noise.randn(shape)),
  };
  const stepOptions = { noise, ...(eta !== undefined && { eta }) };
  let sample = start;
  for (const [i, timestep] of timesteps.entries()) {
    const input = scheduler.scaleModelInput(sample, timestep);
    const output = await denoise(seen?.(input) ?? input, timestep);
    const { prevSample, predOriginalSample } = scheduler.step(output, timestep, sample, stepOptions);
    sample = kept?.(prevSample, timesteps[i + 1]) ?? prevSample;
    onStep?.({ step: i + 1, steps: timesteps.length, timestep, sample, predOriginalSample });
  }
  return sample;
}

/** Standard normal noise as a scheduler's x at its first timestep. */
export function pureNoise({ initNoiseSigma: sigma }: Scheduler, noise: HostTensor): HostTensor {
  if (sigma === 1) return noise;
  return hostTensor(
    noise.data.map((x) => x * sigma),
    noise.shape,
  );
}

/** [-1, 1] to [0, 1], clipped: the "numpy" output of diffusers' pipelines. @param out at least as long as `values` */
export function unitRange(values: Float32Array, out: Float32Array): void {
  for (let i = 0; i < values.length; i++) out[i] = Math.min(1, Math.max(0, values[i] / 2 + 0.5));
}
