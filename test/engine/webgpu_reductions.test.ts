// Reductions on a GPU, by subgroups where the device has them and without: of many lengths, with pointwise work, several
// results at once. Inputs are whole numbers, so that every order gives the same sums.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { Device, findGpu } from "../../src/engine/backends/webgpu/device.ts";
import { loopKernel } from "../../src/engine/backends/webgpu/kernels/loop/loop.ts";
import { WebgpuBackend } from "../../src/engine/backends/webgpu/webgpu_backend.ts";
import type { ReduceFn } from "../../src/engine/graph.ts";
import { numel } from "../../src/engine/shape.ts";
import { input, type Tensor } from "../../src/engine/tensor.ts";
import { describeOnGpu } from "../support/gpu.ts";
import { numbers } from "./numbers.ts";

/** Compiling many kernels for a processor takes seconds. */
const PATIENCE = 300_000;
const LENGTHS = [...Array.from({ length: 70 }, (_, i) => i + 1), 127, 128, 129, 255, 256, 257, 1000, 5000];

/** Groups of lengths, each for one program. */
const programs = Array.from({ length: Math.ceil(LENGTHS.length / 13) }, (_, i) =>
  LENGTHS.slice(13 * i, 13 * (i + 1)),
);

/** Rows of a length, so many that they are a workgroup's and some more. */
const rowsOf = (length: number): number => Math.min(length, 70);

/** Sums and maxima of rows, columns and all of an array. */
const reductionsOf = (x: Tensor): Tensor[] => [
  x.sum([1]),
  x.mul(2).add(1).max([1]),
  x.square().sum([0]),
  x.max(),
];

/** Whole numbers; that of row r in column r, or so, is the largest of both. */
function feedOf(rows: number, length: number): Float32Array {
  const values = numbers(rows * length, length).map((value) => Math.round(8 * value));
  for (let row = 0; row < rows; row++) values[row * length + Math.floor((row * length) / rows)] = 20 + row;
  return values;
}

async function agree(backend: WebgpuBackend, lengths: readonly number[]): Promise<void> {
  const inputs = lengths.map((length) => input([rowsOf(length), length]));
  const program = { name: "reductions", inputs, outputs: inputs.flatMap(reductionsOf) };
  const feeds = lengths.map((length) => feedOf(rowsOf(length), length));
  const expected = await (await new ReferenceBackend().compile(program)).run(feeds);
  const executable = await backend.compile(program);
  const got = await executable.run(feeds);
  executable.dispose();
  for (const [i, values] of got.entries()) {
    const length = lengths[Math.floor(i / (got.length / lengths.length))];
    expect(values, `result ${i} of length ${length}`).toEqual(expected[i]);
  }
}

describeOnGpu("reductions", () => {
  describe.each([
    ["as the device does them", {}],
    ["without subgroups", { subgroup: 0 }],
  ])("%s", (_, choice) => {
    let backend: WebgpuBackend;
    beforeAll(async () => {
      backend = await WebgpuBackend.open(await Device.open(await findGpu()), choice);
    });
    afterAll(() => backend.close());

    test.each(programs.map((lengths) => [lengths[0], lengths.slice(-1)[0], lengths] as const))(
      "of %d to %d elements",
      (_first, _last, lengths) => agree(backend, lengths),
      PATIENCE,
    );

    test("give the same bits each time, and for equal rows", async () => {
      const [rows, length] = [70, 777];
      const x = input([rows, length]);
      const program = { name: "rows", inputs: [x], outputs: [x.exp().sum([1])] };
      const executable = await backend.compile(program);
      const row = numbers(length, 5);
      const feed = Float32Array.from({ length: numel(x.shape) }, (_, i) => row[i % length]);
      const [[once], [again]] = [await executable.run([feed]), await executable.run([feed])];
      executable.dispose();
      expect(again).toEqual(once);
      expect(new Set(once).size).toBe(1);
    });
  });

  test("use subgroups where all of the device's have one size", async ({ skip }) => {
    const device = await Device.open(await findGpu());
    const { subgroup } = device;
    device.close();
    skip(subgroup === 0, "this GPU has no subgroups, or some of several sizes");
    expect(256 % subgroup).toBe(0);
    expect(shaderOf("sum", 1000, subgroup)).toContain("subgroupShuffleXor");
  });
});

/** A shader that reduces the rows of an array of 3 rows. */
function shaderOf(fn: ReduceFn, length: number, subgroup: number): string {
  const array = { offset: 0, dtype: "f32" } as const;
  const kernel = loopKernel(
    {
      domain: [3, length],
      reduced: [false, true],
      operands: [{ ...array, strides: [length, 1] }],
      instructions: [{ op: "load", operand: 0 }],
      stores: [],
      reductions: [{ ...array, strides: [1, 0], fn, value: 0 }],
    },
    subgroup,
  );
  const { head, body } = kernel.emit(kernel.arrays.map(() => ({ load: () => "x", store: () => "" })));
  return head + body;
}

test.each([
  ["fits in a subgroup", 32, 40, 0],
  ["has a value from each of few subgroups", 32, 1000, 1],
  ["has more subgroups than one of them has invocations", 4, 1000, 3],
  ["has larger subgroups than invocations", 128, 40, 0],
])("a result that %s waits for no more than it must", (_, subgroup, length, barriers) => {
  for (const fn of ["sum", "max"] as const) {
    const shader = shaderOf(fn, length, subgroup);
    expect(shader.split("workgroupBarrier()").length - 1).toBe(barriers);
    expect(shader.includes("var<workgroup>")).toBe(barriers > 0);
  }
});
