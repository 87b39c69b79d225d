// A film of one image's denoising: the noisy sample, and the x_0 that the model predicts from it.

import { type HostTensor, hostTensor, numel } from "../../engine/host_tensor.ts";
import { imageGrid, type Pixels, toUint8 } from "../../io/image/index.ts";
import { checkChannels } from "../../pipelines/images.ts";
import type { SamplingStep } from "../../pipelines/sampling.ts";

/** A step of a scheduler, or of a sampler that chooses its own. */
export interface FilmStep extends Pick<SamplingStep, "sample" | "predOriginalSample"> {
  /** Progress after the step, up to 1. */
  readonly share: number;
}

/** Converts from the model's space to images, [N, H, W, C] in [-1, 1]. */
type Decode = (latents: HostTensor) => Promise<HostTensor>;

/** How long a frame of the animation is shown, and the last one (milliseconds). */
const DELAY = 100;
const LAST_DELAY = 2500;

export class Film {
  readonly #most: number;
  readonly #decode: Decode;
  readonly #noisy: HostTensor[] = [];
  readonly #predicted: HostTensor[] = [];

  /**
   * @param most largest number of frames, at least 2
   * @param decode for a model that does not work on pixels
   */
  constructor(most: number, decode: Decode = async (images) => images) {
    this.#most = most;
    this.#decode = decode;
  }

  /**
   * Adds the first image of a batch if this step has a frame: the first, the last, and one for each part in between.
   */
  add({ share, sample, predOriginalSample }: FilmStep): void {
    if (share < this.#noisy.length / (this.#most - 1)) return;
    this.#noisy.push(firstOf(sample));
    this.#predicted.push(firstOf(predOriginalSample));
  }

  /** One picture: the noisy samples side by side, and below each the predicted x_0. */
  async strip(): Promise<Pixels> {
    const noisy = await this.#images(this.#noisy);
    return imageGrid([...noisy, ...(await this.#images(this.#predicted))], { columns: noisy.length });
  }

  /** One picture after the other: on the left the noisy sample, on the right the predicted x_0. The last one stays. */
  async animation(): Promise<{ readonly frames: readonly Pixels[]; readonly delay: readonly number[] }> {
    const [noisy, predicted] = [await this.#images(this.#noisy), await this.#images(this.#predicted)];
    return {
      frames: noisy.map((image, i) => imageGrid([image, predicted[i]], { columns: 2 })),
      delay: noisy.map((_, i) => (i === noisy.length - 1 ? LAST_DELAY : DELAY)),
    };
  }

  async #images(tensors: readonly HostTensor[]): Promise<Pixels[]> {
    const images: Pixels[] = [];
    for (const tensor of tensors) {
      const { data, shape } = await this.#decode(tensor);
      const [count, height, width, channels] = shape;
      images.push(...toUint8(data, [count, height, width, checkChannels(channels)]));
    }
    return images;
  }
}

/** A copy, because the batch's memory is freed or overwritten. */
function firstOf({ data, shape: [, ...image] }: HostTensor): HostTensor {
  return hostTensor(data.slice(0, numel(image)), [1, ...image]);
}
