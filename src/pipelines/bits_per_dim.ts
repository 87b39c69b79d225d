// Bits per dimension of a model: the variational bound over real images, estimated with one noise
// sample per image and timestep.

import type { Codec } from "../codecs/codec.ts";
import { identity } from "../codecs/identity.ts";
import type { Backend } from "../engine/backend.ts";
import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import { philoxNormal, philoxUniform } from "../engine/random/philox.ts";
import {
  type BoundSchedule,
  boundTerm,
  type FixedVariance,
  NATS_PER_BIT,
  priorTerm,
} from "../metrics/variational_bound.ts";
import { conditionList, type Denoiser } from "../models/denoiser.ts";
import { DDPMScheduler, makeScheduler, type NoiseSource, type Scheduler } from "../schedulers/index.ts";
import { compileDenoiser } from "./denoiser_program.ts";
import { PipelineError } from "./errors.ts";
import { modelKind } from "./model_kind.ts";

/** Options for `bitsPerDim`. */
export interface BitsPerDimOptions {
  /** Where the model is computed. */
  readonly backend: Backend;
  /** [N, H, W, C], 8-bit values mapped to [-1, 1]; all are computed at once. */
  readonly images: HostTensor;
  /** The model's. Default: the identity. */
  readonly codec?: Codec;
  /**
   * Number of timesteps to evaluate; default all. With fewer: timestep 0, and one timestep from each of that many equal
   * parts of the others, which has the same expectation.
   */
  readonly timesteps?: number;
  /** Seed of the noise and of the timesteps; default 0. */
  readonly seed?: number;
  /** Index of the first image, which its noise depends on; default 0. */
  readonly firstImage?: number;
  /** Noise in place of the seed's: [N, h, w, c] once for each timestep, from 0 up. */
  readonly noise?: NoiseSource;
  /** Ends the work at the next timestep: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after every timestep with the finished share. */
  readonly onProgress?: (share: number) => void;
}

/** The result, in bits per value of an image, averaged over images. */
export interface BitsPerDim {
  /** The bound. */
  readonly total: number;
  /** The prior term: the information about the images that is left in x_T. */
  readonly prior: number;
  /** The term of each evaluated timestep, times the number of timesteps that it represents. */
  readonly terms: readonly { readonly timestep: number; readonly bits: number }[];
}

/** The noise of timestep t has site FIRST_SITE + t; sampling and training use other sites. */
const FIRST_SITE = 0x5b000000;
const TIMESTEP_SITE = 0x5bffffff;

/**
 * Checks the arguments of `bitsPerDim` without computing anything.
 * @param codec the model's
 * @throws PipelineError for a model with classes, one that does not work on pixels, one that is no diffusion over
 *   betas, or one with learned variance
 */
export function checkBitsPerDim(unet: Denoiser, own: Scheduler, codec: Codec = identity): void {
  if (!codec.keepsValues) {
    throw new PipelineError(
      `bits per dimension are those of pixels, but this model sees images through a ${codec.saved?.className}`,
    );
  }
  boundOf(unet, own);
}

/**
 * Bits per dimension of images under a model: the variational bound of Ho et al. 2020 (section 3.3), in bits, divided
 * by the number of values.
 * @throws PipelineError for models that `checkBitsPerDim` refuses
 */
export async function bitsPerDim(
  unet: Denoiser,
  own: Scheduler,
  options: BitsPerDimOptions,
): Promise<BitsPerDim> {
  const { backend, codec = identity, seed = 0, firstImage = 0, noise, signal, onProgress } = options;
  const images = await codec.encode(options.images, backend);
  const { scheduler, schedule } = boundOf(unet, own);
  const [count, height, width, channels] = images.shape;
  const shape = [count, height, width, channels] as const;
  unet.upload(backend);
  const { executable, forBatch } = await compileDenoiser(backend, unet, shape);
  const { denoise } = await forBatch(null, firstImage);
  const chosen = chooseTimesteps(scheduler.numTrainTimesteps, options.timesteps, seed);
  const silence: NoiseSource = { randn: (wanted) => hostTensor(new Float32Array(numel(wanted)), wanted) };
  const terms: { timestep: number; bits: number }[] = [];
  try {
    scheduler.setTimesteps(scheduler.numTrainTimesteps);
    for (const [done, { timestep, weight }] of chosen.entries()) {
      signal?.throwIfAborted();
      const drawn = noise?.randn(shape) ?? noiseAt(timestep, images, seed, firstImage);
      const sample = scheduler.addNoise(images, drawn, new Array(count).fill(timestep));
      const output = await denoise(sample, timestep);
      const { predOriginalSample } = scheduler.step(output, timestep, sample, { noise: silence });
      const nats = boundTerm(schedule, timestep, images.data, sample.data, predOriginalSample.data);
      terms.push({ timestep, bits: (weight * nats) / NATS_PER_BIT });
      onProgress?.((done + 1) / chosen.length);
    }
  } finally {
    executable.dispose();
  }
  const prior = priorTerm(schedule, images.data) / NATS_PER_BIT;
  const total = terms.reduce((sum, { bits }) => sum + bits, prior);
  return { total, prior, terms };
}

function boundOf(unet: Denoiser, own: Scheduler): { scheduler: DDPMScheduler; schedule: BoundSchedule } {
  if (conditionList(unet.conditionsFor(1)).length > 0) {
    throw new PipelineError("bits per dimension are those of a model without classes; this one has them");
  }
  const scheduler = asDdpm(own);
  return { scheduler, schedule: boundSchedule(scheduler) };
}

function asDdpm(own: Scheduler): DDPMScheduler {
  if (modelKind(own) === "over betas") {
    const scheduler = makeScheduler("ddpm", own);
    if (scheduler instanceof DDPMScheduler) return scheduler;
  }
  throw new PipelineError("bits per dimension are defined for diffusion over betas, which this model is not");
}

function boundSchedule({ alphasCumprod, betas, config }: DDPMScheduler): BoundSchedule {
  const variances: Readonly<Partial<Record<typeof config.varianceType, FixedVariance>>> = {
    fixed_small: "fixed_small",
    fixed_small_log: "fixed_small",
    fixed_large: "fixed_large",
    fixed_large_log: "fixed_large",
  };
  const variance = variances[config.varianceType];
  if (variance !== undefined) return { alphasCumprod, betas, variance };
  throw new PipelineError(
    `the model's variance is ${config.varianceType}; bits per dimension are computed for fixed variances`,
  );
}

/** Timestep 0, and one from each part of the others; the weight is the size of its part. */
function chooseTimesteps(
  total: number,
  wanted = total,
  seed: number,
): { timestep: number; weight: number }[] {
  if (!Number.isInteger(wanted) || wanted < 2 || wanted > total) {
    throw new PipelineError(`timesteps is ${wanted}, expected a whole number from 2 to ${total}`);
  }
  const parts = wanted - 1;
  const places = new Float64Array(parts);
  philoxUniform(places, { seed, step: 0, site: TIMESTEP_SITE });
  const others = Array.from(places, (place, k) => {
    const begin = 1 + Math.floor((k * (total - 1)) / parts);
    const end = 1 + Math.floor(((k + 1) * (total - 1)) / parts);
    return { timestep: begin + Math.floor(place * (end - begin)), weight: end - begin };
  });
  return [{ timestep: 0, weight: 1 }, ...others];
}

/** Noise that depends on image and timestep, not on the batch. */
function noiseAt(timestep: number, { shape }: HostTensor, seed: number, firstImage: number): HostTensor {
  const [count, ...rest] = shape;
  const size = numel(rest);
  const out = new Float32Array(count * size);
  for (let i = 0; i < count; i++) {
    philoxNormal(out.subarray(i * size, (i + 1) * size), {
      seed,
      step: firstImage + i,
      site: FIRST_SITE + timestep,
    });
  }
  return hostTensor(out, shape);
}
