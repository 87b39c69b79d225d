// The reference meaning of every op on random shapes, against formulas written out by index; and the errors of shapes
// that do not fit.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Node } from "../../src/engine/graph.ts";
import * as graph from "../../src/engine/graph.ts";
import { attention, attentionGrad, composedAttentionGrad } from "../../src/engine/ops/attention.ts";
import { conv2d, conv2dGradFilter, conv2dGradInput } from "../../src/engine/ops/conv2d.ts";
import { gather, scatterAdd } from "../../src/engine/ops/gather.ts";
import { matmul } from "../../src/engine/ops/matmul.ts";
import * as movement from "../../src/engine/ops/movement.ts";
import * as pointwise from "../../src/engine/ops/pointwise.ts";
import * as reduce from "../../src/engine/ops/reduce.ts";
import { contiguousStrides, numel, type Shape } from "../../src/engine/shape.ts";
import { evaluate64, random64 } from "../support/float64.ts";

const size = fc.integer({ min: 1, max: 4 });
const shapeOf = (minLength: number, maxLength: number) => fc.array(size, { minLength, maxLength });
const seed = fc.integer({ min: 0, max: 1000 });

/** An input with random values. */
function leaf(shape: Shape, leafSeed: number): [Node, Float64Array] {
  return [graph.input(shape), random64(leafSeed, numel(shape))];
}

/** Every index of a shape in row-major order. */
function* indices(shape: Shape): Generator<number[]> {
  const strides = contiguousStrides(shape);
  for (let flat = 0; flat < numel(shape); flat++) {
    yield shape.map((length, axis) => Math.floor(flat / strides[axis]) % length);
  }
}
const at = (values: Float64Array, shape: Shape, index: readonly number[]) => {
  const strides = contiguousStrides(shape);
  return values[index.reduce((offset, i, axis) => offset + i * strides[axis], 0)];
};

function expectValues(y: Node, leaves: [Node, Float64Array][], formula: (index: number[]) => number): void {
  const [got] = evaluate64([y], new Map(leaves));
  const expected = [...indices(y.shape)].map(formula);
  expect(got.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(got[i]).toBeCloseTo(value, 12);
}

describe("movement", () => {
  test("permute", () => {
    const permuted = shapeOf(1, 4).chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.shuffledSubarray(
          shape.map((_, i) => i),
          { minLength: shape.length },
        ),
        seed,
      ),
    );
    fc.assert(
      fc.property(permuted, ([shape, axes, s]) => {
        const [x, values] = leaf(shape, s);
        expectValues(movement.permute(x, axes), [[x, values]], (index) =>
          at(
            values,
            shape,
            shape.map((_, axis) => index[axes.indexOf(axis)]),
          ),
        );
      }),
    );
  });

  test("slice undoes pad, and pad is zero elsewhere", () => {
    fc.assert(
      fc.property(
        shapeOf(1, 3).chain((shape) =>
          fc.tuple(
            fc.constant(shape),
            fc.array(fc.nat(2), { minLength: shape.length, maxLength: shape.length }),
            fc.array(fc.nat(2), { minLength: shape.length, maxLength: shape.length }),
            seed,
          ),
        ),
        ([shape, before, after, s]) => {
          const [x, values] = leaf(shape, s);
          const padded = movement.pad(x, before, after);
          const inside = (index: number[]) =>
            index.every((i, axis) => i >= before[axis] && i < before[axis] + shape[axis]);
          expectValues(padded, [[x, values]], (index) =>
            inside(index)
              ? at(
                  values,
                  shape,
                  index.map((i, axis) => i - before[axis]),
                )
              : 0,
          );
          expectValues(movement.slice(padded, before, shape), [[x, values]], (index) =>
            at(values, shape, index),
          );
        },
      ),
    );
  });

  test("concat", () => {
    fc.assert(
      fc.property(
        shapeOf(1, 3).chain((shape) =>
          fc.tuple(
            fc.constant(shape),
            fc.nat(shape.length - 1),
            fc.array(size, { minLength: 1, maxLength: 3 }),
            seed,
          ),
        ),
        ([shape, axis, sizes, s]) => {
          const leaves = sizes.map((length, i) => leaf(shape.with(axis, length), s + i));
          const y = movement.concat(
            leaves.map(([node]) => node),
            axis,
          );
          expectValues(y, leaves, (index) => {
            let position = index[axis];
            let part = 0;
            while (position >= sizes[part]) position -= sizes[part++];
            const [node, values] = leaves[part];
            return at(values, node.shape, index.with(axis, position));
          });
        },
      ),
    );
  });

  test("arithmetic repeats by NumPy's rule", () => {
    fc.assert(
      fc.property(
        shapeOf(1, 4).chain((shape) =>
          fc.tuple(
            fc.constant(shape),
            fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
            fc.nat(shape.length - 1),
            seed,
          ),
        ),
        ([shape, single, dropped, s]) => {
          const small = shape.map((length, axis) => (single[axis] ? 1 : length)).slice(dropped);
          const [x, xs] = leaf(shape, s);
          const [y, ys] = leaf(small, s + 1);
          const leaves: [Node, Float64Array][] = [
            [x, xs],
            [y, ys],
          ];
          expectValues(pointwise.sub(y, x), leaves, (index) => {
            const own = index.slice(dropped).map((i, axis) => (small[axis] === 1 ? 0 : i));
            return at(ys, small, own) - at(xs, shape, index);
          });
        },
      ),
    );
  });
});

describe("reductions", () => {
  test("sum and max over any axes", () => {
    fc.assert(
      fc.property(
        shapeOf(1, 4).chain((shape) =>
          fc.tuple(fc.constant(shape), fc.subarray(shape.map((_, i) => i)), fc.boolean(), seed),
        ),
        ([shape, axes, keepDims, s]) => {
          const [x, values] = leaf(shape, s);
          const kept = shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
          const over = (index: number[], start: number, fold: (a: number, b: number) => number) => {
            const full = keepDims ? index : kept.map((_, axis) => index[keptPosition(axis)] ?? 0);
            return [...indices(shape)]
              .filter((i) => i.every((value, axis) => axes.includes(axis) || value === full[axis]))
              .reduce((total, i) => fold(total, at(values, shape, i)), start);
          };
          const keptPosition = (axis: number) =>
            axes.includes(axis) ? -1 : kept.slice(0, axis).filter((_, other) => !axes.includes(other)).length;
          expectValues(reduce.sum(x, axes, keepDims), [[x, values]], (index) =>
            over(index, 0, (a, b) => a + b),
          );
          expectValues(reduce.max(x, axes, keepDims), [[x, values]], (index) =>
            over(index, -Infinity, Math.max),
          );
        },
      ),
    );
  });
});

describe("products", () => {
  test("batched matrix product", () => {
    fc.assert(
      fc.property(shapeOf(0, 2), size, size, size, seed, (batch, m, k, n, s) => {
        const [a, as] = leaf([...batch, m, k], s);
        const [b, bs] = leaf([...batch, k, n], s + 1);
        const leaves: [Node, Float64Array][] = [
          [a, as],
          [b, bs],
        ];
        expectValues(matmul(a, b), leaves, (index) => {
          const [row, column] = index.slice(-2);
          const outer = index.slice(0, -2);
          let total = 0;
          for (let i = 0; i < k; i++)
            total += at(as, a.shape, [...outer, row, i]) * at(bs, b.shape, [...outer, i, column]);
          return total;
        });
      }),
    );
  });

  test("attention, and its gradient as composed of other ops", () => {
    fc.assert(
      fc.property(size, size, size, size, seed, (n, t, heads, d, s) => {
        const options = { heads, scale: 0.5 + s / 1000 };
        const leaves = Array.from({ length: 4 }, (_, i) => leaf([n, t, heads * d], s + i));
        const [q, k, v, g] = leaves.map(([node]) => node);
        const [qs, ks, vs] = leaves.map(([, values]) => values);
        expectValues(attention(q, k, v, options), leaves, ([image, token, channel]) => {
          const first = channel - (channel % d);
          const weights = Array.from({ length: t }, (_, key) => {
            let score = 0;
            for (let i = first; i < first + d; i++)
              score += at(qs, q.shape, [image, token, i]) * at(ks, k.shape, [image, key, i]);
            return Math.exp(options.scale * score);
          });
          const total = weights.reduce((a, b) => a + b);
          const mixed = weights.map((weight, key) => weight * at(vs, v.shape, [image, key, channel]));
          return mixed.reduce((a, b) => a + b) / total;
        });
        const inputs: [Node, Node, Node, Node] = [q, k, v, g];
        const [direct, composed] = evaluate64(
          [attentionGrad(...inputs, options), composedAttentionGrad(inputs, options)],
          new Map(leaves),
        );
        for (const [i, value] of composed.entries()) expect(direct[i]).toBeCloseTo(value, 12);
      }),
    );
  });

  const geometry = fc
    .record({
      n: fc.integer({ min: 1, max: 2 }),
      h: fc.integer({ min: 1, max: 6 }),
      w: fc.integer({ min: 1, max: 6 }),
      ci: fc.integer({ min: 1, max: 3 }),
      co: fc.integer({ min: 1, max: 3 }),
      kh: fc.integer({ min: 1, max: 3 }),
      kw: fc.integer({ min: 1, max: 3 }),
      stride: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
      padding: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
    })
    .filter((g) => g.h + g.padding[0] + g.padding[1] >= g.kh && g.w + g.padding[2] + g.padding[3] >= g.kw);

  test("convolution, and its gradients as its adjoints", () => {
    fc.assert(
      fc.property(geometry, seed, ({ n, h, w, ci, co, kh, kw, stride, padding }, s) => {
        const [x, xs] = leaf([n, h, w, ci], s);
        const [filter, filters] = leaf([kh, kw, ci, co], s + 1);
        const options = { stride, padding };
        const y = conv2d(x, filter, options);
        const [g, gs] = leaf(y.shape, s + 2);
        const leaves: [Node, Float64Array][] = [
          [x, xs],
          [filter, filters],
          [g, gs],
        ];
        expectValues(y, leaves, ([image, oy, ox, o]) => {
          let total = 0;
          for (let ky = 0; ky < kh; ky++) {
            for (let kx = 0; kx < kw; kx++) {
              const iy = oy * stride[0] + ky - padding[0];
              const ix = ox * stride[1] + kx - padding[2];
              if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
              for (let i = 0; i < ci; i++)
                total += at(xs, x.shape, [image, iy, ix, i]) * at(filters, filter.shape, [ky, kx, i, o]);
            }
          }
          return total;
        });
        // <g, conv(x, f)> = <gradInput(g, f), x> = <gradFilter(x, g), f>
        const inner = (a: Node, b: Node) => reduce.sum(pointwise.mul(a, b));
        const products = [
          inner(g, y),
          inner(conv2dGradInput(g, filter, x.shape, options), x),
          inner(conv2dGradFilter(x, g, filter.shape, options), filter),
        ];
        const [[forward], [byInput], [byFilter]] = evaluate64(products, new Map(leaves));
        expect(byInput).toBeCloseTo(forward, 10);
        expect(byFilter).toBeCloseTo(forward, 10);
      }),
    );
  });

  test("gather takes rows, scatterAdd sums them back", () => {
    const indexed = fc.array(fc.nat(3), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(indexed, size, seed, (rows, width, s) => {
        const [table, values] = leaf([4, width], s);
        const index = graph.constant(Int32Array.from(rows), [rows.length]);
        const taken = gather(table, index);
        expectValues(taken, [[table, values]], ([row, d]) => at(values, table.shape, [rows[row], d]));
        expectValues(
          scatterAdd(taken, index, 4),
          [[table, values]],
          ([v, d]) => rows.filter((row) => row === v).length * at(values, table.shape, [v, d]),
        );
      }),
    );
  });
});

describe("pointwise", () => {
  test.each([
    [0, 0],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [2.4, 0.9993114861033549],
    [2.6, 0.9997639655834707],
    [4, 0.9999999845827421],
    [7, 1],
  ])("erf(%d)", (x, expected) => {
    const node = graph.input([2]);
    const [got] = evaluate64([pointwise.erf(node)], new Map([[node, Float64Array.of(x, -x)]]));
    expect(got[0]).toBeCloseTo(expected, 14);
    expect(got[1]).toBeCloseTo(-expected, 14);
  });

  test("casts drop the fraction towards zero", () => {
    const node = graph.input([4]);
    const [got] = evaluate64(
      [pointwise.cast(node, "i32")],
      new Map([[node, Float64Array.of(1.9, -1.9, 0, 999.99)]]),
    );
    expect([...got].map((x) => x + 0)).toEqual([1, -1, 0, 999]);
  });
});

describe("equal expressions are one node", () => {
  test("also when built twice", () => {
    const x = graph.input([2]);
    expect(pointwise.exp(pointwise.add(x, x))).toBe(pointwise.exp(pointwise.add(x, x)));
    expect(pointwise.exp(x)).not.toBe(pointwise.exp(graph.input([2])));
  });
});

describe("shapes that do not fit are told", () => {
  const x = graph.input([2, 3]);
  const image = graph.input([1, 4, 4, 3]);
  const stride = [1, 1] as const;
  const padding = [0, 0, 0, 0] as const;
  test.each([
    ["add", () => pointwise.add(x, graph.input([2])), "[2, 3] and [2] do not broadcast"],
    ["add of i32", () => pointwise.add(x, graph.input([3], "i32")), "wants f32, got i32"],
    ["reshape", () => movement.reshape(x, [4, 2]), "[2, 3] cannot become [4, 2]"],
    ["reshape with a rest", () => movement.reshape(x, [4, -1]), "positive integer"],
    ["permute", () => movement.permute(x, [0, 0]), "no permutation"],
    ["slice", () => movement.slice(x, [1, 0], [2, 3]), "is not inside [2, 3]"],
    ["concat", () => movement.concat([x, graph.input([3, 2])], 0), "differ in more than axis 0"],
    ["sum", () => reduce.sum(x, [2]), "axis 2 is outside"],
    ["matmul", () => matmul(x, x), "[2, 3] x f32[2, 3]"],
    [
      "conv2d channels",
      () => conv2d(image, graph.input([1, 1, 2, 2]), { stride, padding }),
      "image has 3 channels",
    ],
    ["conv2d size", () => conv2d(image, graph.input([5, 5, 3, 2]), { stride, padding }), "does not fit"],
    [
      "attention",
      () =>
        attention(graph.input([1, 2, 6]), graph.input([1, 2, 6]), graph.input([1, 2, 6]), {
          heads: 4,
          scale: 1,
        }),
      "C a multiple of 4 heads",
    ],
    [
      "attention's scale",
      () =>
        attention(graph.input([1, 2, 6]), graph.input([1, 2, 6]), graph.input([1, 2, 6]), {
          heads: 2,
          scale: 0,
        }),
      "a positive scale, got 0",
    ],
    ["gather", () => gather(x, graph.input([2])), "i32 index"],
    ["a size of 0", () => graph.input([0]), "positive integer"],
    ["a constant", () => graph.constant(new Float32Array(3), [2]), "3 values do not fill the shape [2]"],
  ] as const)("%s", (_, build, message) => {
    expect(build).toThrow(message);
  });
});
