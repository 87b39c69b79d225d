// What a forward pass needs to know besides its inputs: whether it trains, and where random numbers come from.

import { numel, type Shape } from "../engine/shape.ts";
import { constant, normal, type Tensor, uniform } from "../engine/tensor.ts";

/** In-graph random numbers of one program. Each draw takes the next site, so no two draws are the same. */
export class RandomStream {
  readonly #key: Tensor;
  readonly #wholeBatch: number | null;
  #site = 0;

  /**
   * @param key i32 [3]: seed low, seed high, step; for a part of a batch [4], with the place of its first image
   * @param wholeBatch images of the whole batch, for a part of one: it draws what the whole would for its images
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
    // Numbers come in blocks of four: what does not fill them, in most cases one number an image, is drawn for all.
    const whole = draw(this.#key.slice([0], [3]), site, [this.#wholeBatch, ofImage]);
    return whole.gather(this.#places(shape[0])).reshape(shape);
  }

  /** Where `count` images stand in the whole batch, i32 [count]. */
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

/** What a forward pass knows besides its inputs. */
export interface ForwardContext {
  /** Dropout is active in training only. */
  readonly training: boolean;
  /** Needed for dropout in training. */
  readonly random?: RandomStream;
}

/** For sampling and evaluation. */
export const evaluation: ForwardContext = { training: false };
