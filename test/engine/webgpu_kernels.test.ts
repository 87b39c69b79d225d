// The kernels that real GPUs get, which the software GPU of the tests would not choose: products by every tile, and
// attention through workgroup memory.

import { afterAll, beforeAll, describe, test } from "vitest";
import { Device, findGpu } from "../../src/engine/backends/webgpu/device.ts";
import { GPU_TILES, type TileName } from "../../src/engine/backends/webgpu/kernels/product/tiles.ts";
import { WebgpuBackend } from "../../src/engine/backends/webgpu/webgpu_backend.ts";
import type { KernelChoice } from "../../src/engine/backends/webgpu/webgpu_kernels.ts";
import type { Tensor } from "../../src/engine/tensor.ts";
import { agreeOn } from "../support/agree.ts";
import { describeOnGpu } from "../support/gpu.ts";

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
