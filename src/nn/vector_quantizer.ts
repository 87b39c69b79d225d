// A table of vectors, of which each given vector becomes the nearest (van den Oord et al. 2017, arXiv 1711.00937).

import { concat, constant, full, type Tensor } from "../engine/tensor.ts";
import type { Initializer } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** Weight of the term that moves the table, against that which moves the given vectors. */
const BETA = 0.25;

/** Uniform in ±1/count. diffusers draws an embedding's usual values first, and drops them. */
const uniformInit =
  (vectors: number): Initializer =>
  (generator, count) => {
    generator.randn(count);
    return generator.rand(count).map((u) => (2 * u - 1) / vectors);
  };

/** What a quantizer makes of vectors. */
export interface Quantized {
  /** The nearest of the table; gradients pass on to what was given, unchanged. In the shape of what was given. */
  readonly quantized: Tensor;
  /** What training adds to its loss: mean squares that draw given vectors and the table together. One number. */
  readonly loss: Tensor;
  /** Rows of the table, i32, one for each vector. */
  readonly indices: Tensor;
}

/** Replaces vectors by the nearest of a table (diffusers' VectorQuantizer). */
export class VectorQuantizer extends Module {
  readonly #table: Parameter;

  /** @param vectors in the table @param width of each */
  constructor(vectors: number, width: number) {
    super();
    this.#table = this.parameter({
      name: "embedding.weight",
      torchShape: [vectors, width],
      init: uniformInit(vectors),
    });
  }

  /** x [N, ..., D] -> its vectors, quantized; of two that are as near, the first of the table. */
  forward(x: Tensor): Quantized {
    const table = this.#table.tensor; // [K, D]
    const width = table.shape[1];
    const rows = x.reshape([-1, width]); // [R, D]
    const indices = this.#nearest(rows.detach(), table.detach());
    const found = table.gather(indices);
    const loss = found
      .detach()
      .sub(rows)
      .square()
      .mean()
      .add(found.sub(rows.detach()).square().mean().mul(BETA));
    const quantized = rows.add(found.sub(rows).detach()).reshape(x.shape);
    return { quantized, loss, indices };
  }

  /** Index of the row of `table` nearest to each of `rows`, i32 [R]. */
  #nearest(rows: Tensor, table: Tensor): Tensor {
    const [count] = rows.shape;
    const [vectors] = table.shape;
    // |x - e|² is least where x e - |e|²/2 is greatest. As one product, so that equal numbers are the same numbers.
    const halfSquares = table.square().sum([1], true).mul(-0.5); // [K, 1]
    const ones = full(1, [count, 1]);
    const nearness = concat([rows, ones], 1).matmul(concat([table, halfSquares], 1).transpose()); // [R, K]
    const greatest = nearness.max([1], true);
    const after = constant(
      Float32Array.from({ length: vectors }, (_, i) => vectors - 1 - i),
      [1, vectors],
    );
    const first = nearness.lessThan(greatest).where(-1, after).max([1]); // [R]
    return first
      .neg()
      .add(vectors - 1)
      .cast("i32");
  }
}
