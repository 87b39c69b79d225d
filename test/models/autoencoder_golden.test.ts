// Autoencoders against diffusers: latents, images, loss, and the gradient of every parameter and input.

import { describe, expect, test } from "vitest";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { AutoencoderKL } from "../../src/models/autoencoder_kl.ts";
import { AutoencoderTiny } from "../../src/models/autoencoder_tiny.ts";
import { VQModel } from "../../src/models/vq_model.ts";
import type { Module } from "../../src/nn/module.ts";
import { backends } from "../support/backends.ts";
import { relativeError } from "../support/compare.ts";
import { readGolden, readJsonFixture } from "../support/golden.ts";
import { expectGoldenModel, modelErrors, type Named } from "../support/golden_model.ts";

interface Built {
  readonly model: Module & { toConfig(): unknown };
  readonly forward: (inputs: Named) => Named;
}

function kl(config: unknown): Built {
  const model = AutoencoderKL.fromConfig(config);
  const forward = ({ images, latents }: Named): Named => {
    const { mean, std } = model.encode(images);
    return { mean, std, images: model.decode(latents) };
  };
  return { model, forward };
}

function tiny(config: unknown): Built {
  const model = AutoencoderTiny.fromConfig(config);
  return {
    model,
    forward: ({ images, latents }) => ({ latents: model.encode(images), images: model.decode(latents) }),
  };
}

function vq(config: unknown): Built {
  const model = VQModel.fromConfig(config);
  const forward = ({ images, latents }: Named): Named => {
    const { sample, commitLoss } = model.decode(latents);
    return { latents: model.encode(images), images: sample, commitLoss: commitLoss.reshape([1]) };
  };
  return { model, forward };
}

const CASES = [
  ["vae", kl],
  ["vae_plain", kl],
  ["taesd", tiny],
  ["vq", vq],
] as const;
const read = async (name: string, build: (config: unknown) => Built) => {
  const config = await readJsonFixture(`stable_diffusion/${name}.config.json`);
  return { config, golden: await readGolden(`stable_diffusion/${name}.safetensors`), ...build(config) };
};

describe.each(backends)("on $name", ({ create, tolerance }) => {
  test.each(CASES)("%s gives diffusers' outputs and gradients", async (name, build) => {
    const { golden, model, forward } = await read(name, build);
    const backend = await create();
    try {
      expectGoldenModel(await modelErrors(golden, model, forward, backend), tolerance);
    } finally {
      await backend.close();
    }
  });
});

test.each(CASES)("%s begins with torch's weights, and writes its config as it was", async (name, build) => {
  const { config, golden, model } = await read(name, build);
  expect(model.toConfig()).toEqual(config);
  const own = model.initialize(new TorchGenerator(0)).stateDict();
  // The fixtures' norms are changed, and the table of vectors.
  const drawn = [...golden.stateDict("param.")].filter(([key]) => !/norm|quantize/.test(key));
  expect(drawn.length).toBeGreaterThan(20);
  for (const [key, { data }] of drawn) {
    expect(relativeError(own.get(key)?.data ?? [], data), key).toBeLessThan(1e-6);
  }
});
