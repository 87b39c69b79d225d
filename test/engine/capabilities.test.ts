// Lowering keeps to what a backend declares: here the CPU's kernels under the bounds of a GPU.

import { afterAll, describe, expect, test } from "vitest";
import type { Backend, ProgramSpec } from "../../src/engine/backend.ts";
import { cpuCapabilities, cpuKernels } from "../../src/engine/backends/cpu/cpu_kernels.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import type { Capabilities } from "../../src/engine/capabilities.ts";
import type { LoopSpec } from "../../src/engine/program/loop_spec.ts";
import { lower } from "../../src/engine/program/lower.ts";
import { numel } from "../../src/engine/shape.ts";
import { grad, input, type Tensor, variable } from "../../src/engine/tensor.ts";
import { noise, relativeError } from "./cpu_kernel_harness.ts";

const narrow: Capabilities = {
  ...cpuCapabilities,
  maxArrays: 5,
  inPlace: false,
  readsStrides: () => false,
  tail: () => ({ bias: false, residual: false, perImage: false }),
};
const backend = new WasmBackend({ threads: 2, capabilities: narrow });
const plain = new WasmBackend({ threads: 2 });
afterAll(async () => {
  await backend.close();
  await plain.close();
});

/** A convolution with bias and residual, a product of a transposed factor, and an update that reads and writes much. */
function step(): { program: ProgramSpec; variables: Tensor[]; inputs: Tensor[] } {
  const x = input([2, 6, 6, 8], "f32", "x");
  const time = input([2, 8], "f32", "time");
  const filter = variable([3, 3, 8, 8], "filter");
  const bias = variable([8], "bias");
  const factor = variable([8, 8], "factor");
  const state = ["m", "v", "average", "other", "last"].map((name) => variable([3, 3, 8, 8], name));
  const y = x
    .conv2d(filter, { stride: [1, 1], padding: [1, 1, 1, 1] })
    .add(bias)
    .add(time.reshape([2, 1, 1, 8]))
    .sigmoid()
    .reshape([72, 8])
    .matmul(factor.transpose());
  const loss = y.mul(y).mean();
  const [g] = grad(loss, [filter]);
  const [m, v, average, other, last] = state;
  const m1 = m.mul(0.9).add(g.mul(0.1));
  const v1 = v.mul(0.99).add(g.mul(g).mul(0.01));
  const filter1 = filter.sub(m1.div(v1.sqrt().add(1e-3)).mul(other.add(last)));
  const average1 = average.mul(0.9).add(filter1.mul(0.1));
  const updates = [
    { target: m, value: m1 },
    { target: v, value: v1 },
    { target: filter, value: filter1 },
    { target: average, value: average1 },
  ];
  const wide = m1.add(v1).add(average).add(other).add(last).add(g).add(filter);
  return {
    program: { name: "step", inputs: [x, time], outputs: [loss, wide], updates },
    variables: [filter, bias, factor, ...state],
    inputs: [x, time],
  };
}

describe("capabilities", () => {
  test("bound the arrays of a kernel, and none is read and written at once", () => {
    const { program } = step();
    const loops = (capabilities: Capabilities) =>
      lower(program, cpuKernels(capabilities)).calls.filter(({ kernel }) =>
        /pointwise|reduce/.test(kernel.family),
      );
    const arrays = loops(narrow).map(({ args }) => new Set(args.map(({ buffer }) => buffer)).size);
    expect(Math.max(...arrays)).toBeLessThanOrEqual(narrow.maxArrays);
    const aliased = (capabilities: Capabilities) =>
      loops(capabilities).some(({ args, writes }) =>
        args.some(({ buffer }, i) => !writes.includes(i) && writes.some((w) => args[w].buffer === buffer)),
      );
    expect(aliased(narrow)).toBe(false);
    // What the CPU does without the bounds: the test would see nothing if it were not more.
    expect(Math.max(...loops(cpuCapabilities).map(({ args }) => args.length))).toBeGreaterThan(
      narrow.maxArrays,
    );
    expect(aliased(cpuCapabilities)).toBe(true);
  });

  test("a loop says the type of each array", () => {
    const [index, x, half] = [input([4], "i32"), input([4]), variable([4], "half", "f16")];
    const sum = index.cast("f32").add(x).add(half);
    const specs = lower<LoopSpec>(
      {
        name: "types",
        inputs: [index, x],
        outputs: [sum],
        updates: [{ target: half, value: sum.cast("f16") }],
      },
      {
        capabilities: narrow,
        loop: (spec) => spec,
        primitive: () => {
          throw new Error("there is none");
        },
      },
    ).calls.map(({ kernel }) => kernel);
    expect(specs[0].operands.map(({ dtype }) => dtype)).toEqual(["i32", "f32", "f16"]);
    const stored = specs.flatMap(({ stores }) => stores.map(({ dtype }) => dtype));
    expect(new Set(stored)).toEqual(new Set(["f32", "f16"]));
  });

  test("a program with an element type that the backend does not have is refused", async () => {
    const single = new WasmBackend({ threads: 1, capabilities: { ...narrow, dtypes: ["f32", "i32"] } });
    const half = variable([4], "half", "f16");
    single.write(half, new Float32Array(4));
    const program = { name: "halves", inputs: [], outputs: [half.add(1)] };
    await expect(single.compile(program)).rejects.toThrow(
      "halves: variable is f16, but the backend has f32, i32; cast it",
    );
    await single.close();
  });

  test("change no value", async () => {
    const { program, variables, inputs } = step();
    const run = async (on: Backend) => {
      for (const [i, tensor] of variables.entries())
        on.write(tensor, noise(numel(tensor.shape), 7 + i).map(Math.abs));
      const executable = await on.compile(program);
      const feeds = inputs.map((tensor, i) => noise(numel(tensor.shape), 70 + i));
      const outputs = [...(await executable.run(feeds)), ...(await executable.run(feeds))];
      executable.dispose();
      const state = await Promise.all(variables.map((tensor) => on.read(tensor)));
      return [...outputs, ...state];
    };
    const expected = await run(new ReferenceBackend());
    for (const on of [backend, plain]) {
      for (const [i, values] of (await run(on)).entries()) {
        expect(relativeError(values, Float64Array.from(expected[i]))).toBeLessThan(1e-5);
      }
    }
  });
});
