// A film strip of one image's denoising: above the noisy sample, below the image that the model sees in it.

import { type HostTensor, hostTensor, numel } from "../../engine/host_tensor.ts";
import { imageGrid, type RgbImage } from "../../io/image/index.ts";
import { toImages } from "../../pipelines/images.ts";
import { type SamplingStep, toUnitRange } from "../../pipelines/sampling.ts";

/** Frames of a strip, as far as there are steps. */
const FRAMES = 10;

/** A step of a scheduler, or of a sampler that chooses its own. */
export interface FilmStep extends Pick<SamplingStep, "sample" | "predOriginalSample"> {
  /** How much is done with it, up to 1. */
  readonly share: number;
}

export class Film {
  readonly #noisy: RgbImage[] = [];
  readonly #predicted: RgbImage[] = [];

  /** Takes the first image of a batch, if this step is shown: the first, the last, and one for each part between. */
  add({ share, sample, predOriginalSample }: FilmStep): void {
    if (share < this.#noisy.length / (FRAMES - 1)) return;
    this.#noisy.push(firstImage(sample));
    this.#predicted.push(firstImage(predOriginalSample));
  }

  /** Two rows of frames. */
  strip(): RgbImage {
    return imageGrid([...this.#noisy, ...this.#predicted], { columns: this.#noisy.length });
  }
}

function firstImage({ data, shape }: HostTensor): RgbImage {
  const [, ...rest] = shape;
  const one = hostTensor(data.subarray(0, numel(rest)), [1, ...rest]);
  return toImages(toUnitRange(one))[0];
}
