// Autoencoders as codecs: the latents and images of diffusers, scaled as a diffusion model sees them.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { autoencoder } from "../../src/codecs/autoencoder.ts";
import type { Executable, ProgramSpec } from "../../src/engine/backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { type HostTensor, hostTensor } from "../../src/engine/host_tensor.ts";
import { input } from "../../src/engine/tensor.ts";
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

describe.each(backends)("on $name", ({ create, tolerance }) => {
  test.each(["own", "small"])("images in %s tiles are those of diffusers", async (tiles) => {
    const { model, codec } = await read("vae", AutoencoderKL.fromConfig);
    const golden = await readGolden("stable_diffusion/vae_tiles.safetensors");
    if (!(model instanceof AutoencoderKL)) throw new Error("a model of another class");
    const scaled = (name: string) => mapped(golden.image(name), (x) => x * model.config.scalingFactor);
    if (tiles === "small") Object.assign(model, { tileSampleMinSize: 16, tileOverlapFactor: 0.5 });
    model.enableTiling();
    const backend = await create();
    try {
      const images = golden.image("input.images");
      const mean = await codec.encode(images, backend);
      const wanted = scaled(`${tiles}.mean`);
      expect(mean.shape).toEqual(wanted.shape);
      expect(relativeError(mean.data, wanted.data)).toBeLessThan(tolerance);

      // With noise 1 an image is a standard deviation above the mean.
      const noise = mapped(mean, () => 1);
      const above = await codec.encodeSample?.(images, noise, backend);
      const std = scaled(`${tiles}.std`);
      const sum = wanted.data.map((x, i) => x + std.data[i]);
      expect(relativeError(above?.data ?? [], sum)).toBeLessThan(tolerance);

      const decoded = await codec.decode(scaled("input.latents"), backend);
      const expected = golden.image(`${tiles}.images`);
      expect(decoded.shape).toEqual(expected.shape);
      expect(relativeError(decoded.data, expected.data)).toBeLessThan(tolerance);
    } finally {
      await backend.close();
    }
  });

  test("images one by one have the bits of those together", async () => {
    const { model, codec, golden } = await read("vae", AutoencoderKL.fromConfig);
    if (!(model instanceof AutoencoderKL)) throw new Error("a model of another class");
    const latents = golden.image("input.latents");
    const backend = await create();
    try {
      model.upload(backend);
      const values = input(latents.shape, "f32");
      const together = await backend.compile({
        ...{ name: "together", inputs: [values], batchInvariant: true },
        outputs: [model.decode(model.unscaleLatents(values))],
      });
      const [expected] = await together.run([latents.data]);
      expect((await codec.decode(latents, backend)).data).toEqual(expected);

      const images = golden.image("input.images");
      const encoded = await codec.encode(images, backend);
      model.enableSlicing();
      expect(await codec.encode(images, backend)).toEqual(encoded);
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

/** A backend that keeps account of the programs that it holds. */
class CountingBackend extends ReferenceBackend {
  readonly names: string[] = [];
  held = 0;
  most = 0;

  override async compile(program: ProgramSpec): Promise<Executable> {
    const executable = await super.compile(program);
    this.names.push(program.name);
    this.most = Math.max(this.most, ++this.held);
    const dispose = () => {
      this.held--;
      executable.dispose();
    };
    return {
      stats: executable.stats,
      begin: (feeds) => executable.begin(feeds),
      run: (feeds) => executable.run(feeds),
      profile: (feeds) => executable.profile(feeds),
      dispose,
    };
  }
}

test("tiles of each shape have a program, one at a time; smaller images are not divided", async () => {
  const { model, codec, golden } = await read("vae", AutoencoderKL.fromConfig);
  if (!(model instanceof AutoencoderKL)) throw new Error("a model of another class");
  model.enableTiling();
  model.tileSampleMinSize = 8;
  const backend = new CountingBackend();
  const latents = golden.image("input.latents");
  await codec.decode(hostTensor(latents.data.slice(0, 48), [1, 4, 4, 3]), backend);
  expect(backend.names).toEqual(["AutoencoderKL decode 1x4x4x3"]);
  backend.names.length = 0;
  await codec.decode(
    hostTensor(
      Float32Array.from({ length: 5 * 8 * 3 }, (_, i) => i % 7),
      [1, 5, 8, 3],
    ),
    backend,
  );
  const shapes = ["4x4", "4x2", "2x4", "2x2"];
  expect(backend.names).toEqual(shapes.map((shape) => `AutoencoderKL decode 1x${shape}x3`));
  // The program of the image before is kept.
  expect([backend.most, backend.held]).toEqual([2, 1]);
});

test("tiles that leave none are refused in one line", async () => {
  const model = new AutoencoderKL();
  expect(model.tiles).toEqual({ images: { side: 32, step: 24 }, latents: { side: 32, step: 24 } });
  for (const [tileSampleMinSize, tileOverlapFactor] of [
    [32, 1],
    [32, -0.5],
    [1, 0.5],
    [8.5, 0.25],
    [32, Number.NaN],
  ]) {
    Object.assign(model, { tileSampleMinSize, tileOverlapFactor });
    expect(() => model.tiles).toThrow(
      `tiles of ${tileSampleMinSize} pixels that overlap by ${tileOverlapFactor} of that leave none`,
    );
  }
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
