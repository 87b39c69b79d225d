// Every op on each backend against the float64 reference, values and gradients, on random shapes. The slow reference
// computes the expected values once for all backends.

import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import type { Padding } from "../../src/engine/graph.ts";
import type { Shape } from "../../src/engine/shape.ts";
import {
  concat,
  full,
  grad,
  input,
  normal,
  type Tensor,
  uniform,
  variable,
} from "../../src/engine/tensor.ts";
import { agreeOn } from "../support/agree.ts";
import { judgedBackends } from "../support/backends.ts";
import { distance, norm } from "../support/compare.ts";
import { numbers } from "./numbers.ts";

// The same shapes in every run: a sum that happens to cancel to almost nothing would fail by rounding alone.
fc.configureGlobal({ seed: 11 });

const reference = new ReferenceBackend();
const judged = await Promise.all(judgedBackends.map((backend) => backend.create()));
afterAll(() => Promise.all(judged.map((backend) => backend.close())));

const agree = (shapes: readonly Shape[], build: (...x: Tensor[]) => Tensor | Tensor[], tolerance?: number) =>
  agreeOn(judged, shapes, build, tolerance);

const size = fc.integer({ min: 1, max: 9 });
const shape = fc.array(fc.integer({ min: 1, max: 11 }), { minLength: 1, maxLength: 4 });
const runs = { numRuns: 12 };

describe("pointwise", () => {
  test("unary functions and their gradients", () =>
    fc.assert(
      fc.asyncProperty(shape, (s) =>
        agree([s], (x) => {
          const positive = x.abs().add(0.1);
          return [
            x.neg(),
            x.exp(),
            positive.log(),
            positive.sqrt(),
            x.mul(9).sin(),
            x.mul(9).cos(),
            x.mul(3).tanh(),
            x.mul(2).erf(),
            x.mul(5).sigmoid(),
            x.abs(),
            x.mul(5).floor(),
          ];
        }),
      ),
      runs,
    ));

  test.each(judged)("isFinite on $name", async (backend) => {
    const x = input([9]);
    const values = [0, -1, 3.4e38, -3.4e38, 1e-45, Number.NaN, -Number.NaN, Infinity, -Infinity];
    const executable = await backend.compile({ name: "finite", inputs: [x], outputs: [x.isFinite()] });
    const [got] = await executable.run([Float32Array.from(values)]);
    expect([...got]).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0]);
    executable.dispose();
  });

  test("binary functions with broadcasting", () =>
    fc.assert(
      fc.asyncProperty(size, size, size, (a, b, c) =>
        agree(
          [
            [a, b, c],
            [b, 1],
            [1, 1, c],
          ],
          (x, y, z) => [
            x.add(y),
            x.sub(z),
            x.mul(y).mul(z),
            x.div(y),
            x.maximum(y),
            z.minimum(x),
            x.lessThan(y).where(x.mul(2), z),
          ],
          1e-5,
        ),
      ),
      runs,
    ));
});

describe("movement", () => {
  test("permute, reshape, slice, pad, concat, repeat", () =>
    fc.assert(
      fc.asyncProperty(size, size, size, (a, b, c) =>
        agree(
          [
            [a, b, c],
            [a, 3, c],
          ],
          (x, y) => [
            x.permute([2, 0, 1]),
            x
              .permute([1, 0, 2])
              .reshape([b, a * c])
              .exp(),
            x.exp().permute([0, 2, 1]).reshape([-1]),
            x.slice([0, b - 1, 0], [a, 1, c]).mul(2),
            y.pad([1, 0, 2], [0, 1, 3]),
            concat([x, y.neg(), x], 1),
            x
              .reshape([a, b, 1, c])
              .broadcastTo([a, b, 2, c])
              .reshape([a, 2 * b, c]),
          ],
        ),
      ),
      runs,
    ));
});

describe("reductions", () => {
  test("sums and maxima over any axes", () =>
    fc.assert(
      fc.asyncProperty(size, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 70 }), (a, b, c) =>
        agree(
          [[a, b, c]],
          (x) => [
            x.sum(),
            x.sum([0]),
            x.sum([1]),
            x.sum([2]),
            x.square().sum([0, 2]),
            x.mean([0, 1]),
            x.max([2]),
            x.max([1], true).mul(x),
          ],
          2e-6,
        ),
      ),
      runs,
    ));

  test("long sums take two stages", () =>
    agree([[6, 40, 64, 24]], (x) => [
      x.sum(),
      x.sum([0, 1, 2]),
      x.sum([1, 2, 3]),
      x.square().sum([1, 2]),
      x.sum([0, 3]),
    ]));

  test("several reductions over the same elements", () =>
    agree(
      [
        [4, 50, 12],
        [4, 50, 12],
      ],
      (x, y) => [x.sum([1]), x.mul(y).sum([1]), y.square().sum([1])],
    ));
});

describe("products", () => {
  test("matrix products of any layout", () =>
    fc.assert(
      fc.asyncProperty(
        size,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        (batch, m, n, k) =>
          agree(
            [
              [batch, m, k],
              [batch, k, n],
              [n, k],
            ],
            (a, b, w) => [a.matmul(b), a.reshape([batch * m, k]).matmul(w.transpose())],
            1e-5,
          ),
      ),
      runs,
    ));

  test("products with a bias", () =>
    fc.assert(
      fc.asyncProperty(size, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (n, ci, co) =>
        agree(
          [[n, 9, 7, ci], [3, 3, ci, co], [1, 1, ci, co], [co, ci], [co]],
          (x, wide, narrow, w, bias) => [
            x.conv2d(wide, { stride: [1, 1], padding: [1, 1, 1, 1] }).add(bias),
            bias
              .add(x.conv2d(wide, { stride: [2, 2], padding: [0, 1, 0, 1] }))
              .mul(0.05)
              .exp(),
            x.conv2d(narrow, { stride: [1, 1], padding: [0, 0, 0, 0] }).add(bias.mul(2)),
            x.reshape([-1, ci]).matmul(w.transpose()).add(bias),
          ],
          1e-5,
        ),
      ),
      runs,
    ));

  test("products with a residual", () =>
    fc.assert(
      fc.asyncProperty(size, fc.integer({ min: 1, max: 40 }), fc.boolean(), (n, c, wide) => {
        const side = wide ? 8 : 7;
        const half = side / 2;
        return agree(
          [
            [n, side, side, c],
            [3, 3, c, c],
            [1, 1, c, c],
            [c, c],
            [c],
            [n, Math.ceil(half), Math.ceil(half), c],
          ],
          (x, square, point, w, bias, small) => {
            const same = { stride: [1, 1], padding: [1, 1, 1, 1] } as const;
            const plain = { stride: [1, 1], padding: [0, 0, 0, 0] } as const;
            const halved = x.conv2d(square, { stride: [2, 2], padding: [1, 1, 1, 1] });
            const time = small.sum([1, 2]).reshape([n, 1, 1, c]);
            const rows = x.reshape([-1, c]);
            const block = x.add(x.conv2d(square, same).add(bias));
            return [
              block,
              block.conv2d(point, plain).add(bias).add(block.conv2d(square, same).add(bias)),
              block.conv2d(square, same).add(bias).add(time),
              time.add(block.conv2d(square.mul(2), { stride: [2, 2], padding: [1, 1, 1, 1] })),
              small.add(halved).add(bias),
              halved.add(bias).add(small).exp(),
              rows.matmul(w).add(bias).reshape(x.shape).add(x),
              rows.matmul(w.transpose()).add(rows.matmul(w)).add(rows),
            ].map((y) => y.mul(0.05));
          },
          1e-5,
        );
      }),
      runs,
    ));

  test("attention", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(64, 70, 131)),
        fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(32, 45, 64)),
        (n, heads, t, d) =>
          agree(
            Array.from({ length: 3 }, () => [n, t, heads * d]),
            (q, k, v) => q.attention(k.mul(2), v.slice([0, 0, 0], v.shape), { heads, scale: d ** -0.5 }),
            1e-5,
          ),
      ),
      { numRuns: 40 },
    ));

  test("attention composed of products, over interleaved heads", () =>
    agree(
      Array.from({ length: 3 }, () => [2, 21, 3, 5]),
      (q, k, v) => {
        const scores = q.permute([0, 2, 1, 3]).matmul(k.permute([0, 2, 3, 1]));
        const e = scores.sub(scores.max([3], true).detach()).exp();
        const weights = e.div(e.sum([3], true));
        return weights
          .matmul(v.permute([0, 2, 1, 3]))
          .permute([0, 2, 1, 3])
          .reshape([2, 21, 15]);
      },
      1e-5,
    ));

  test("convolutions with strides and uneven padding", () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          n: fc.integer({ min: 1, max: 3 }),
          h: fc.integer({ min: 3, max: 10 }),
          w: fc.integer({ min: 3, max: 10 }),
          ci: fc.integer({ min: 1, max: 18 }),
          co: fc.integer({ min: 1, max: 18 }),
          kernel: fc.constantFrom(1, 2, 3),
          stride: fc.constantFrom(1, 2),
          padding: fc.constantFrom<Padding>([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1], [2, 0, 1, 1]),
        }),
        ({ n, h, w, ci, co, kernel, stride, padding }) =>
          agree(
            [
              [n, h, w, ci],
              [kernel, kernel, ci, co],
            ],
            (x, filter) => x.conv2d(filter, { stride: [stride, stride], padding }),
            1e-5,
          ),
      ),
      { numRuns: 40 },
    ));
});

describe("gather and random", () => {
  test("rows of a table and their gradient", async () => {
    const table = input([7, 5]);
    const index = input([9], "i32");
    const rows = table.gather(index);
    const program = {
      name: "gather",
      inputs: [table, index],
      outputs: [rows, ...grad(rows.square().sum(), [table])],
    };
    const feeds = [numbers(35, 3), Int32Array.of(0, 6, 3, 3, -4, 12, 1, 1, 1)];
    const expected = await (await reference.compile(program)).run(feeds);
    for (const backend of judged) {
      const got = await (await backend.compile(program)).run(feeds);
      for (const [i, values] of got.entries()) {
        expect(distance(values, expected[i]), backend.name).toBeLessThan(1e-5);
      }
    }
  });

  test("the same numbers for the same key, site and step", async () => {
    const key = input([3], "i32");
    const program = {
      name: "random",
      inputs: [key],
      outputs: [uniform(key, 1, [3, 1001]), normal(key, 1, [3, 1001]), normal(key, 2, [5])],
    };
    const feeds = [Int32Array.of(123456789, -5, 77)];
    const expected = await (await reference.compile(program)).run(feeds);
    for (const backend of judged) {
      const got = await (await backend.compile(program)).run(feeds);
      expect(got[0], backend.name).toEqual(expected[0]);
      expect(distance(got[1], expected[1]) / norm(expected[1]), backend.name).toBeLessThan(1e-6);
      expect(distance(got[2], expected[2]) / norm(expected[2]), backend.name).toBeLessThan(1e-6);
    }
  });
});

describe("programs", () => {
  test("constants fold and a scalar broadcasts", () =>
    agree([[3]], (x) => x.mul(full(2, []).div(4)).add(0).mul(1)));

  test("updates see the state before the run, in whatever order they stand", async () => {
    const [a, b] = [variable([100], "a"), variable([100], "b")];
    const x = input([100]);
    const program = {
      name: "updates",
      inputs: [x],
      outputs: [a.sum()],
      updates: [
        {
          target: a,
          value: a
            .mul(0.5)
            .add(x)
            .add(b.permute([0])),
        },
        { target: b, value: a },
      ],
    };
    const results: Float32Array[][] = [];
    for (const backend of [reference, ...judged]) {
      backend.write(a, numbers(100, 1));
      backend.write(b, numbers(100, 2));
      const executable = await backend.compile(program);
      for (let i = 0; i < 3; i++) await executable.run([numbers(100, 9 + i)]);
      results.push([await backend.read(a), await backend.read(b)]);
    }
    const [expected, ...others] = results;
    for (const [i, got] of others.entries()) {
      expect(distance(got[0], expected[0]), judged[i].name).toBeLessThan(1e-5);
      expect(distance(got[1], expected[1]), judged[i].name).toBeLessThan(1e-5);
    }
  });
});
