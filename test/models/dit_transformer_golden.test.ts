// Diffusion transformers against diffusers: output, loss, and the gradient of every parameter and of the latents
// (tools/python/make_dit.py).

import { describe, expect, test } from "vitest";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { DiTTransformer2DModel } from "../../src/models/dit_transformer_2d_model.ts";
import { backends } from "../support/backends.ts";
import { relativeError } from "../support/compare.ts";
import { readGolden, readJsonFixture } from "../support/golden.ts";
import { expectGoldenModel, modelErrors } from "../support/golden_model.ts";

/** One of learned variance, one that sees more latents than it is meant for, and one whose patches are single ones. */
const NAMES = ["dit", "dit_interpolated", "dit_gelu"];
const read = async (name: string) => {
  const config = await readJsonFixture(`dit/${name}.config.json`);
  return {
    config,
    golden: await readGolden(`dit/${name}.safetensors`),
    model: DiTTransformer2DModel.fromConfig(config),
  };
};

describe.each(backends)("on $name", ({ create, tolerance }) => {
  test.each(NAMES)("%s gives diffusers' output and gradients", async (name) => {
    const { golden, model } = await read(name);
    const backend = await create();
    try {
      const errors = await modelErrors(
        golden,
        model,
        ({ sample, timestep, classLabels }) => ({ sample: model.forward(sample, timestep, { classLabels }) }),
        backend,
      );
      expectGoldenModel(errors, tolerance);
    } finally {
      await backend.close();
    }
  });
});

test.each(NAMES)("%s begins with torch's weights, and writes its config as it was", async (name) => {
  const { config, golden, model } = await read(name);
  expect(model.toConfig()).toEqual(config);
  const own = model.initialize(new TorchGenerator(0)).stateDict();
  // The fixtures' norms are changed.
  const drawn = [...golden.stateDict("param.")].filter(([key]) => !key.includes("norm3"));
  expect(drawn.length).toBeGreaterThan(20);
  // Python rounds the last bit of some bounds otherwise.
  for (const [key, { data }] of drawn)
    expect(relativeError(own.get(key)?.data ?? [], data), key).toBeLessThan(1e-6);
});
