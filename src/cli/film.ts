// A film strip of one image's denoising: above the noisy sample, below the image that the model sees in it.

import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import { imageGrid, type RgbImage } from "../io/image/index.ts";
import { toImages } from "../pipelines/images.ts";
import { type SamplingStep, toUnitRange } from "../pipelines/sampling.ts";

/** Frames of a strip. */
const FRAMES = 10;

export class Film {
  /** The steps that are shown: evenly spread, the first and the last among them. */
  readonly #shown: ReadonlySet<number>;
  readonly #noisy: RgbImage[] = [];
  readonly #predicted: RgbImage[] = [];

  /** @param steps of the whole sampling */
  constructor(steps: number) {
    const frames = Math.min(FRAMES, steps);
    const spread = (i: number) => (frames === 1 ? steps : 1 + Math.round((i * (steps - 1)) / (frames - 1)));
    this.#shown = new Set(Array.from({ length: frames }, (_, i) => spread(i)));
  }

  /** Takes the first image of a batch, if this step is shown. */
  add({ step, sample, predOriginalSample }: SamplingStep): void {
    if (!this.#shown.has(step)) return;
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
