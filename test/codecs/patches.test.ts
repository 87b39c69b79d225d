// Patches against torch's definition of pixel_unshuffle, value by value.

import { expect, test } from "vitest";
import { patches } from "../../src/codecs/patches.ts";
import { codecFromConfig } from "../../src/codecs/saved.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { hostTensor, numel } from "../../src/engine/host_tensor.ts";

const backend = new ReferenceBackend();

test.each([
  [2, [2, 4, 6, 3]],
  [4, [1, 8, 4, 1]],
  [8, [3, 8, 16, 4]],
] as const)("patches of %i x %i keep every bit, in the order of pixel_unshuffle", async (p, shape) => {
  const [n, height, width, channels] = shape;
  const images = hostTensor(
    Float32Array.from({ length: numel(shape) }, (_, i) => Math.fround(Math.sin(i))),
    [...shape],
  );
  const codec = patches(p);
  const latents = await codec.encode(images, backend);
  const size = codec.latentSize({ height, width, channels });
  expect(latents.shape).toEqual([n, size.height, size.width, size.channels]);
  expect(codec.imageSize(size)).toEqual({ height, width, channels });
  // Of NCHW, out[n, c p² + i p + j, y, x] = in[n, c, y p + i, x p + j].
  for (let k = 0; k < latents.data.length; k++) {
    const channel = k % size.channels;
    const x = Math.floor(k / size.channels) % size.width;
    const y = Math.floor(k / size.channels / size.width) % size.height;
    const image = Math.floor(k / size.channels / size.width / size.height);
    const c = Math.floor(channel / (p * p));
    const i = Math.floor((channel % (p * p)) / p);
    const j = channel % p;
    const from = ((image * height + y * p + i) * width + x * p + j) * channels + c;
    expect(latents.data[k]).toBe(images.data[from]);
  }
  expect(await codec.decode(latents, backend)).toEqual(images);
});

test("sizes that do not fit are refused with the size that would", () => {
  expect(() => patches(4).latentSize({ height: 30, width: 32, channels: 3 })).toThrow(
    "images of 32 x 30 cannot be cut into patches of 4 x 4; use a size that is a multiple of 4",
  );
  expect(() => patches(2).imageSize({ height: 8, width: 8, channels: 6 })).toThrow(
    "a model of 6 channels does not see patches of 2 x 2, whose channels are a multiple of 4",
  );
});

test("a run's config names its codec", () => {
  const { saved } = patches(4);
  const json = { _class_name: saved?.className, ...saved?.config };
  expect(codecFromConfig(json).saved).toEqual(saved);
  expect(codecFromConfig(undefined).saved).toBeNull();
  expect(() => codecFromConfig({ ...json, patch_size: 3 })).toThrow("patch_size is 3, expected 2, 4, 8");
  expect(() => codecFromConfig({ _class_name: "Haar" })).toThrow('the codec "Haar" is not known');
});
