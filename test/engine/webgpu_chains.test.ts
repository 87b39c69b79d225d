// Which groups of calls become a chain: small ones in a row, whose arrays can be bound together.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type PlacedCall, withChains } from "../../src/engine/backends/webgpu/chains.ts";
import { Device, findGpu } from "../../src/engine/backends/webgpu/device.ts";
import { loopKernel } from "../../src/engine/backends/webgpu/kernels/loop/loop.ts";
import { describeOnGpu, noGpu } from "../support/gpu.ts";

let device: Device;
let arena: GPUBuffer;
beforeAll(async () => {
  if (noGpu !== undefined) return;
  device = await Device.open(await findGpu());
  arena = device.newBuffer(2 ** 20, "an arena");
});
afterAll(() => device?.close());

/** Doubles so many numbers. */
function doubling(count: number, label: string, buffers: readonly GPUBuffer[] = [arena, arena]): PlacedCall {
  const array = { strides: [1], offset: 0, dtype: "f32" } as const;
  const kernel = loopKernel(
    {
      domain: [count],
      reduced: [false],
      operands: [array],
      instructions: [
        { op: "load", operand: 0 },
        { op: "binary", fn: "add", args: [0, 0] },
      ],
      stores: [{ ...array, value: 1 }],
      reductions: [],
    },
    0,
  );
  return { kernel, label, regions: buffers.map((buffer) => ({ buffer, offset: 0, size: 4 * count })) };
}

const shown = (groups: readonly (readonly PlacedCall[])[]) =>
  groups.map((group) => group.map(({ kernel, label }) => `${kernel.family} ${label}`));

describeOnGpu("chains", () => {
  test("small groups in a row are one call, large ones stay between them", () => {
    const groups = [
      [doubling(100, "a")],
      [doubling(64, "b"), doubling(64, "c")],
      [doubling(1_000_000, "large")],
      [doubling(8, "d")],
      [doubling(8, "e")],
      [doubling(1_000_000, "last")],
      [doubling(8, "alone")],
    ];
    expect(shown(withChains(groups, 8))).toEqual([
      ["chain a to c"],
      ["pointwise large"],
      ["chain d to e"],
      ["pointwise last"],
      ["pointwise alone"],
    ]);
  });

  test("a stage waits for the group before it, and not for its own", () => {
    const [[{ kernel }]] = withChains([[doubling(16, "a")], [doubling(16, "b"), doubling(16, "c")]], 8);
    const args = kernel.arrays.map((_, i) => ({
      load: (index: string) => `array${i}[${index}]`,
      store: (index: string, value: string) => `array${i}[${index}] = ${value};`,
    }));
    const { body } = kernel.emit(args);
    expect(body.split("storageBarrier();").map((part) => part.split("for (").length - 1)).toEqual([1, 2]);
  });

  test("many calls of one kernel stay a group of their own", () => {
    const many = Array.from({ length: 9 }, (_, i) => doubling(16, String(i)));
    expect(
      withChains([[doubling(16, "a")], many, [doubling(16, "b")]], 8).map(({ length }) => length),
    ).toEqual([1, 9, 1]);
  });

  test("a chain ends where a kernel could not bind its buffers", () => {
    const groups = Array.from({ length: 4 }, (_, i) => [
      doubling(16, String(i), [device.newBuffer(64, "a"), device.newBuffer(64, "b")]),
    ]);
    expect(shown(withChains(groups, 4))).toEqual([["chain 0 to 1"], ["chain 2 to 3"]]);
    expect(shown(withChains(groups, 2))).toEqual([
      ["pointwise 0"],
      ["pointwise 1"],
      ["pointwise 2"],
      ["pointwise 3"],
    ]);
  });
});
