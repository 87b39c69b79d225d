// What a forward pass needs besides its inputs: whether it trains, and where random numbers come from.

import { numel, type Shape } from "../engine/shape.ts";
import { constant, normal, type Tensor, uniform } from "../engine/tensor.ts";

/** In-graph random numbers of one program. Each draw takes the next site, so no two draws are the same. */
export class RandomStream {
  readonly #key: Tensor;
  readonly #wholeBatch: number | null;
  #site = 0;

  /**
   * @param key i32 [3]: seed low, seed high, step; for part of a batch [4], with the index of its first image
   * @param wholeBatch number of images in the whole batch; a part then draws what the whole batch would for its images
   */
  constructor(key: Tensor, wholeBatch: number | null = null) {
    this.#key = key;
    this.#wholeBatch = wholeBatch;
  }

  /** Uniform in [0, 1); the first axis is the batch. */
  uniform(shape: Shape): Tensor {
    return this.#draw(uniform, shape);
  }

  /** Standard normal; the first axis is the batch. */
  normal(shape: Shape): Tensor {
    return this.#draw(normal, shape);
  }

  #draw(draw: typeof uniform, shape: Shape): Tensor {
    const site = this.#site++;
    if (this.#wholeBatch === null) return draw(this.#key, site, shape);
    const ofImage = numel(shape.slice(1));
    if (ofImage % 4 === 0) return draw(this.#key, site, shape, ofImage / 4);
    // Numbers come in blocks of four. If an image does not fill whole blocks (it mostly needs one number), draw for
    // the whole batch and take its rows.
    const whole = draw(this.#key.slice([0], [3]), site, [this.#wholeBatch, ofImage]);
    return whole.gather(this.#places(shape[0])).reshape(shape);
  }

  /** Indices of `count` images in the whole batch, i32 [count]. */
  #places(count: number): Tensor {
    const first = this.#key.slice([3], [1]).cast("f32");
    return first
      .add(
        constant(
          Float32Array.from({ length: count }, (_, i) => i),
          [count],
        ),
      )
      .cast("i32");
  }
}

/** What a forward pass needs besides its inputs. */
export interface ForwardContext {
  /** Dropout is active in training only. */
  readonly training: boolean;
  /** Needed for dropout in training. */
  readonly random?: RandomStream;
}

/** For sampling and evaluation. */
export const evaluation: ForwardContext = { training: false };
