// A film strip of one image's denoising: above the noisy sample, below the x_0 that the model predicts from it.

import { type HostTensor, hostTensor, numel } from "../../engine/host_tensor.ts";
import { imageGrid, type RgbImage, toUint8 } from "../../io/image/index.ts";
import { checkChannels } from "../../pipelines/images.ts";
import type { SamplingStep } from "../../pipelines/sampling.ts";

/** Largest number of frames in a strip. */
const FRAMES = 10;

/** A step of a scheduler, or of a sampler that chooses its own. */
export interface FilmStep extends Pick<SamplingStep, "sample" | "predOriginalSample"> {
  /** Progress after the step, up to 1. */
  readonly share: number;
}

/** Converts from the model's space to images, [N, H, W, C] in [-1, 1]. */
type Decode = (latents: HostTensor) => Promise<HostTensor>;

export class Film {
  readonly #decode: Decode;
  readonly #noisy: HostTensor[] = [];
  readonly #predicted: HostTensor[] = [];

  /** @param decode for a model that does not work on pixels */
  constructor(decode: Decode = async (images) => images) {
    this.#decode = decode;
  }

  /**
   * Adds the first image of a batch if this step has a frame: the first, the last, and one for each part in between.
   */
  add({ share, sample, predOriginalSample }: FilmStep): void {
    if (share < this.#noisy.length / (FRAMES - 1)) return;
    this.#noisy.push(firstOf(sample));
    this.#predicted.push(firstOf(predOriginalSample));
  }

  /** Two rows of frames. */
  async strip(): Promise<RgbImage> {
    const images: RgbImage[] = [];
    for (const frame of [...this.#noisy, ...this.#predicted]) {
      const { data, shape } = await this.#decode(frame);
      const [count, height, width, channels] = shape;
      images.push(...toUint8(data, [count, height, width, checkChannels(channels)]));
    }
    return imageGrid(images, { columns: this.#noisy.length });
  }
}

/** A copy, because the batch's memory is freed or overwritten. */
function firstOf({ data, shape: [, ...image] }: HostTensor): HostTensor {
  return hostTensor(data.slice(0, numel(image)), [1, ...image]);
}
