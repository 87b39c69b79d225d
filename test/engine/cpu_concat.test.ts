// Parts of a concatenation are computed in place: the same values, gradients and bits, and no copies.

import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { cpuKernels } from "../../src/engine/backends/cpu/cpu_kernels.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { lower } from "../../src/engine/program/lower.ts";
import { numel } from "../../src/engine/shape.ts";
import { concat, grad, input, type Tensor, variable } from "../../src/engine/tensor.ts";
import { noise, relativeError } from "./cpu_kernel_harness.ts";

const one = new WasmBackend({ threads: 1 });
const two = new WasmBackend({ threads: 2 });
const reference = new ReferenceBackend();
afterAll(() => Promise.all([one.close(), two.close()]));

const pixelwise = { stride: [1, 1], padding: [0, 0, 0, 0] } as const;
const size = fc.integer({ min: 1, max: 6 });
const channels = fc.integer({ min: 1, max: 37 });

/** Outputs and their gradients with respect to the inputs. */
function withGradients(inputs: readonly Tensor[], outputs: readonly Tensor[]) {
  const loss = outputs.map((output) => output.mul(output).sum()).reduce((a, b) => a.add(b));
  return { name: "concat", inputs, outputs: [...outputs, ...grad(loss, inputs)] };
}

async function agree(inputs: readonly Tensor[], outputs: readonly Tensor[]): Promise<void> {
  const program = withGradients(inputs, outputs);
  const feeds = inputs.map((x, i) => noise(numel(x.shape), 5 + i));
  const expected = await (await reference.compile(program)).run(feeds);
  const runs: Float32Array[][] = [];
  for (const backend of [one, two]) {
    const executable = await backend.compile(program);
    runs.push(await executable.run(feeds));
    executable.dispose();
  }
  for (const [i, got] of runs[0].entries()) {
    expect(relativeError(got, Float64Array.from(expected[i])), `result ${i}`).toBeLessThan(5e-6);
    expect(runs[1][i], `result ${i} with two threads`).toEqual(got);
  }
}

/**
 * As in a UNet: what goes on, is normed by its own mean, and comes back beside what followed from it. Differences, as no
 * product's kernel computes them.
 */
function skipConnection(x: Tensor, b: Tensor, filter: Tensor, back: Tensor) {
  const skip = x.conv2d(filter, pixelwise).sub(b);
  const centred = skip.sub(skip.mean([1, 2], true)).tanh();
  const hidden = centred.conv2d(back, pixelwise).sub(x);
  return { skip, hidden, joined: concat([hidden, skip], 3) };
}

const copies = (inputs: readonly Tensor[], outputs: readonly Tensor[]) =>
  lower({ name: "copies", inputs, outputs }, cpuKernels()).calls.filter(({ label }) =>
    label.startsWith("concat"),
  ).length;

describe("parts of a concatenation", () => {
  test("are read in place by norms, sums and gradients", () =>
    fc.assert(
      fc.asyncProperty(size, size, size, channels, channels, async (n, h, w, ci, co) => {
        const inputs = [
          input([n, h, w, ci]),
          input([n, h, w, co]),
          input([1, 1, ci, co]),
          input([1, 1, co, ci]),
        ];
        const [x, b, filter, back] = inputs;
        const { hidden, joined } = skipConnection(x, b, filter, back);
        const last = joined.mul(joined.mean([3], true)).sum([1, 2]);
        await agree(inputs, [last, hidden.add(1).sum([3])]);
      }),
      { numRuns: 12, seed: 11 },
    ));

  test("may lie along any axis, and be sums", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 }), size, size, channels, async (axis, a, b, c) => {
        const inputs = [input([a, b, c]), input([a, b, c])];
        const [x, y] = inputs;
        const parts = [x.mul(y), x.sum([axis], true), y.exp()];
        const joined = concat(parts, axis);
        const flat = concat([parts[0].mean().reshape([1]), y.sum().reshape([1])], 0);
        await agree(inputs, [joined.sigmoid(), joined.mul(joined.sum([0, 1], true)), flat.sum().tanh()]);
      }),
      { numRuns: 12, seed: 11 },
    ));

  test("are not copied when loops make and read them", () => {
    const inputs = [input([2, 4, 4, 16]), input([2, 4, 4, 20]), input([1, 1, 16, 20]), input([1, 1, 20, 16])];
    const [x, b, filter, back] = inputs;
    const { joined } = skipConnection(x, b, filter, back);
    expect(copies(inputs, [joined.sum([1, 2])])).toBe(0);
    const squares = inputs.map((tensor) => tensor.mul(tensor).sum().reshape([1]));
    expect(copies(inputs, [concat(squares, 0).sum()])).toBe(0);
  });

  test("are copied when something else needs them as they are", () => {
    const inputs = [input([2, 4, 4, 16]), input([2, 4, 4, 20]), input([1, 1, 16, 20]), input([1, 1, 20, 16])];
    const [x, b, filter, back] = inputs;
    const { skip, hidden, joined } = skipConnection(x, b, filter, back);
    expect(copies(inputs, [joined.sum([1, 2]), skip]), "an output").toBe(1);
    expect(copies(inputs, [joined.sum([1, 2]), skip.conv2d(back, pixelwise)]), "a convolution").toBe(1);
    expect(copies(inputs, [joined, concat([skip, skip], 0)]), "two concatenations").toBe(3);
    expect(copies(inputs, [concat([x, hidden], 3)]), "an input").toBe(1);
    expect(copies(inputs, [joined.sum([1, 2]), skip.sum([1, 2, 3])]), "a sum across runs").toBe(1);
  });

  test("that are new values of variables stay in them", async () => {
    const x = input([3, 5]);
    const state = variable([3, 5], "state");
    const next = state.add(x);
    const program = {
      name: "update",
      inputs: [x],
      outputs: [concat([next, x.exp()], 1).mul(2)],
      updates: [{ target: state, value: next }],
    };
    const feed = noise(15, 3);
    for (const backend of [two, reference]) backend.write(state, noise(15, 4));
    const [got] = await (await two.compile(program)).run([feed]);
    const [expected] = await (await reference.compile(program)).run([feed]);
    expect(relativeError(got, Float64Array.from(expected))).toBeLessThan(1e-6);
    expect(relativeError(await two.read(state), Float64Array.from(await reference.read(state)))).toBeLessThan(
      1e-6,
    );
  });
});
