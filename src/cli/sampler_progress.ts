// How far samplers are that choose their own steps, and how often they asked the model.

import type { GeneratedStep } from "../pipelines/adaptive.ts";
import type { Status } from "./progress.ts";
import { counted, duration } from "./wording.ts";

export class SamplerProgress {
  readonly #shares: Float64Array;
  readonly #calls: number[];

  /** @param count images in all */
  constructor(count: number) {
    this.#shares = new Float64Array(count);
    this.#calls = new Array<number>(count).fill(0);
  }

  /** Takes a step, and tells where the work is. A batch is as far as the image that has farthest to go. */
  status({ image, share, modelCalls, firstImage, count }: GeneratedStep, seconds: number): Status {
    this.#shares[image] = share;
    this.#calls[image] = modelCalls;
    const total = this.#shares.length;
    const least = Math.min(...this.#shares.subarray(firstImage, firstImage + count));
    const done = (firstImage + count * least) / total;
    const images = count === 1 ? `image ${firstImage + 1}` : `images ${firstImage + 1}-${firstImage + count}`;
    const parts = [
      `${images} of ${total}`,
      counted(Math.max(...this.#calls.slice(firstImage)), "model call"),
    ];
    if (done > 0 && done < 1) parts.push(`${duration((seconds * (1 - done)) / done)} left`);
    return { share: done, parts };
  }

  /** Evaluations of the model for each image. */
  get ofImages(): readonly number[] {
    return this.#calls;
  }

  get total(): number {
    return this.#calls.reduce((sum, calls) => sum + calls, 0);
  }

  /** "45 model calls each", "41-52 model calls each". */
  summary(): string {
    const [least, most] = [Math.min(...this.#calls), Math.max(...this.#calls)];
    return least === most ? `${counted(most, "model call")} each` : `${least}-${most} model calls each`;
  }
}
