// An image's prediction has the same bits in any batch.

import { afterAll, expect, test } from "vitest";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import type { UNet2DOptions } from "../../src/models/unet_2d_config.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { labelCondition } from "../../src/pipelines/class_labels.ts";
import { compileDenoiser } from "../../src/pipelines/denoiser_program.ts";

const SIZE = 64;
const backend = new WasmBackend({ threads: 2 });
afterAll(() => backend.close());

/** Large enough that sums over an image, and over the keys of its one attention head, are cut into parts. */
const options: UNet2DOptions = {
  sampleSize: SIZE,
  blockOutChannels: [16, 16, 32],
  layersPerBlock: 1,
  normNumGroups: 4,
  attentionHeadDim: 16,
  downBlockTypes: ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
  upBlockTypes: ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
};
const images = new TorchGenerator(1).randn(4 * SIZE * SIZE * 3);
const oneImage = images.length / 4;
const bytes = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

test.each([
  ["for a UNet at 64 px", options, null],
  [
    "guided, with classes",
    { ...options, numClassEmbeds: 3 },
    { labels: [1, 0], guidance: { scale: 3, rescale: 0.7, nullClass: 2 } },
  ],
])("%s, in batches of 1, 3 and 4", async (_, config, condition) => {
  const model = new UNet2DModel(config).initialize(new TorchGenerator(0));
  model.upload(backend);
  const denoise = async (count: number, first: number) => {
    const shape = [count, SIZE, SIZE, 3] as const;
    const program = await compileDenoiser(backend, model, shape, { isGuided: condition !== null });
    const some = images.slice(first * oneImage, (first + count) * oneImage);
    const { data } = await (await program.forBatch(condition && labelCondition(condition), first)).denoise(
      hostTensor(some, shape),
      321,
    );
    program.executable.dispose();
    return data;
  };
  const all = await denoise(4, 0);
  const single = await denoise(1, 2);
  const three = await denoise(3, 1);
  expect(bytes(single).equals(bytes(all.slice(2 * oneImage, 3 * oneImage)))).toBe(true);
  expect(bytes(three).equals(bytes(all.slice(oneImage)))).toBe(true);
});
