// The mean loss of each epoch, summed up step by step.

/** Where a step stands among the epochs. */
export interface EpochPlace {
  /** The epoch the step belongs to, from 1. */
  readonly epoch: number;
  /** Mean loss of the epoch, on its last step. */
  readonly epochLoss?: number;
}

export class EpochLoss {
  readonly #stepsPerEpoch: number;
  readonly #steps: number;
  #sum: number;

  /**
   * @param steps of the whole run; the last epoch may be cut short
   * @param sum of the losses so far in the epoch that is under way
   */
  constructor(stepsPerEpoch: number, steps: number, sum: number) {
    this.#stepsPerEpoch = stepsPerEpoch;
    this.#steps = steps;
    this.#sum = sum;
  }

  /** Epochs of the whole run. */
  get epochs(): number {
    return Math.ceil(this.#steps / this.#stepsPerEpoch);
  }

  /** Of the losses so far in the epoch that is under way. */
  get sum(): number {
    return this.#sum;
  }

  /** @param step from 1, one after the other */
  add(step: number, loss: number): EpochPlace {
    this.#sum += loss;
    const epoch = Math.ceil(step / this.#stepsPerEpoch);
    const inEpoch = step - (epoch - 1) * this.#stepsPerEpoch;
    if (inEpoch < this.#stepsPerEpoch && step < this.#steps) return { epoch };
    const epochLoss = this.#sum / inEpoch;
    this.#sum = 0;
    return { epoch, epochLoss };
  }
}
