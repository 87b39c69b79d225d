// Drives many images through one model: each has its own steps, and the model inputs that they need next form one
// batch. Finished images wait for the others.

import { type HostTensor, hostTensor } from "../../engine/host_tensor.ts";
import { numel, sameShape, showShape } from "../../engine/shape.ts";
import type { NoiseSource } from "../scheduler.ts";
import type { Diffusion } from "./diffusion.ts";
import type { Sampler, SolverStep } from "./sampler.ts";

/** The model with one timestep (fractional) per image: x [N, H, W, C] and N timesteps to its output, [N, H, W, C]. */
export type BatchDenoiser = (sample: HostTensor, timesteps: Float32Array) => Promise<HostTensor>;

/** A step of one of the images; both tensors are [1, H, W, C]. */
export interface ImageStep extends Omit<SolverStep, "sample" | "predOriginalSample"> {
  /** Index in the batch. */
  readonly image: number;
  /** Number of this step of the image, from 1. */
  readonly step: number;
  /** Evaluations of the model for this image so far. */
  readonly modelCalls: number;
  /** The image after the step. */
  readonly sample: HostTensor;
  /** The x_0 that the step took for the image. */
  readonly predOriginalSample: HostTensor;
}

/** What an adaptive sampler needs: the model, the noise levels, the sampler, and the noise of each image. */
export interface DriveOptions {
  /** The model. */
  readonly denoise: BatchDenoiser;
  /** The noise levels. */
  readonly diffusion: Diffusion;
  /** How each image walks. */
  readonly sampler: Sampler;
  /** [N, H, W, C]. */
  readonly shape: readonly [number, ...number[]];
  /** One source per image, which draws [1, H, W, C]. */
  readonly noise: readonly NoiseSource[];
  /** Called after each accepted step of each image. */
  readonly onStep?: (step: ImageStep) => void;
}

/** The result: x_0, [N, H, W, C], and the number of model evaluations for each image. */
export interface DriveResult {
  /** The images, [N, H, W, C]. */
  readonly sample: HostTensor;
  /** Model evaluations of each image, N numbers. */
  readonly modelCalls: readonly number[];
}

/** Samples a batch. An image depends on its own noise source only, never on the other images of the batch. */
export async function drive(options: DriveOptions): Promise<DriveResult> {
  const { denoise, diffusion, sampler, shape, noise, onStep } = options;
  const [count, ...rest] = shape;
  if (noise.length !== count) {
    throw new RangeError(`got ${noise.length} sources of noise for ${count} images; give one for each`);
  }
  const one = [1, ...rest];
  const size = numel(rest);
  const modelCalls = new Array<number>(count).fill(0);
  const images = noise.map((source, image) => {
    let step = 0;
    return sampler.draw(diffusion, {
      randn: () => source.randn(one).data,
      report: ({ sample, predOriginalSample, ...about }) =>
        onStep?.({
          ...about,
          image,
          step: ++step,
          modelCalls: modelCalls[image],
          sample: hostTensor(sample, one),
          predOriginalSample: hostTensor(predOriginalSample, one),
        }),
    });
  });

  const result = new Float32Array(count * size);
  const inputs = new Float32Array(count * size);
  const timesteps = new Float32Array(count);
  let turns = images.map((image) => image.next());
  for (;;) {
    const waiting = turns.map((turn, image) => {
      if (turn.done === true) {
        result.set(turn.value, image * size);
        return false;
      }
      inputs.set(turn.value.sample, image * size);
      timesteps[image] = turn.value.timestep;
      modelCalls[image]++;
      return true;
    });
    if (!waiting.includes(true)) return { sample: hostTensor(result, shape), modelCalls };
    const output = await denoise(hostTensor(inputs, shape), timesteps);
    if (!sameShape(output.shape, shape)) {
      throw new RangeError(
        `the model's output has shape ${showShape(output.shape)}, expected ${showShape(shape)}: ${sampler.name} takes no learned variance`,
      );
    }
    turns = images.map((image, k) =>
      waiting[k] ? image.next(output.data.slice(k * size, (k + 1) * size)) : turns[k],
    );
  }
}
