// The reverse process: from noise to images, one scheduler step at a time.

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

export interface SampleLoopOptions {
  readonly denoise: Predict;
  /** With its timesteps set. */
  readonly scheduler: Scheduler;
  /** [N, H, W, C]. */
  readonly shape: readonly number[];
  readonly noise: NoiseSource;
  /** Share of random noise, for samplers that have the option, 0 .. 1. Default: the sampler's. */
  readonly eta?: number;
  readonly onStep?: (step: SamplingStep) => void;
}

/** Samples from noise to x_0, [N, H, W, C]; a good model's values lie in [-1, 1]. */
export async function sampleLoop(options: SampleLoopOptions): Promise<HostTensor> {
  const { denoise, scheduler, shape, noise, eta, onStep } = options;
  const start = noise.randn(shape);
  const sigma = scheduler.initNoiseSigma;
  let sample =
    sigma === 1
      ? start
      : hostTensor(
          start.data.map((x) => x * sigma),
          shape,
        );
  const { timesteps } = scheduler;
  const stepOptions = { noise, ...(eta !== undefined && { eta }) };
  for (const [i, timestep] of timesteps.entries()) {
    const output = await denoise(scheduler.scaleModelInput(sample, timestep), timestep);
    const { prevSample, predOriginalSample } = scheduler.step(output, timestep, sample, stepOptions);
    sample = prevSample;
    onStep?.({ step: i + 1, steps: timesteps.length, timestep, sample, predOriginalSample });
  }
  return sample;
}

/** [-1, 1] to [0, 1], clipped: the "numpy" output of diffusers' pipelines. @param out at least as long as `values` */
export function unitRange(values: Float32Array, out: Float32Array): void {
  for (let i = 0; i < values.length; i++) out[i] = Math.min(1, Math.max(0, values[i] / 2 + 0.5));
}
