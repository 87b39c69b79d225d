// The inputs of a program, each declared together with what it is fed from, so that order and feeds cannot differ.

import type { HostArray } from "../../engine/backend.ts";
import type { DType } from "../../engine/graph.ts";
import type { Shape } from "../../engine/shape.ts";
import { input, type Tensor } from "../../engine/tensor.ts";

/** F: what one run of the program is given. */
export class ProgramInputs<F> {
  readonly #tensors: Tensor[] = [];
  readonly #feeds: ((given: F) => HostArray)[] = [];

  /** The next input. @param feed its values out of what a run is given; it may throw */
  add(name: string, shape: Shape, dtype: DType, feed: (given: F) => HostArray): Tensor {
    const tensor = input(shape, dtype, name);
    this.#tensors.push(tensor);
    this.#feeds.push(feed);
    return tensor;
  }

  /** An input that is one number. */
  scalar(name: string, feed: (given: F) => number): Tensor {
    return this.add(name, [], "f32", (given) => Float32Array.of(feed(given)));
  }

  /** In the order in which they were added. */
  get tensors(): readonly Tensor[] {
    return this.#tensors;
  }

  /** The values of one run, in the inputs' order. */
  pack(given: F): HostArray[] {
    return this.#feeds.map((feed) => feed(given));
  }
}

/** Where inputs are added that are fed from F or from what extends it. */
export type AddedInputs<F> = Pick<ProgramInputs<F>, "add">;
