// A film strip of one image's denoising: above the noisy sample, below the image that the model sees in it.

import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import { imageGrid, type RgbImage } from "../io/image/index.ts";
import { toImages } from "../pipelines/images.ts";
import { type SamplingStep, toUnitRange } from "../pipelines/sampling.ts";

/** Frames of a strip. */
const FRAMES = 10;

/** A step of a scheduler, or of a sampler, which knows the share that is done. */
export interface FilmStep extends Pick<SamplingStep, "step" | "sample" | "predOriginalSample"> {
  readonly share?: number;
}

export class Film {
  /** The steps that are shown: evenly spread, the first and the last among them; null when they are not known. */
  readonly #shown: ReadonlySet<number> | null;
  readonly #noisy: RgbImage[] = [];
  readonly #predicted: RgbImage[] = [];

  /** @param steps of the whole sampling; null where each step says how much is done: a frame for every tenth */
  constructor(steps: number | null) {
    if (steps === null) {
      this.#shown = null;
      return;
    }
    const frames = Math.min(FRAMES, steps);
    const spread = (i: number) => (frames === 1 ? steps : 1 + Math.round((i * (steps - 1)) / (frames - 1)));
    this.#shown = new Set(Array.from({ length: frames }, (_, i) => spread(i)));
  }

  /** Takes the first image of a batch, if this step is shown. */
  add({ step, share = 0, sample, predOriginalSample }: FilmStep): void {
    const isShown = this.#shown?.has(step) ?? share >= this.#noisy.length / (FRAMES - 1);
    if (!isShown) return;
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
