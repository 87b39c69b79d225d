// A random graph in the making: its leaves with their values, and the tensors that further operations may take.

import type { HostArray } from "../../../src/engine/backend.ts";
import type { DType } from "../../../src/engine/graph.ts";
import { numel, type Shape, sameShape } from "../../../src/engine/shape.ts";
import { constant, input, type Tensor, variable } from "../../../src/engine/tensor.ts";
import type { Dice } from "./dice.ts";

/** Values of a leaf that is no constant. */
export interface Leaf {
  readonly tensor: Tensor;
  readonly data: HostArray;
}

/** Leaves that are not needed for keys, indices and layers' parameters. */
const MOST_LEAVES = 5;
/** Elements of a tensor; of one graph in 50 more, enough for several tiles. */
const MOST_ELEMENTS = 6000;
const MANY_ELEMENTS = 60_000;
/** What every tensor of the pool is kept below, roughly, so that rounding stays bounded. */
const TAME = 4;

/** Sizes at the edges of vectors and of blocks. */
const EDGES = [15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 70] as const;
/** Values that only their bits can be compared of. */
const WILD = [
  Number.NaN,
  Infinity,
  -Infinity,
  -0,
  1e-40,
  -1e-44,
  3.4e38,
  -3e38,
  65520,
  2 ** 31,
  -(2 ** 31),
] as const;

export class Draft {
  readonly dice: Dice;
  readonly inputs: Leaf[] = [];
  readonly variables: Leaf[] = [];
  /** f32 tensors that operations may take, the latest last. */
  readonly pool: Tensor[] = [];
  /** Whether some values are infinite, not numbers, or nearly so. */
  readonly wild: boolean;
  readonly #most: number;
  #leaves = 0;
  #key: Tensor | undefined;

  constructor(dice: Dice) {
    this.dice = dice;
    this.wild = dice.chance(0.04);
    this.#most = dice.chance(0.02) ? MANY_ELEMENTS : MOST_ELEMENTS;
  }

  size(): number {
    const { dice } = this;
    if (dice.chance(0.88)) return dice.whole(1, 9);
    return dice.chance(0.6) ? dice.pick(EDGES) : dice.whole(10, 70);
  }

  shape(rank = this.dice.pick([0, 1, 1, 2, 2, 3, 3, 4, 4, 5])): number[] {
    const shape = Array.from({ length: rank }, () => this.size());
    while (numel(shape) > this.#most) shape[shape.indexOf(Math.max(...shape))] = this.dice.whole(1, 9);
    return shape;
  }

  fits(shape: Shape): boolean {
    return numel(shape) <= this.#most && shape.length <= 5;
  }

  /** A tensor of the pool, more often a late one. */
  any(): Tensor {
    const { dice, pool } = this;
    return dice.chance(0.5) ? pool[pool.length - 1] : dice.pick(pool);
  }

  /** A tensor of this shape: one of the pool, one made from it by movement, or a new leaf. */
  operand(shape: Shape): Tensor {
    const { dice, pool } = this;
    const equal = pool.filter((x) => sameShape(x.shape, shape));
    if (equal.length > 0 && dice.chance(0.6)) return dice.pick(equal);
    if (this.#leaves < MOST_LEAVES && dice.chance(0.6)) return this.leaf(shape);
    return this.moved(this.any(), shape);
  }

  /** The elements of `x` in another order, some of them left out or repeated, as a tensor of this shape. */
  moved(x: Tensor, shape: Shape): Tensor {
    const { dice } = this;
    if (shape.length > 1 && dice.chance(0.3)) {
      const axes = dice.order(shape.length);
      const inverse = axes.map((_, axis) => axes.indexOf(axis));
      return this.moved(
        x,
        axes.map((axis) => shape[axis]),
      ).permute(inverse);
    }
    const [given, wanted] = [numel(x.shape), numel(shape)];
    if (given >= wanted) {
      const flat = x.reshape([given]).slice([dice.whole(0, given - wanted)], [wanted]);
      return flat.reshape(shape);
    }
    const missing = wanted - given;
    if (dice.chance(0.3)) {
      const before = dice.whole(0, missing);
      return x
        .reshape([given])
        .pad([before], [missing - before])
        .reshape(shape);
    }
    const times = Math.ceil(wanted / given);
    const repeated = x
      .reshape([1, given])
      .broadcastTo([times, given])
      .reshape([times * given]);
    return repeated.slice([0], [wanted]).reshape(shape);
  }

  /** A new leaf, seen as an f32 tensor of this shape. */
  leaf(shape: Shape): Tensor {
    const { dice } = this;
    this.#leaves++;
    const dtype = dice.pick<DType>(["f32", "f32", "f32", "f32", "f16", "bf16"]);
    switch (dice.pick(["plain", "plain", "permuted", "sliced", "repeated", "reshaped"])) {
      case "permuted": {
        const axes = dice.order(shape.length);
        const inverse = axes.map((_, axis) => axes.indexOf(axis));
        const stored = axes.map((axis) => shape[axis]);
        return this.#stored(stored, dtype).permute(inverse).cast();
      }
      case "sliced": {
        const begin = shape.map(() => dice.whole(0, 2));
        const stored = shape.map((size, axis) => size + begin[axis] + dice.whole(0, 1));
        return this.#stored(stored, dtype).slice(begin, shape).cast();
      }
      case "repeated": {
        const stored = shape.map((size) => (dice.chance(0.5) ? 1 : size));
        return this.#stored(stored, dtype).broadcastTo(shape).cast();
      }
      case "reshaped":
        return this.#stored([numel(shape)], dtype)
          .cast()
          .reshape(shape);
      default:
        return this.#stored(shape, dtype).cast();
    }
  }

  /** As a constant or as an input. */
  integers(data: Int32Array): Tensor {
    const shape = [data.length];
    if (this.dice.chance(0.2)) return constant(data, shape);
    const tensor = input(shape, "i32", "integers");
    this.inputs.push({ tensor, data });
    return tensor;
  }

  /** The key of random numbers: the seed's halves, step, and an image's place. */
  key(): Tensor {
    const { dice } = this;
    const word = () => dice.whole(-(2 ** 31), 2 ** 31 - 1);
    this.#key ??= this.integers(
      Int32Array.of(word(), word(), dice.whole(0, 2 ** 31 - 1), dice.whole(0, 2 ** 20)),
    );
    return this.#key;
  }

  variable(tensor: Tensor): Tensor {
    this.variables.push({ tensor, data: this.#values(numel(tensor.shape)) });
    return tensor;
  }

  /** Takes a result into the pool. @param bound what its values are roughly below */
  keep(x: Tensor, bound: number): void {
    const { dice } = this;
    this.pool.push(bound <= TAME ? x : dice.pick(TAMERS)(x, bound));
  }

  #stored(shape: Shape, dtype: DType): Tensor {
    const { dice } = this;
    const kind = dice.pick(["input", "input", "variable", "constant"]);
    if (kind === "variable") return this.variable(variable(shape, `v${this.variables.length}`, dtype));
    const data = this.#values(numel(shape));
    if (kind === "constant") return constant(data, shape).cast(dtype);
    const tensor = input(shape, dtype);
    this.inputs.push({ tensor, data });
    return tensor;
  }

  #values(count: number): Float32Array {
    const { dice } = this;
    const draw = dice.pick([
      // On a coarse grid, where sums are exact and equal values are common.
      () => dice.whole(-16, 16) / 8,
      () => (dice.chance(0.6) ? 0 : dice.whole(-2, 2)),
      () => 2 * dice.next() - 1,
      () => 4 * dice.next() - 2,
    ]);
    const isWild = this.wild && dice.chance(0.7);
    return Float32Array.from({ length: count }, () =>
      isWild && dice.chance(0.1) ? dice.pick(WILD) : draw(),
    );
  }
}

/** Bring values below `TAME`. */
const TAMERS: readonly ((x: Tensor, bound: number) => Tensor)[] = [
  (x) => x.tanh(),
  (x) => x.sin(),
  (x) => x.erf(),
  (x) => x.sigmoid(),
  (x) => x.maximum(-3).minimum(3),
  (x) => x.div(x.abs().add(1)),
  ...Array.from(
    { length: 6 },
    () => (x: Tensor, bound: number) => x.mul(2 ** -Math.ceil(Math.log2(bound / TAME))),
  ),
];
