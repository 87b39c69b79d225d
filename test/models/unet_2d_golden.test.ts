// Ten UNets made by diffusers: output, loss and the gradient of every parameter and of the input, tensor by tensor.

import { describe, test } from "vitest";
import { backends } from "../support/backends.ts";
import { readGolden, readJsonFixture } from "../support/golden.ts";
import { unetErrors } from "../support/golden_unet.ts";
import { expectGoldenUNet, GOLDEN_UNETS } from "../support/golden_unet_bounds.ts";

describe.each(backends)("on $name", ({ create, tolerance }) => {
  test.each(GOLDEN_UNETS)("%s gives diffusers' output and gradients", async (name) => {
    const golden = await readGolden(`unet2d/${name}.safetensors`);
    const backend = await create();
    try {
      const errors = await unetErrors(golden, await readJsonFixture(`unet2d/${name}.config.json`), backend);
      expectGoldenUNet(name, errors, tolerance);
    } finally {
      await backend.close();
    }
  });
});
