// Progress of drawing, with a scheduler or with a sampler that chooses its own steps, and the sampler's model calls.

import type { GeneratedStep } from "../pipelines/adaptive.ts";
import type { BatchStep } from "../pipelines/diffusion_pipeline.ts";
import type { Output } from "./output.ts";
import { counted, timeLeft } from "./wording.ts";

/** A part of the work, of which each draws all images. */
export interface Phase {
  readonly name: string;
  /** The shares of the work, 0 to 1, at which it begins and ends. */
  readonly begin: number;
  readonly end: number;
}

/** A step of a batch, in a phase where there are several. */
interface WatchedStep extends BatchStep {
  readonly phase?: Phase;
}

/** The share of a phase as one of the work. */
export const shareOfWork = (share: number, { begin, end } = WHOLE): number => begin + share * (end - begin);

const WHOLE = { begin: 0, end: 1 };

/** Callbacks during drawing: a scheduler calls one per batch, a sampler one per image. */
export interface Watch {
  readonly onStep: (step: WatchedStep) => void;
  readonly onImageStep: (step: GeneratedStep) => void;
}

/** The callbacks of a watch that a pipeline's `generate` uses. */
export const watchOf = (isAdaptive: boolean, { onStep, onImageStep }: Watch): Partial<Watch> =>
  isAdaptive ? { onImageStep } : { onStep };

/** Reports the steps to `output`; its clock starts with its construction. */
export class DrawingProgress implements Watch {
  readonly #output: Output;
  readonly #started = performance.now();
  readonly #shares: Float64Array;
  readonly #calls: number[];
  readonly #own: number;

  /**
   * @param count total number of images
   * @param own how many of them this process draws, from the first on. Default: all
   */
  constructor(count: number, output: Output, own = count) {
    this.#output = output;
    this.#own = own;
    this.#shares = new Float64Array(count);
    this.#calls = new Array<number>(count).fill(0);
  }

  readonly onStep = ({ step, steps, phase, ...images }: WatchedStep): void => {
    const name = phase === undefined ? [] : [phase.name];
    this.#tell(images, step / steps, [...name, `step ${step}/${steps}`], phase);
  };

  /** A batch is as far as its slowest image. */
  readonly onImageStep = ({ image, share, modelCalls, firstImage, count }: GeneratedStep): void => {
    this.#shares[image] = share;
    this.#calls[image] = modelCalls;
    const least = Math.min(...this.#shares.subarray(firstImage, firstImage + count));
    const most = Math.max(...this.#calls.slice(firstImage));
    this.#tell({ firstImage, count }, least, [counted(most, "model call")]);
  };

  /** Model evaluations of each image; 0 with a scheduler. */
  get modelCalls(): readonly number[] {
    return this.#calls;
  }

  #tell(
    { firstImage, count }: { readonly firstImage: number; readonly count: number },
    shareOfBatch: number,
    what: readonly string[],
    phase?: Phase,
  ): void {
    const total = this.#shares.length;
    const share = shareOfWork((firstImage + count * shareOfBatch) / this.#own, phase);
    const images = count === 1 ? `image ${firstImage + 1}` : `images ${firstImage + 1}-${firstImage + count}`;
    const left = timeLeft(share, (performance.now() - this.#started) / 1000);
    this.#output.status({ share, parts: [`${images} of ${total}`, ...what, ...left] });
  }
}

/** "45 model calls each", "41-52 model calls each". @param calls of each image */
export function callsInWords(calls: readonly number[]): string {
  const [least, most] = [Math.min(...calls), Math.max(...calls)];
  return least === most ? `${counted(most, "model call")} each` : `${least}-${most} model calls each`;
}
