// Conditional UNets against diffusers: output, loss, and the gradient of every parameter and input.

import { describe, expect, test } from "vitest";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { UNet2DConditionModel } from "../../src/models/unet_2d_condition_model.ts";
import { backends } from "../support/backends.ts";
import { relativeError } from "../support/compare.ts";
import { readGolden, readJsonFixture } from "../support/golden.ts";
import { expectGoldenModel, modelErrors } from "../support/golden_model.ts";

const NAMES = ["unet_sd1", "unet_sd2", "unet_sdxl", "unet_lcm", "unet_projection"];
const read = async (name: string) => ({
  golden: await readGolden(`stable_diffusion/${name}.safetensors`),
  model: UNet2DConditionModel.fromConfig(await readJsonFixture(`stable_diffusion/${name}.config.json`)),
});

describe.each(backends)("on $name", ({ create, tolerance }) => {
  test.each(NAMES)("%s gives diffusers' output and gradients", async (name) => {
    const { golden, model } = await read(name);
    const backend = await create();
    try {
      const errors = await modelErrors(
        golden,
        model,
        ({ sample, timestep, ...conditions }) => ({ sample: model.forward(sample, timestep, conditions) }),
        backend,
      );
      expectGoldenModel(errors, tolerance);
    } finally {
      await backend.close();
    }
  });
});

test.each(NAMES)("%s begins with torch's weights", async (name) => {
  const { golden, model } = await read(name);
  const own = model.initialize(new TorchGenerator(0)).stateDict();
  // Norms of the fixtures are changed.
  const drawn = [...golden.stateDict("param.")].filter(([key]) => !key.includes("norm"));
  expect(drawn.length).toBeGreaterThan(40);
  // Python rounds the last bit of some bounds otherwise.
  for (const [key, { data }] of drawn)
    expect(relativeError(own.get(key)?.data ?? [], data), key).toBeLessThan(1e-6);
});
