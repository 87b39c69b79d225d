// Values that do not change between runs are computed once, and again when a variable that they depend on is written.

import { afterAll, describe, expect, test } from "vitest";
import { cpuKernels } from "../../src/engine/backends/cpu/cpu_kernels.ts";
import { planProgram } from "../../src/engine/backends/cpu/memory_layout.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { lower } from "../../src/engine/program/lower.ts";
import { splitPrelude } from "../../src/engine/program/prelude.ts";
import { numel } from "../../src/engine/shape.ts";
import { input, type Tensor, variable } from "../../src/engine/tensor.ts";
import { noise, relativeError } from "./cpu_kernel_harness.ts";

const wasm = new WasmBackend({ threads: 2 });
afterAll(() => wasm.close());

const padding = [1, 1, 1, 1] as const;
const options = { stride: [1, 1], padding } as const;

/** Two convolutions, one of them strided, and a product: what prepares their weights is the same in every run. */
function model() {
  const x = input([2, 8, 8, 16]);
  const first = variable([3, 3, 16, 32], "first");
  const second = variable([3, 3, 32, 24], "second");
  const last = variable([24, 40], "last");
  const y = x
    .conv2d(first, options)
    .conv2d(second, { stride: [2, 2], padding })
    .reshape([32, 24])
    .matmul(last.exp());
  return { x, variables: [first, second, last], y };
}
const values = (tensor: Tensor, seed: number) => noise(numel(tensor.shape), seed);

async function expected(
  x: Tensor,
  y: Tensor,
  weights: readonly (readonly [Tensor, Float32Array])[],
  feed: Float32Array,
) {
  const reference = new ReferenceBackend();
  for (const [tensor, data] of weights) reference.write(tensor, data);
  const [result] = await (await reference.compile({ name: "same", inputs: [x], outputs: [y] })).run([feed]);
  return Float64Array.from(result);
}

describe("the prelude", () => {
  test("holds what follows from weights alone", () => {
    const { x, y } = model();
    const lowered = lower({ name: "sample", inputs: [x], outputs: [y] }, cpuKernels());
    const { lowered: split, layout } = planProgram(lowered, 2, 2 ** 30);
    const families = (calls: typeof split.calls) => calls.map(({ kernel }) => kernel.family);
    expect(families(split.calls.slice(0, split.preludeCalls))).toEqual(
      expect.arrayContaining(["pack", "pointwise"]),
    );
    expect(families(split.calls.slice(split.preludeCalls))).not.toContain("pack");
    expect(layout.tables.single.steps).toHaveLength(split.calls.length - split.preludeCalls);
  });

  test("gives the bits of a program without one", async () => {
    const { x, variables, y } = model();
    for (const [i, tensor] of variables.entries()) wasm.write(tensor, values(tensor, 1 + i));
    const feed = values(x, 9);
    const program = await wasm.compile({ name: "sample", inputs: [x], outputs: [y] });
    // A program that updates a variable, with its own value here, cannot prepare what follows from it.
    const updates = variables.map((target) => ({ target, value: target.add(0) }));
    const updating = await wasm.compile({ name: "update", inputs: [x], outputs: [y], updates });
    expect(updating.stats.kernels).toBeGreaterThan(program.stats.kernels);
    const [want] = await updating.run([feed]);
    for (let run = 0; run < 3; run++) expect((await program.run([feed]))[0]).toEqual(want);
    const timings = await program.profile([feed]);
    expect(timings).toHaveLength(program.stats.kernels);
    program.dispose();
    updating.dispose();
  });

  test("follows weights that are written between runs", async () => {
    const { x, variables, y } = model();
    const weights = variables.map((tensor, i): [Tensor, Float32Array] => [tensor, values(tensor, 1 + i)]);
    for (const [tensor, data] of weights) wasm.write(tensor, data);
    const program = await wasm.compile({ name: "sample", inputs: [x], outputs: [y] });
    const feed = values(x, 9);
    await program.run([feed]);
    for (const [i, pair] of weights.entries()) {
      pair[1] = values(pair[0], 20 + i);
      wasm.write(...pair);
      if (i === 1) await program.profile([feed]);
      const [got] = await program.run([feed]);
      expect(relativeError(got, await expected(x, y, weights, feed))).toBeLessThan(2e-6);
    }
    program.dispose();
  });

  test("follows weights that another program updates", async () => {
    const { x, variables, y } = model();
    const [first] = variables;
    for (const [i, tensor] of variables.entries()) wasm.write(tensor, values(tensor, 1 + i));
    const sample = await wasm.compile({ name: "sample", inputs: [x], outputs: [y] });
    const updates = [{ target: first, value: first.mul(0.5) }];
    const train = await wasm.compile({ name: "train", inputs: [], outputs: [], updates });
    const feed = values(x, 9);
    await sample.run([feed]);
    for (let step = 0; step < 2; step++) {
      // Neither waits for the other: runs take turns in the order in which they were asked for.
      const [, [got]] = await Promise.all([train.run([]), sample.run([feed])]);
      const weights = await Promise.all(
        variables.map(async (tensor): Promise<[Tensor, Float32Array]> => [tensor, await wasm.read(tensor)]),
      );
      expect(relativeError(got, await expected(x, y, weights, feed))).toBeLessThan(2e-6);
    }
    sample.dispose();
    train.dispose();
  });

  test("keeps out what another call completes, and what the program updates", () => {
    const x = input([4, 4]);
    const w = variable([4, 4], "w");
    const padded = x.pad([1, 0], [0, 1]).add(w.exp().pad([1, 0], [0, 1]));
    const outputs = [padded.matmul(padded.permute([1, 0]))];
    const split = splitPrelude(lower({ name: "pads", inputs: [x], outputs }, cpuKernels()), 2 ** 20);
    expect(split.calls.slice(0, split.preludeCalls).map(({ label }) => label)).toContain("exp[4, 4]");
    const updates = [{ target: w, value: w.add(1) }];
    expect(
      splitPrelude(lower({ name: "updates", inputs: [x], outputs, updates }, cpuKernels()), 2 ** 20)
        .preludeCalls,
    ).toBe(0);
  });

  test("takes only the memory it may have", async () => {
    const { x, variables, y } = model();
    for (const [i, tensor] of variables.entries()) wasm.write(tensor, values(tensor, 1 + i));
    const lowered = lower({ name: "sample", inputs: [x], outputs: [y] }, cpuKernels());
    const kept = (most: number) =>
      splitPrelude(lowered, most)
        .buffers.filter(({ place }) => place.kind === "prelude")
        .reduce((total, { bytes }) => total + bytes, 0);
    const all = kept(2 ** 30);
    expect(kept(all)).toBe(all);
    expect(kept(all - 1)).toBeGreaterThan(0);
    expect(kept(all - 1)).toBeLessThan(all);
    expect(kept(0)).toBe(0);

    // With hardly more than the least there is no prelude, and the same result.
    const least =
      planProgram(lowered, 1, 0).layout.bytes + 4 * variables.reduce((n, v) => n + numel(v.shape), 0);
    const small = new WasmBackend({ threads: 1, memoryLimit: least + 8192 });
    try {
      const spec = { name: "sample", inputs: [x], outputs: [y] };
      for (const [i, tensor] of variables.entries()) small.write(tensor, values(tensor, 1 + i));
      expect(small.memory(spec).needed).toBeLessThanOrEqual(small.memory(spec).available);
      const tight = await small.compile(spec);
      const roomy = await wasm.compile(spec);
      expect(tight.stats.kernels).toBeGreaterThan(roomy.stats.kernels);
      expect(await tight.run([values(x, 9)])).toEqual(await roomy.run([values(x, 9)]));
      roomy.dispose();
    } finally {
      await small.close();
    }
  });
});
