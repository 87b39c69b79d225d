// 16-bit storage: values widen when read and round when written, the same on every backend, in half the memory.

import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { createBackend } from "../../src/engine/backends/create.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import type { HalfType } from "../../src/engine/graph.ts";
import { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from "../../src/engine/half.ts";
import { numel } from "../../src/engine/shape.ts";
import { concat, grad, input, type Tensor, variable } from "../../src/engine/tensor.ts";
import { noGpu, tellMissingGpu } from "../support/gpu.ts";
import { noise, relativeError } from "./cpu_kernel_harness.ts";

const wasm = new WasmBackend({ threads: 2 });
const reference = new ReferenceBackend();
tellMissingGpu();
const gpu = noGpu === undefined ? [await createBackend({ backend: "webgpu" })] : [];
afterAll(() => Promise.all([wasm, ...gpu].map((backend) => backend.close())));

/** The backends that are held against the reference. */
const judgedOf = (type: HalfType): Backend[] => (type === "f16" ? [wasm, ...gpu] : [wasm]);

const types: readonly HalfType[] = ["f16", "bf16"];
const widen = { f16: halfToFloat32, bf16: bfloat16ToFloat32 };
const narrow = { f16: float32ToHalf, bf16: float32ToBfloat16 };
const all = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** Ends, ties and special values around each of the 16-bit numbers, and random bits. */
function hardValues(type: HalfType): Float32Array {
  const exact = widen[type](all);
  const bits = new Uint32Array(exact.buffer);
  const near = [0, 1, -1, 0x1000, 0xfff, 0x1001, 0x8000, 0x7fff, 0x8001].flatMap((distance) =>
    Array.from(bits, (value) => (value + distance) >>> 0),
  );
  return new Float32Array(Uint32Array.from(near).buffer);
}

/** NaN has many bit patterns: one stands for all. */
const bitsOf = (values: Float32Array) => {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return bits.map((word, i) => (Number.isNaN(values[i]) ? 0x7fc00000 : word));
};

/** The first place where two arrays differ, with what stands there; undefined where they are equal. */
function firstDifference(a: Uint32Array, b: Uint32Array): readonly unknown[] | undefined {
  const at = a.findIndex((word, i) => word !== b[i]);
  return at === -1 && a.length === b.length ? undefined : [at, a[at], b[at]];
}

async function run(backend: Backend, inputs: Tensor[], outputs: Tensor[], feeds: Float32Array[]) {
  const executable = await backend.compile({ name: "half", inputs, outputs });
  const results = await executable.run(feeds);
  executable.dispose();
  return results;
}

describe.each(types)("%s", (type) => {
  test("every bit pattern is read as the number that it is", async () => {
    const stored = variable([65536], `all ${type}`, type);
    for (const backend of [reference, ...judgedOf(type)]) {
      backend.write(stored, all);
      const [values] = await run(backend, [], [stored.mul(1)], []);
      const expected = bitsOf(widen[type](all));
      expect(firstDifference(bitsOf(values), expected)).toBeUndefined();
      expect(firstDifference(bitsOf(await backend.read(stored)), expected)).toBeUndefined();
    }
  });

  test("rounds to nearest, ties to even, around every number", async () => {
    const values = hardValues(type);
    const x = input([values.length]);
    const expected = bitsOf(widen[type](narrow[type](values)));
    for (const backend of judgedOf(type)) {
      const [rounded] = await run(backend, [x], [x.cast(type).cast("f32")], [values]);
      expect(firstDifference(bitsOf(rounded), expected), backend.name).toBeUndefined();
      // The same by way of memory.
      const stored = variable([values.length], `rounded ${type}`, type);
      backend.write(stored, new Uint16Array(values.length));
      const update = await backend.compile({
        name: "store",
        inputs: [x],
        outputs: [],
        updates: [{ target: stored, value: x.cast(type) }],
      });
      await update.run([values]);
      expect(firstDifference(bitsOf(await backend.read(stored)), expected), backend.name).toBeUndefined();
      update.dispose();
    }
  });

  test("what is computed from it agrees with the reference on any shape", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 21 }),
        async (n, h, w, c) => {
          const x = input([n, h, w, c]);
          const y = input([n, h, w, c]);
          const half = x.cast(type);
          const joined = concat([half, y.cast(type)], 3);
          const outputs = [
            joined.slice([0, 0, 0, 1], [n, h, w, 2 * c - 1]).mul(2),
            half.permute([0, 3, 2, 1]).add(1),
            joined.pad([0, 1, 0, 0], [0, 0, 2, 1]).sum([1, 2]),
            half.max([3]).sub(joined.sum([3])),
            half.exp().cast(type).sub(y),
          ];
          const feeds = [noise(numel(x.shape), 1), noise(numel(y.shape), 2)];
          const expected = await run(reference, [x, y], outputs, feeds);
          for (const backend of judgedOf(type)) {
            for (const [i, values] of (await run(backend, [x, y], outputs, feeds)).entries()) {
              // An exp that differs in its last bit may round to the next 16-bit number.
              const bound = i === 4 ? 4e-3 : 1e-6;
              const error = relativeError(values, Float64Array.from(expected[i]));
              expect(error, `${i} on ${backend.name}`).toBeLessThan(bound);
            }
          }
        },
      ),
      { numRuns: 25 },
    ));

  test("weights take half the memory; products, convolutions, rows and gradients are those of the rounded weights", async () => {
    const x = input([2, 8, 8, 12]);
    const index = input([3], "i32");
    const feeds = [noise(numel(x.shape), 3), Int32Array.of(1, 0, 4)];
    const shapes = { filter: [3, 3, 12, 16], bias: [16], factor: [16, 20], table: [5, 20] };
    const model = (weights: Record<keyof typeof shapes, Tensor>) => {
      const y = x.conv2d(weights.filter, { stride: [1, 1], padding: [1, 1, 1, 1] }).add(weights.bias);
      const z = y.reshape([128, 16]).matmul(weights.factor);
      const rows = weights.table.gather(index).sum([0]);
      const loss = z.mul(rows).mean();
      return [z.add(rows), ...grad(loss, Object.values(weights))];
    };
    const weightsOf = (dtype: "f32" | HalfType) => ({
      filter: variable(shapes.filter, "filter", dtype),
      bias: variable(shapes.bias, "bias", dtype),
      factor: variable(shapes.factor, "factor", dtype),
      table: variable(shapes.table, "table", dtype),
    });
    const results: Float32Array[][] = [];
    for (const dtype of ["f32", type] as const) {
      const backend = new WasmBackend({ threads: 2 });
      const before = backend.usedBytes;
      const weights = weightsOf(dtype);
      for (const [i, tensor] of Object.values(weights).entries()) {
        const values = noise(numel(tensor.shape), 10 + i);
        backend.write(tensor, dtype === "f32" ? widen[type](narrow[type](values)) : values);
      }
      const elements = Object.values(shapes).reduce((total, shape) => total + numel(shape), 0);
      const used = backend.usedBytes - before;
      expect(used).toBeGreaterThanOrEqual((dtype === "f32" ? 4 : 2) * elements);
      expect(used).toBeLessThan((dtype === "f32" ? 4 : 2) * elements + 4 * 64);
      const executable = await backend.compile({
        name: "model",
        inputs: [x, index],
        outputs: model(weights),
      });
      results.push(await executable.run(feeds));
      await backend.close();
    }
    expect(results[1]).toEqual(results[0]);
  });

  test("a weight that is updated stays rounded, and sums are kept in f32", async () => {
    const weight = variable([37], "weight", type);
    const sum = variable([37], "sum");
    const g = input([37]);
    const next = weight.sub(g.mul(0.1));
    const updates = [
      { target: weight, value: next.cast(type) },
      { target: sum, value: sum.add(next) },
    ];
    const [exact, ...states] = await Promise.all(
      [reference, ...judgedOf(type)].map(async (backend) => {
        backend.write(weight, noise(37, 20));
        backend.write(sum, new Float32Array(37));
        const executable = await backend.compile({ name: "update", inputs: [g], outputs: [], updates });
        for (let step = 0; step < 5; step++) await executable.run([noise(37, 30 + step)]);
        executable.dispose();
        return [await backend.read(weight), await backend.read(sum)];
      }),
    );
    for (const [weights, sums] of states) {
      expect(weights).toEqual(exact[0]);
      expect(weights).toEqual(widen[type](narrow[type](weights)));
      expect(relativeError(sums, Float64Array.from(exact[1]))).toBeLessThan(1e-6);
    }
  });
});

test("types that do not fit are refused in words", async () => {
  const half = variable([4], "half", "f16");
  expect(() => wasm.write(half, Int32Array.of(1, 2, 3, 4))).toThrow(
    "write: Int32Array for a variable of f16",
  );
  const program = { name: "wrong", inputs: [], outputs: [], updates: [{ target: half, value: half.mul(2) }] };
  for (const backend of [wasm, reference]) {
    await expect(backend.compile(program)).rejects.toThrow(
      "wrong: an update of f16[4] has the value f32[4]; cast it",
    );
    await expect(backend.compile({ name: "out", inputs: [], outputs: [half] })).rejects.toThrow(
      "out: outputs must be f32, got f16; cast it",
    );
  }
});
