// A UNet with 16-bit weights: half the memory, and exactly the results of the rounded weights.

import { expect, test } from "vitest";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from "../../src/engine/half.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { input } from "../../src/engine/tensor.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { relativeError } from "../engine/cpu_kernel_harness.ts";

const rounded = {
  f16: (values: Float32Array) => halfToFloat32(float32ToHalf(values)),
  bf16: (values: Float32Array) => bfloat16ToFloat32(float32ToBfloat16(values)),
};

function tiny(): UNet2DModel {
  return new UNet2DModel({
    sampleSize: 8,
    layersPerBlock: 1,
    blockOutChannels: [32, 32],
    downBlockTypes: ["DownBlock2D", "AttnDownBlock2D"],
    upBlockTypes: ["AttnUpBlock2D", "UpBlock2D"],
  }).initialize(new TorchGenerator(3));
}

/** The model's output for one noise, and the bytes that its weights take. */
async function forward(model: UNet2DModel): Promise<{ output: Float32Array; bytes: number }> {
  const backend = new WasmBackend({ threads: 2 });
  const before = backend.usedBytes;
  model.upload(backend);
  const bytes = backend.usedBytes - before;
  const x = input([1, 8, 8, 3]);
  const t = input([1]);
  const spec = { name: "unet", inputs: [x, t], outputs: [model.forward(x, t)], batchInvariant: true };
  const executable = await backend.compile(spec);
  const [output] = await executable.run([new TorchGenerator(1).randn(192), Float32Array.of(500)]);
  await backend.close();
  return { output, bytes };
}

test.each(["f16", "bf16"] as const)("%s", async (dtype) => {
  const full = await forward(tiny());
  const half = await forward(tiny().to(dtype));
  expect(half.bytes).toBeLessThan(0.55 * full.bytes);
  expect(relativeError(half.output, Float64Array.from(full.output))).toBeLessThan(
    dtype === "f16" ? 2e-3 : 2e-2,
  );
  const model = tiny();
  const state = model.stateDict();
  for (const weight of state.values()) weight.data.set(rounded[dtype](weight.data));
  expect((await forward(model.loadStateDict(state))).output).toEqual(half.output);
});

test("a type that comes too late is refused", () => {
  const model = tiny();
  model.forward(input([1, 8, 8, 3]), input([1]));
  expect(() => model.to("f16")).toThrow(
    "conv_in.weight is in use as f32; choose f16 before the first forward pass",
  );
});
