// The factor of the loss in 16-bit training, which keeps small gradients from becoming 0 (Micikevicius et al. 2018, arXiv
// 1710.03740). It adapts as torch's GradScaler does: half as large after a step whose gradients were too large for 16
// bits, twice as large after many steps without one. It is a power of two, so it adds no rounding of its own.

import * as exact from "../../engine/math/index.ts";

/** torch's start, and its steps without overflow until the scale grows. */
const START = 2 ** 16;
const PATIENCE = 2000;
/** Larger ones gain nothing: the smallest 16-bit number is 2^-24. */
const MOST = 2 ** 32;

/** What a checkpoint keeps of a scale. */
export interface LossScaleState {
  readonly scale: number;
  /** Steps without overflow since the scale changed. */
  readonly goodSteps: number;
}

export class LossScale {
  #scale = START;
  #goodSteps = 0;

  /** The factor of the next step's loss. */
  get scale(): number {
    return this.#scale;
  }

  /** A step had finite gradients. */
  succeeded(): void {
    this.#goodSteps++;
    if (this.#goodSteps < PATIENCE || this.#scale >= MOST) return;
    this.#scale *= 2;
    this.#goodSteps = 0;
  }

  /** A step had gradients that were not finite. @returns whether it can be tried again, with a smaller scale */
  failed(): boolean {
    if (this.#scale <= 1) return false;
    this.#scale /= 2;
    this.#goodSteps = 0;
    return true;
  }

  state(): LossScaleState {
    return { scale: this.#scale, goodSteps: this.#goodSteps };
  }

  /** @throws RangeError for a state that this cannot have */
  restore({ scale, goodSteps }: LossScaleState): void {
    const isPower = Number.isInteger(exact.log2(scale));
    if (!isPower || scale < 1 || scale > MOST || goodSteps < 0 || goodSteps > PATIENCE) {
      throw new RangeError(
        `a loss scale of ${scale} after ${goodSteps} steps is none; expected a power of 2`,
      );
    }
    this.#scale = scale;
    this.#goodSteps = goodSteps;
  }
}
