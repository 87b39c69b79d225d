// Autoencoders as codecs: the latents and images of diffusers, scaled as a diffusion model sees them.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { autoencoder } from "../../src/codecs/autoencoder.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { type HostTensor, hostTensor } from "../../src/engine/host_tensor.ts";
import { readStateDict } from "../../src/io/state_dict.ts";
import { AutoencoderKL } from "../../src/models/autoencoder_kl.ts";
import { AutoencoderTiny } from "../../src/models/autoencoder_tiny.ts";
import { VQModel } from "../../src/models/vq_model.ts";
import { backends } from "../support/backends.ts";
import { relativeError } from "../support/compare.ts";
import { testFolder } from "../support/folder.ts";
import { readGolden, readJsonFixture } from "../support/golden.ts";

const folder = testFolder();

/** Model, golden output of the encoder, and how latents are scaled. */
const CASES = [
  ["vae", AutoencoderKL.fromConfig, "mean", 0.18215, 0],
  ["vae_plain", AutoencoderKL.fromConfig, "mean", 0.18215, 0.25],
  ["taesd", AutoencoderTiny.fromConfig, "latents", 1, 0],
  ["vq", VQModel.fromConfig, "latents", 0.18215, 0],
] as const;

const read = async (name: string, fromConfig: (typeof CASES)[number][1]) => {
  const golden = await readGolden(`stable_diffusion/${name}.safetensors`);
  const model = fromConfig(await readJsonFixture(`stable_diffusion/${name}.config.json`));
  model.loadStateDict(golden.stateDict("param."));
  return { golden, model, codec: autoencoder(model) };
};
const mapped = ({ data, shape }: HostTensor, map: (x: number) => number) => hostTensor(data.map(map), shape);
const sizeOf = ([, height, width, channels]: readonly number[]) => ({ height, width, channels });

describe.each(backends)("on $name", ({ create, tolerance }) => {
  test.each(CASES)("%s encodes and decodes as in diffusers", async (name, fromConfig, key, factor, shift) => {
    const { golden, codec } = await read(name, fromConfig);
    const backend = await create();
    try {
      const images = golden.image("input.images");
      const encoded = await codec.encode(images, backend);
      const expected = mapped(golden.image(`output.${key}`), (x) => (x - shift) * factor);
      expect(encoded.shape).toEqual(expected.shape);
      expect(relativeError(encoded.data, expected.data)).toBeLessThan(tolerance);

      const latents = mapped(golden.image("input.latents"), (x) => (x - shift) * factor);
      const decoded = await codec.decode(latents, backend);
      const wanted = golden.image("output.images");
      expect(decoded.shape).toEqual(wanted.shape);
      expect(relativeError(decoded.data, wanted.data)).toBeLessThan(tolerance);
      expect(codec.imageSize(sizeOf(latents.shape))).toEqual(sizeOf(wanted.shape));
      expect(codec.latentSize(sizeOf(images.shape))).toEqual(sizeOf(encoded.shape));
    } finally {
      await backend.close();
    }
  });
});

test("concurrent calls share a program; an image is the same in any batch", async () => {
  const { golden, codec } = await read("vae", AutoencoderKL.fromConfig);
  const backend = new ReferenceBackend();
  const latents = golden.image("input.latents");
  const [first, second] = await Promise.all([codec.decode(latents, backend), codec.decode(latents, backend)]);
  expect(second).toEqual(first);
  const [, ...shape] = latents.shape;
  const half = latents.data.length / 2;
  const alone = await codec.decode(hostTensor(latents.data.slice(half), [1, ...shape]), backend);
  expect(alone.data).toEqual(first.data.slice(first.data.length / 2));
});

test("sizes that do not fit are refused in one line", async () => {
  const { codec } = await read("vae", AutoencoderKL.fromConfig);
  expect(() => codec.latentSize({ height: 16, width: 15, channels: 3 })).toThrow(
    "images of 15 x 16 do not fit an AutoencoderKL; use a size that is a multiple of 2",
  );
  expect(() => codec.latentSize({ height: 16, width: 16, channels: 1 })).toThrow(
    "images of 1 channels do not fit an AutoencoderKL for 3",
  );
  expect(() => codec.imageSize({ height: 8, width: 8, channels: 4 })).toThrow(
    "a model of 4 channels does not see the 3 channels of the AutoencoderKL's latents",
  );
});

test.each(CASES)("%s is saved as diffusers saves it", async (name, fromConfig) => {
  const { model, codec } = await read(name, fromConfig);
  const [vae, ...others] = codec.saved?.components ?? [];
  expect(others).toEqual([]);
  expect(vae).toMatchObject({ name: "vae", library: "diffusers", className: model.className });
  const path = folder(name);
  await vae.save(path);
  const json: unknown = JSON.parse(await readFile(join(path, "config.json"), "utf8"));
  expect(json).toMatchObject({ _class_name: model.className, latent_channels: model.config.latentChannels });
  const again = fromConfig(json).loadStateDict(await readStateDict(path));
  expect(again.stateDict()).toEqual(model.stateDict());
});
