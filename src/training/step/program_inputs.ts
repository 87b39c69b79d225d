// The inputs of a program, each declared together with its feed, so that order and feeds cannot differ.

import type { HostArray } from "../../engine/backend.ts";
import type { DType } from "../../engine/graph.ts";
import type { Shape } from "../../engine/shape.ts";
import { input, type Tensor } from "../../engine/tensor.ts";

/** Collects inputs. F: the argument of one run of the program. */
export class ProgramInputs<F> {
  readonly #tensors: Tensor[] = [];
  readonly #feeds: ((given: F) => HostArray)[] = [];

  /** Declares the next input. @param feed takes its values from a run's argument; it may throw */
  add(name: string, shape: Shape, dtype: DType, feed: (given: F) => HostArray): Tensor {
    const tensor = input(shape, dtype, name);
    this.#tensors.push(tensor);
    this.#feeds.push(feed);
    return tensor;
  }

  /** Declares a scalar input. */
  scalar(name: string, feed: (given: F) => number): Tensor {
    return this.add(name, [], "f32", (given) => Float32Array.of(feed(given)));
  }

  /** The inputs in declaration order. */
  get tensors(): readonly Tensor[] {
    return this.#tensors;
  }

  /** The values for one run, in the inputs' order. */
  pack(given: F): HostArray[] {
    return this.#feeds.map((feed) => feed(given));
  }
}

/** Accepts inputs that are fed from F or from an extension of it. */
export type AddedInputs<F> = Pick<ProgramInputs<F>, "add">;
