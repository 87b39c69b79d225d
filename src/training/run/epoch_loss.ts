// The mean loss of each epoch, accumulated step by step.

/** The epoch of a step. */
export interface EpochPlace {
  /** The epoch of the step, from 1. */
  readonly epoch: number;
  /** Mean loss of the epoch, on its last step. */
  readonly epochLoss?: number;
}

export class EpochLoss {
  readonly #stepsPerEpoch: number;
  readonly #steps: number;
  #sum: number;

  /**
   * @param steps of the whole run; the last epoch may be incomplete
   * @param sum of the losses so far in the current epoch
   */
  constructor(stepsPerEpoch: number, steps: number, sum: number) {
    this.#stepsPerEpoch = stepsPerEpoch;
    this.#steps = steps;
    this.#sum = sum;
  }

  /** Number of epochs of the whole run. */
  get epochs(): number {
    return Math.ceil(this.#steps / this.#stepsPerEpoch);
  }

  /** Sum of the losses so far in the current epoch. */
  get sum(): number {
    return this.#sum;
  }

  /** Adds the loss of a step. @param step from 1, consecutive */
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
