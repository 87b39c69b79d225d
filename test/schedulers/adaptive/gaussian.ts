// The exact model for Gaussian data, x_0   N(mean, deviation²): the prediction of a perfectly trained network.

import { type HostTensor, hostTensor } from "../../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../../src/engine/random/torch_generator.ts";
import { imageNoise } from "../../../src/pipelines/image_noise.ts";
import {
  type BatchDenoiser,
  DDPMScheduler,
  type DDPMSchedulerConfig,
  Diffusion,
  type DriveResult,
  drive,
  type ImageStep,
  type PredictionType,
  type Sampler,
} from "../../../src/schedulers/index.ts";

export interface Target {
  readonly mean: number;
  readonly deviation: number;
}

/** Values of each image: enough that an image's own mean and variance are known to a few percent. */
export const VALUES = 1024;

/** E[x_0 | x_t] in closed form, as the prediction that the scheduler's config names. */
export function gaussianModel(scheduler: DDPMScheduler, { mean, deviation }: Target): BatchDenoiser {
  const { alphasCumprod, config } = scheduler;
  const last = alphasCumprod.length - 1;
  const angleAt = (t: number) => Math.atan2(Math.sqrt(1 - alphasCumprod[t]), Math.sqrt(alphasCumprod[t]));
  return async (sample: HostTensor, timesteps: Float32Array) => {
    const size = sample.data.length / timesteps.length;
    const out = new Float32Array(sample.data.length);
    for (const [image, t] of timesteps.entries()) {
      const below = Math.min(Math.floor(t), last - 1);
      const angle = angleAt(below) + (t - below) * (angleAt(below + 1) - angleAt(below));
      const [alpha, sigma] = [Math.cos(angle), Math.sin(angle)];
      const gain = (alpha * deviation ** 2) / ((alpha * deviation) ** 2 + sigma ** 2);
      for (let i = image * size; i < (image + 1) * size; i++) {
        const x = sample.data[i];
        out[i] = predicted(config.predictionType, mean + gain * (x - alpha * mean), x, alpha, sigma);
      }
    }
    return hostTensor(out, sample.shape);
  };
}

function predicted(type: PredictionType, x0: number, x: number, alpha: number, sigma: number): number {
  const epsilon = (x - alpha * x0) / sigma;
  if (type === "sample") return x0;
  return type === "epsilon" ? epsilon : alpha * epsilon - sigma * x0;
}

export interface Drawn extends DriveResult {
  /** Over all values of all images. */
  readonly mean: number;
  readonly variance: number;
  readonly steps: readonly ImageStep[];
}

/** A zero-terminal-SNR model that predicts v, as the quick preset's. */
export const zeroSnr: Partial<DDPMSchedulerConfig> = {
  betaSchedule: "squaredcos_cap_v2",
  predictionType: "v_prediction",
  rescaleBetasZeroSnr: true,
  timestepSpacing: "trailing",
  clipSample: false,
};

/** Draws `count` images of a Gaussian target, image k with the noise of (seed, firstImage + k). */
export async function drawGaussian(
  sampler: Sampler,
  target: Target,
  options: { config?: Partial<DDPMSchedulerConfig>; count?: number; seed?: number; firstImage?: number } = {},
): Promise<Drawn> {
  const { config = zeroSnr, count = 8, seed = 0, firstImage = 0 } = options;
  const scheduler = new DDPMScheduler(config);
  const steps: ImageStep[] = [];
  const result = await drive({
    denoise: gaussianModel(scheduler, target),
    diffusion: new Diffusion(scheduler),
    sampler,
    shape: [count, 16, 16, VALUES / 256],
    noise: Array.from({ length: count }, (_, k) => imageNoise(seed, firstImage + k)),
    onStep: (step) => steps.push(step),
  });
  return { ...result, ...moments(result.sample.data), steps };
}

export function moments(values: Float32Array): { mean: number; variance: number } {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, variance: squares / values.length };
}

/** Standard normal values. */
export const normals = (seed: number, count: number) => new TorchGenerator(seed).randn(count);
