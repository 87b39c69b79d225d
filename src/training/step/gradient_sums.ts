// Adds up the gradients of microbatches on the backend, along one fixed binary tree: ((0 + 1) + (2 + 3)) + ....
//
// As in a binary counter, sum k is of 2^k microbatches, and two sums of equal length become one of the next. So a
// process that computes 2^k of them adds what several processes with fewer would, in the same order.

import type { Backend, Executable } from "../../engine/backend.ts";
import { numel } from "../../engine/shape.ts";
import { type Tensor, variable } from "../../engine/tensor.ts";

/** A sum that waits, with the programs that move it. */
interface WaitingSum {
  /** region = sum + region */
  readonly add: Executable;
  /** sum = region */
  readonly keep: Executable;
}

export class GradientSums {
  readonly #microbatches: number;
  readonly #sums: readonly WaitingSum[];
  /** Microbatches added since the last total. */
  #done = 0;

  private constructor(microbatches: number, sums: readonly WaitingSum[]) {
    this.#microbatches = microbatches;
    this.#sums = sums;
  }

  /**
   * @param region where each microbatch's gradients appear, and in the end their sum
   * @param microbatches of one sum
   * @throws MemoryError
   */
  static async create(backend: Backend, region: Tensor, microbatches: number): Promise<GradientSums> {
    const sums: WaitingSum[] = [];
    for (let length = 1; length < microbatches; length *= 2) {
      const sum = variable(region.shape, `gradients of ${length} microbatches`);
      backend.write(sum, new Float32Array(numel(sum.shape)));
      const update = (name: string, target: Tensor, value: Tensor) =>
        backend.compile({ name, inputs: [], outputs: [], updates: [{ target, value }] });
      sums.push({
        add: await update("add gradients", region, sum.add(region)),
        keep: await update("keep gradients", sum, region),
      });
    }
    return new GradientSums(microbatches, sums);
  }

  /** Adds the region's gradients. After the last microbatch, the region holds the sum of all. */
  async add(): Promise<void> {
    const before = this.#done++;
    let free = 0;
    while (isSet(before, free)) await this.#sums[free++].add.run([]);
    if (this.#done < this.#microbatches) {
      await this.#sums[free].keep.run([]);
      return;
    }
    for (let k = free; k < this.#sums.length; k++) if (isSet(before, k)) await this.#sums[k].add.run([]);
    this.#done = 0;
  }

  dispose(): void {
    for (const { add, keep } of this.#sums) {
      add.dispose();
      keep.dispose();
    }
  }
}

const isSet = (bits: number, k: number): boolean => ((bits >> k) & 1) === 1;
