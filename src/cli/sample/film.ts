// A film strip of one image's denoising: above the noisy sample, below the image that the model sees in it.

import { type HostTensor, hostTensor, numel } from "../../engine/host_tensor.ts";
import { imageGrid, type RgbImage, toUint8 } from "../../io/image/index.ts";
import { checkChannels } from "../../pipelines/images.ts";
import type { SamplingStep } from "../../pipelines/sampling.ts";

/** Frames of a strip, as far as there are steps. */
const FRAMES = 10;

/** A step of a scheduler, or of a sampler that chooses its own. */
export interface FilmStep extends Pick<SamplingStep, "sample" | "predOriginalSample"> {
  /** How much is done with it, up to 1. */
  readonly share: number;
}

/** Makes images, [N, H, W, C] in [-1, 1], of what the model sees. */
type Decode = (latents: HostTensor) => Promise<HostTensor>;

export class Film {
  readonly #decode: Decode;
  readonly #noisy: HostTensor[] = [];
  readonly #predicted: HostTensor[] = [];

  /** @param decode where the model does not see pixels */
  constructor(decode: Decode = async (images) => images) {
    this.#decode = decode;
  }

  /** Takes the first image of a batch, if this step is shown: the first, the last, and one for each part between. */
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

/** A copy: what holds all images of a batch is freed, or written over. */
function firstOf({ data, shape: [, ...image] }: HostTensor): HostTensor {
  return hostTensor(data.slice(0, numel(image)), [1, ...image]);
}
