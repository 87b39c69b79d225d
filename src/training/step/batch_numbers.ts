// The few numbers of a step that all processes must know.

import type { Communicator } from "../../distributed/communicator.ts";
import { DistributedError } from "../../distributed/errors.ts";
import type { ImageRange } from "../../pipelines/conditioner.ts";
import type { BatchShare } from "./batch_share.ts";

/**
 * What processes tell each other of a step, each in its own places: the loss of each microbatch, with importance
 * sampling that of each image, and each process's norm of the gradient of the step before.
 */
export class BatchNumbers {
  /** To be summed over the processes. */
  readonly values: Float32Array;
  readonly #microbatch: number;
  readonly #rank: number;
  readonly #losses: Float32Array;
  readonly #lossByImage: Float32Array;
  readonly #norms: Float32Array;

  constructor({ wholeBatch, microbatch }: BatchShare, { rank, size }: Communicator, hasImages: boolean) {
    const microbatches = wholeBatch / microbatch;
    const images = hasImages ? wholeBatch : 0;
    this.values = new Float32Array(microbatches + images + size);
    this.#losses = this.values.subarray(0, microbatches);
    this.#lossByImage = this.values.subarray(microbatches, microbatches + images);
    this.#norms = this.values.subarray(microbatches + images);
    this.#microbatch = microbatch;
    this.#rank = rank;
  }

  set({ firstImage }: ImageRange, loss: number, byImage: Float32Array | undefined): void {
    this.#losses[firstImage / this.#microbatch] = loss;
    if (byImage !== undefined) this.#lossByImage.set(byImage, firstImage);
  }

  setNorm(norm: number): void {
    this.#norms[this.#rank] = norm;
  }

  /** @throws DistributedError where processes have come to different weights */
  checkNorms(): void {
    const other = this.#norms.findIndex((norm) => !Object.is(norm, this.#norms[0]));
    if (other === -1) return;
    throw new DistributedError(
      `ranks 0 and ${other} compute different numbers (gradients of norm ${this.#norms[0]} and ${this.#norms[other]}); let all compute on the same kind of device, with --backend cpu for example`,
    );
  }

  get meanLoss(): number {
    return this.#losses.reduce((sum, loss) => sum + loss, 0) / this.#losses.length;
  }

  /** [N] */
  get lossByImage(): Float32Array | undefined {
    return this.#lossByImage.length > 0 ? this.#lossByImage : undefined;
  }
}
