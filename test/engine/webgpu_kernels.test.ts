// The kernels that real GPUs get, which the software GPU of the tests would not choose: products by every tile, and
// attention through workgroup memory.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Device, findGpu } from "../../src/engine/backends/webgpu/device.ts";
import { GPU_TILES, type TileName } from "../../src/engine/backends/webgpu/kernels/product/tiles.ts";
import {
  gradFilterTakesWinograd,
  takesWinograd,
} from "../../src/engine/backends/webgpu/kernels/winograd/winograd.ts";
import { WebgpuBackend } from "../../src/engine/backends/webgpu/webgpu_backend.ts";
import type { KernelChoice } from "../../src/engine/backends/webgpu/webgpu_kernels.ts";
import { type ConvGeometry, geometry } from "../../src/engine/ops/conv2d.ts";
import { input, type Tensor } from "../../src/engine/tensor.ts";
import { agreeOn } from "../support/agree.ts";
import { describeOnGpu } from "../support/gpu.ts";
import { numbers } from "./numbers.ts";

const TOLERANCE = 1e-5;
/** Compiling a large kernel for a processor takes seconds. */
const PATIENCE = 300_000;

function backendWith(choice: Partial<KernelChoice>): () => WebgpuBackend {
  let backend: WebgpuBackend | undefined;
  beforeAll(async () => {
    backend = await WebgpuBackend.open(await Device.open(await findGpu()), choice);
  });
  afterAll(() => backend?.close());
  return () => {
    if (backend === undefined) throw new Error("the backend is not open");
    return backend;
  };
}

/** Products of both layouts of each factor. */
const products = (a: Tensor, b: Tensor, aTurned: Tensor, bTurned: Tensor) => [
  a.matmul(b),
  a.matmul(bTurned.transpose()),
  aTurned.transpose().matmul(b),
  aTurned.transpose().matmul(bTurned.transpose()),
];
const factors = (m: number, n: number, k: number) => [
  [m, k],
  [k, n],
  [k, m],
  [n, k],
];
const same = { stride: [1, 1], padding: [1, 1, 1, 1] } as const;
const halved = { stride: [2, 2], padding: [0, 1, 0, 1] } as const;

describeOnGpu("kernels for GPUs", () => {
  describe.each<TileName>([...GPU_TILES])("tile %s", (tile) => {
    const backend = backendWith({ speeds: { [tile]: { together: 1, alone: 1 } } });

    test("products in fours", () => agreeOn([backend()], factors(36, 40, 24), products, TOLERANCE), PATIENCE);

    test(
      "convolutions in fours, a filter's gradient in parts",
      () =>
        agreeOn(
          [backend()],
          [[2, 16, 16, 8], [3, 3, 8, 12], [12]],
          (x, filter, bias) => x.conv2d(filter, same).add(bias),
          TOLERANCE,
        ),
      PATIENCE,
    );
  });

  describe.each<TileName>(["small", "tiny"])("tile %s, sizes that are no fours", (tile) => {
    const backend = backendWith({ speeds: { [tile]: { together: 1, alone: 1 } } });

    test("products", () => agreeOn([backend()], factors(35, 33, 21), products, TOLERANCE), PATIENCE);

    test(
      "a convolution with a stride",
      () =>
        agreeOn(
          [backend()],
          [
            [2, 9, 8, 3],
            [3, 3, 3, 5],
          ],
          (x, filter) => x.conv2d(filter, halved),
          TOLERANCE,
        ),
      PATIENCE,
    );
  });

  describe("Winograd's convolutions", () => {
    const backend = backendWith({
      speeds: { tiny: { together: 1, alone: 1 } },
      bytesPerSecond: Number.POSITIVE_INFINITY,
    });

    test("are chosen where memory is fast, for 3 x 3 pixels and single steps", () => {
      const conv = geometry([2, 16, 16, 8], [3, 3, 8, 12], [2, 16, 16, 12], same);
      const strided = geometry([2, 16, 16, 8], [3, 3, 8, 12], [2, 8, 8, 12], halved);
      const tiles = { tiny: { together: 1, alone: 1 } };
      const chosen = (bytesPerSecond: number, of: ConvGeometry) => {
        const speeds = { tiles, bytesPerSecond, mostBytes: 2 ** 30 };
        return [
          takesWinograd("conv2d", of, speeds, false),
          takesWinograd("conv2d_grad_input", of, speeds, false),
          gradFilterTakesWinograd(of, speeds),
        ];
      };
      expect(chosen(Number.POSITIVE_INFINITY, conv)).toEqual([true, true, true]);
      expect(chosen(0, conv)).toEqual([false, false, false]);
      expect(chosen(Number.POSITIVE_INFINITY, strided)).toEqual([false, false, false]);
    });

    test(
      "with bias and residual, in fours",
      () =>
        agreeOn(
          [backend()],
          [[2, 16, 16, 8], [3, 3, 8, 12], [12], [2, 16, 16, 12]],
          (x, filter, bias, residual) => x.conv2d(filter, same).add(bias).add(residual),
          TOLERANCE,
        ),
      PATIENCE,
    );

    test(
      "of sizes that are no tiles, with padding at one side, a vector for each image, and 16-bit factors",
      () =>
        agreeOn(
          [backend()],
          [
            [3, 17, 14, 5],
            [3, 3, 5, 7],
            [3, 7],
          ],
          (x, filter, time) =>
            x
              .cast("f16")
              .conv2d(filter.cast("f16"), { stride: [1, 1], padding: [2, 0, 0, 1] })
              .add(time.reshape([3, 1, 1, 7])),
          TOLERANCE,
        ),
      PATIENCE,
    );

    test("give an image the same bits in any batch, where the program asks for that", async () => {
      const run = async (n: number) => {
        const [x, filter] = [input([n, 16, 16, 8]), input([3, 3, 8, 12])];
        const program = { name: "batch", inputs: [x, filter], outputs: [x.conv2d(filter, same)] };
        const executable = await backend().compile({ ...program, batchInvariant: true });
        const [got] = await executable.run([numbers(3 * 2048, 1).subarray(0, n * 2048), numbers(864, 2)]);
        executable.dispose();
        return got.subarray(0, 16 * 16 * 12);
      };
      expect(await run(3)).toEqual(await run(1));
    });
  });

  describe("attention through workgroup memory", () => {
    const backend = backendWith({ sharesTokens: true });

    test.each([
      ["channels in fours", 70, 8],
      ["channels that are no fours", 21, 5],
      ["channels in a loop", 9, 100],
    ])(
      "%s",
      (_, tokens, channels) =>
        agreeOn(
          [backend()],
          Array.from({ length: 3 }, () => [2, tokens, 2 * channels]),
          (q, k, v) => q.attention(k.mul(2), v, { heads: 2, scale: channels ** -0.5 }),
          TOLERANCE,
        ),
      PATIENCE,
    );
  });
});
