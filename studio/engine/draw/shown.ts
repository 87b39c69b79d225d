// Shows the steps of a drawing, decoded one after another, in order.

import type { HostTensor } from "imago";
import { type Decoder, picturesOf } from "./pictures.ts";
import { sayStep } from "./say.ts";

export interface ShownStep {
  /** The number of the first picture. Default 0. */
  readonly first?: number;
  readonly step: number;
  readonly steps: number;
  /** [N, h, w, c], in the model's space. */
  readonly sample: HostTensor;
  readonly predOriginalSample: HostTensor;
}

export class Shown {
  readonly #decoder: Decoder;
  readonly #showsClean: boolean;
  readonly #signal: AbortSignal;
  /** Resolves when all that was added is shown. */
  all: Promise<void> = Promise.resolve();

  constructor(decoder: Decoder, showsClean: boolean, signal: AbortSignal) {
    this.#decoder = decoder;
    this.#showsClean = showsClean;
    this.#signal = signal;
  }

  readonly add = ({ first = 0, step, steps, sample, predOriginalSample }: ShownStep): void => {
    this.all = this.all.then(async () => {
      if (this.#signal.aborted) return;
      const pictures = await picturesOf(this.#decoder, sample);
      const clean = this.#showsClean ? await picturesOf(this.#decoder, predOriginalSample) : undefined;
      sayStep({ first, step, steps, pictures, clean });
    });
  };
}
