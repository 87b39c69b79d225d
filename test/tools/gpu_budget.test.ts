// What gpu:budget counts: operations, bytes and dispatches as on a device, and the least time for them.

import { expect, test } from "vitest";
import type { ProgramSpec } from "../../src/engine/backend.ts";
import { Device, findGpu } from "../../src/engine/backends/webgpu/device.ts";
import { WebgpuBackend } from "../../src/engine/backends/webgpu/webgpu_backend.ts";
import { choiceFor } from "../../src/engine/backends/webgpu/webgpu_kernels.ts";
import { numel } from "../../src/engine/shape.ts";
import { input, type Tensor, variable } from "../../src/engine/tensor.ts";
import { budgetOf, budgetsOf, type Limits } from "../../tools/gpu_budget/budget.ts";
import { countDispatches } from "../../tools/gpu_budget/dispatches.ts";
import { describeOnGpu } from "../support/gpu.ts";

/** 1 flop and 1 byte take a second each, a dispatch takes 10. */
const slow: Limits = { name: "slow", flopsPerSecond: 1, bytesPerSecond: 1, dispatchSeconds: 10 };
const quick: Limits = { ...slow, name: "quick", flopsPerSecond: 100, bytesPerSecond: 100 };

test("a dispatch takes as long as what takes longest of it", () => {
  const dispatches = [
    { family: "a", flops: 100, bytes: 50 },
    { family: "a", flops: 3, bytes: 70 },
    { family: "b", flops: 1, bytes: 1 },
  ];
  expect(budgetOf("all", dispatches, [slow, quick])).toEqual({
    ...{ family: "all", dispatches: 3, flops: 104, bytes: 121 },
    least: [
      { seconds: 180, bound: "arithmetic" },
      { seconds: 30, bound: "dispatches" },
    ],
  });
  expect(budgetsOf(dispatches.toReversed(), [slow]).map(({ family, least }) => [family, ...least])).toEqual([
    ["a", { seconds: 170, bound: "arithmetic" }],
    ["b", { seconds: 10, bound: "dispatches" }],
  ]);
});

/** A convolution, and variables that are halved: few values are joined, many are not. */
function programOf(): { readonly program: ProgramSpec; readonly variables: readonly Tensor[] } {
  const [x, filter] = [input([1, 8, 8, 8]), variable([3, 3, 8, 4], "filter")];
  const y = x.conv2d(filter, { stride: [1, 1], padding: [1, 1, 1, 1] });
  const halved = [100, 100, 100, 2 ** 21, 2 ** 21].map((size, i) => variable([size], `v${i}`));
  const updates = halved.map((target) => ({ target, value: target.mul(0.5) }));
  return { program: { name: "p", inputs: [x], outputs: [y], updates }, variables: [filter, ...halved] };
}

test("operations and bytes are those of the kernels; equal small calls are one dispatch", () => {
  expect(countDispatches(programOf().program)).toEqual(
    expect.arrayContaining([
      { family: "conv2d", flops: 2 * 64 * 9 * 8 * 4, bytes: 4 * (64 * 8 + 64 * 4 + 9 * 8 * 4) },
      { family: "pointwise", flops: 300, bytes: 3 * 2 * 400 },
      { family: "pointwise", flops: 2 ** 21, bytes: 2 * 2 ** 23 },
    ]),
  );
});

describeOnGpu("a device", () => {
  test("has as many dispatches and operations as are counted", async () => {
    const backend = await WebgpuBackend.open(await Device.open(await findGpu()));
    try {
      const { program, variables } = programOf();
      for (const one of variables) backend.write(one, new Float32Array(numel(one.shape)));
      const { stats } = await backend.compile(program);
      const counted = countDispatches(
        program,
        choiceFor(backend.device, { tiles: { direct: { together: 1, alone: 1 } }, bytesPerSecond: 0 }),
      );
      expect(stats.kernels).toBe(counted.length);
      expect(stats.flops).toBe(counted.reduce((total, { flops }) => total + flops, 0));
    } finally {
      await backend.close();
    }
  });
});
