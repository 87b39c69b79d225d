// Muon against torch.optim.Muon. "exact" in the fixture is what torch's own code computes where float64 takes the place
// of its bfloat16, for a tight bound; torch's real numbers, within what bfloat16 can do, are the loose one.

import * as v from "valibot";
import { afterAll, describe, expect, test } from "vitest";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { constant, input, type Tensor, variable } from "../../src/engine/tensor.ts";
import { oihwToHwio } from "../../src/io/filter_layout.ts";
import { muon, muonScalars, orthogonalize } from "../../src/nn/muon.ts";
import { maxDifference, norm } from "../support/compare.ts";
import { evaluate64, random64 } from "../support/float64.ts";
import { readJsonFixture } from "../support/golden.ts";
import { run } from "../support/run.ts";

const values = v.array(v.number());
const { options, steps, rows } = v.parse(
  v.object({
    options: v.object({ lr: v.number(), weight_decay: v.number(), momentum: v.number() }),
    steps: v.number(),
    rows: v.array(v.object({ shape: values, torch: values, exact: values })),
  }),
  await readJsonFixture("muon.json"),
);

/** As in the fixture. */
const numbers = (seed: number, size: number): Float32Array =>
  Float32Array.from({ length: size }, (_, k) => Math.sin(1.7 * k * k + 0.3 * k + seed));
/** Numbers in torch's layout, put in the engine's; in float64. */
function laidOut(data: ArrayLike<number>, shape: readonly number[]): Float64Array {
  const order = Float32Array.from({ length: data.length }, (_, i) => i);
  return Float64Array.from(shape.length === 4 ? oihwToHwio(order, shape) : order, (i) => data[i]);
}
const engineShape = ([o, i, ...kernel]: readonly number[]) =>
  kernel.length > 0 ? [...kernel, i, o] : [o, i];

const muonOptions = { momentum: options.momentum, weightDecay: options.weight_decay };

/** All steps of a fixture's row in one graph, with the values of its leaves. */
function steppedGraph(shape: readonly number[]) {
  const leaves = new Map<Tensor, Float64Array>();
  const leaf = (tensor: Tensor, data: Float64Array) => {
    leaves.set(tensor, data);
    return tensor;
  };
  const size = shape.reduce((a, b) => a * b);
  const own = engineShape(shape);
  const scalars = muonScalars(options.lr, muonOptions);
  const tensors = {
    keep: leaf(input([]), Float64Array.of(scalars.keep)),
    learningRate: leaf(input([]), Float64Array.of(scalars.learningRate)),
  };
  let state = {
    weight: leaf(variable(own, "weight"), laidOut(numbers(0, size), shape)),
    momentumBuffer: leaf(variable(own, "momentum_buffer"), new Float64Array(size)),
  };
  for (let step = 0; step < steps; step++) {
    const gradient = leaf(input(own), laidOut(numbers(step + 1, size), shape));
    state = muon(state, gradient, tensors, muonOptions);
  }
  return { weight: state.weight, leaves };
}

const wasm = new WasmBackend({ threads: 2 });
afterAll(() => wasm.close());

describe.each(rows)("a weight $shape", ({ shape, torch, exact }) => {
  const { weight, leaves } = steppedGraph(shape);

  test("in float64 follows torch", () => {
    const feeds = new Map([...leaves].map(([{ node }, data]) => [node, data]));
    const [after] = evaluate64([weight.node], feeds);
    expect(maxDifference(after, laidOut(exact, shape))).toBeLessThan(1e-8);
    // Of steps of about 0.004 times the root of the longer side; bfloat16 has 8 bits.
    expect(maxDifference(after, laidOut(torch, shape))).toBeLessThan(4e-3);
  });

  test.each([new ReferenceBackend(), wasm])("in float32 too, on $name", async (backend) => {
    const isVariable = ({ node }: Tensor) => node.op.kind === "variable";
    for (const [tensor, data] of leaves)
      if (isVariable(tensor)) backend.write(tensor, Float32Array.from(data));
    const inputs = [...leaves].filter(([tensor]) => !isVariable(tensor));
    const executable = await backend.compile({
      name: "muon",
      inputs: inputs.map(([tensor]) => tensor),
      outputs: [weight],
    });
    const [after] = await executable.run(inputs.map(([, data]) => Float32Array.from(data)));
    executable.dispose();
    expect(maxDifference(after, laidOut(exact, shape))).toBeLessThan(1e-6);
  });
});

test.each([6, 24])("singular values of a [6, %i] matrix end near 1, whatever its scale", async (n) => {
  // A diagonal matrix with its columns moved: its singular values are its entries.
  const singular = [1, 0.7, 0.3, 0.1, 0.03, 0.01];
  const place = (i: number) => i * n + ((i + 2) % 6);
  for (const scale of [1e-4, 1, 1e4]) {
    const matrix = new Float32Array(6 * n);
    for (const [i, value] of singular.entries()) matrix[place(i)] = value * scale;
    const [ortho] = await run([orthogonalize(constant(matrix, [6, n]))]);
    for (const i of singular.keys()) {
      const value = ortho[place(i)];
      expect(value).toBeGreaterThan(0.65);
      expect(value).toBeLessThan(1.25);
      ortho[place(i)] = 0;
    }
    expect(norm(ortho)).toBe(0);
  }
});

test("a step has the size of AdamW's for any shape", async () => {
  for (const [m, n] of [
    [8, 72],
    [72, 8],
    [24, 24],
  ]) {
    const gradient = constant(Float32Array.from(random64(m, m * n)), [m, n]);
    const zero = constant(new Float32Array(m * n), [m, n]);
    const one = { keep: constant(Float32Array.of(1), []), learningRate: constant(Float32Array.of(1), []) };
    const [step] = await run([
      muon({ weight: zero, momentumBuffer: zero }, gradient, one, { momentum: 0.95, weightDecay: 0 }).weight,
    ]);
    const rms = norm(step) / Math.sqrt(m * n);
    expect(rms).toBeGreaterThan(0.15);
    expect(rms).toBeLessThan(0.22);
  }
});

test("a matrix of zeros stays one", async () => {
  expect(await run([orthogonalize(constant(new Float32Array(6), [2, 3]))])).toEqual([new Float32Array(6)]);
});

test("the same bits for any number of threads, for matrices of several tiles", async () => {
  const matrix = constant(Float32Array.from(random64(1, 160 * 640)), [160, 640]);
  const tall = constant(Float32Array.from(random64(2, 3 * 3 * 96 * 96)), [3 * 3 * 96, 96]);
  const results = [];
  for (const threads of [1, 2, 3]) {
    const backend = new WasmBackend({ threads });
    const outputs = [orthogonalize(matrix), orthogonalize(tall)];
    const executable = await backend.compile({ name: "muon", inputs: [], outputs });
    results.push(await executable.run([]));
    await backend.close();
  }
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
  const [first] = results[0];
  expect(norm(first) / Math.sqrt(160)).toBeCloseTo(1, 0);
});
