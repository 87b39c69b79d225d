// Matrix products of random shapes and strides against a plain float64 loop.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lowerMatmul } from "../../src/engine/backends/cpu/kernels/matmul/gemm.ts";
import type { MatmulSpec, MatrixStrides } from "../../src/engine/backends/cpu/kernels/matmul/matmul_spec.ts";
import { compileLowered, noise, relativeError } from "./cpu_kernel_harness.ts";

/** Strides of a matrix [...batch, rows, cols] stored in some order of its dimensions. */
function layout(
  batch: readonly number[],
  rows: number,
  cols: number,
  order: "rows" | "cols" | "heads" | "loose",
): MatrixStrides {
  const sizes = [...batch, rows, cols];
  const axes = sizes.map((_, i) => i);
  const [row, col] = [axes.length - 2, axes.length - 1];
  const outer = axes.slice(0, -2);
  const stored =
    order === "rows" || order === "loose"
      ? axes
      : order === "cols"
        ? [...outer, col, row]
        : [row, ...outer, col];
  const strides = sizes.map(() => 0);
  let stride = order === "loose" ? 2 : 1;
  for (const axis of stored.toReversed()) {
    strides[axis] = stride;
    stride *= sizes[axis]! + (order === "loose" && axis === row ? 1 : 0);
  }
  return { batch: strides.slice(0, -2), row: strides[row]!, col: strides[col]! };
}

const extent = (batch: readonly number[], rows: number, cols: number, s: MatrixStrides): number =>
  1 + batch.reduce((sum, size, i) => sum + (size - 1) * s.batch[i]!, (rows - 1) * s.row + (cols - 1) * s.col);

function check(spec: MatmulSpec): void {
  const { batch, m, n, k } = spec;
  const sizes = {
    a: extent(batch, m, k, spec.a),
    b: extent(batch, k, n, spec.b),
    c: extent(batch, m, n, spec.c),
  };
  const [a, b, bias, residual] = [
    noise(sizes.a, 1),
    noise(sizes.b, 2),
    noise(spec.bias ? n : 0, 3),
    noise(spec.residual ? sizes.c : 0, 4),
  ];
  const inputs = [a, b, bias, residual].filter(({ length }) => length > 0);
  const program = compileLowered(lowerMatmul(spec), inputs, [sizes.c]);
  program.run();
  const count = batch.reduce((product, size) => product * size, 1);
  const want = new Float64Array(count * m * n);
  const got = new Float32Array(count * m * n);
  for (let index = 0; index < count; index++) {
    let rest = index;
    const at = { a: 0, b: 0, c: 0 };
    for (let d = batch.length - 1; d >= 0; d--) {
      const i = rest % batch[d]!;
      rest = Math.floor(rest / batch[d]!);
      for (const name of ["a", "b", "c"] as const) at[name] += i * spec[name].batch[d]!;
    }
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = spec.bias ? bias[j]! : 0;
        for (let l = 0; l < k; l++)
          sum += a[at.a + i * spec.a.row + l * spec.a.col]! * b[at.b + l * spec.b.row + j * spec.b.col]!;
        const c = at.c + i * spec.c.row + j * spec.c.col;
        want[(index * m + i) * n + j] = sum + (spec.residual ? residual[c]! : 0);
        got[(index * m + i) * n + j] = program.outputs[0]![c]!;
      }
  }
  expect(relativeError(got, want), JSON.stringify(spec)).toBeLessThan(2e-6);
  program.checkGuards();
}

const order = fc.constantFrom("rows", "cols", "heads", "loose");
const size = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(12, 16, 31, 64, 65));

test("random shapes, strides and batches", () => {
  const spec = fc.record({
    batch: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
    m: size,
    n: size,
    k: size,
    orders: fc.tuple(order, order, order),
    bias: fc.boolean(),
    residual: fc.boolean(),
    sharedB: fc.boolean(),
  });
  fc.assert(
    fc.property(spec, ({ batch, m, n, k, orders, bias, residual, sharedB }) => {
      const b = layout(batch, k, n, orders[1]);
      check({
        batch,
        m,
        n,
        k,
        bias,
        residual,
        a: layout(batch, m, k, orders[0]),
        b: sharedB ? { ...b, batch: batch.map(() => 0) } : b,
        c: layout(batch, m, n, orders[2]),
      });
    }),
    { numRuns: 150 },
  );
});

/** Shapes that take the other ways: long k, several tiles, packed factors, tiny m. */
const shapes: [string, number[], number, number, number][] = [
  ["a long k of odd length", [], 37, 29, 1301],
  ["a long even k", [], 50, 40, 1536],
  ["many rows", [], 1000, 72, 40],
  ["many columns", [], 30, 700, 64],
  ["attention scores", [4, 8], 64, 64, 8],
  ["attention values", [4, 8], 64, 8, 64],
  ["time embedding", [], 16, 256, 64],
  ["a dot product", [], 1, 1, 2000],
  ["an outer product", [], 200, 200, 1],
  ["a square", [], 256, 256, 256],
];
for (const [name, batch, m, n, k] of shapes)
  for (const orders of [
    ["rows", "rows"],
    ["cols", "rows"],
    ["rows", "cols"],
    ["heads", "heads"],
  ] as const)
    test(`${name}: A by ${orders[0]}, B by ${orders[1]}`, () => {
      const strides = { a: layout(batch, m, k, orders[0]), b: layout(batch, k, n, orders[1]) };
      check({ batch, m, n, k, ...strides, c: layout(batch, m, n, "rows"), bias: true, residual: true });
    });

describe("a long k in parts", () => {
  test.each([
    ["a gradient of weights", 40, 48, 8192],
    ["odd sides", 37, 29, 4096],
    ["a k that halves twice", 64, 64, 4 * 1023],
  ])("%s", (_, m, n, k) => {
    const spec = {
      batch: [],
      m,
      n,
      k,
      a: layout([], m, k, "cols"),
      b: layout([], k, n, "rows"),
      c: layout([], m, n, "rows"),
    };
    expect(lowerMatmul(spec).steps.at(-1)?.kernel.family).toBe("sum");
    check(spec);
  });
});

test("wrong sizes are refused", () => {
  const strides = { batch: [], row: 1, col: 1 };
  expect(() => lowerMatmul({ batch: [], m: 0, n: 1, k: 1, a: strides, b: strides, c: strides })).toThrow(
    /size of 0/,
  );
  expect(() => lowerMatmul({ batch: [2], m: 1, n: 1, k: 1, a: strides, b: strides, c: strides })).toThrow(
    /batch strides/,
  );
});
