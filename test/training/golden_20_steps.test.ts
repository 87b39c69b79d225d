// Twenty training steps against diffusers: the same start, noise and timesteps; every loss, gradient norm and learning
// rate, the final weights and their moving average.

import { describe, expect, test } from "vitest";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { backends } from "../support/backends.ts";
import { maxDifference } from "../support/compare.ts";
import { readGolden, readJsonFixture } from "../support/golden.ts";
import { parseRecord, twentySteps } from "../support/golden_training.ts";
import { expectTwentySteps } from "../support/golden_training_bounds.ts";

const golden = await readGolden("train_20_steps.safetensors");
const record = parseRecord(await readJsonFixture("train_20_steps.json"));

test("seed 0 gives torch's start weights", () => {
  const model = UNet2DModel.fromConfig(record.unet).initialize(new TorchGenerator(0));
  for (const [name, { data }] of model.stateDict()) {
    expect(maxDifference(data, golden.floats(`init.${name}`)), name).toBeLessThan(3e-8);
  }
});

describe.each(backends)("on $name", ({ create }) => {
  test("twenty steps equal Python's", async () => {
    const backend = await create();
    try {
      expectTwentySteps(await twentySteps(golden, record, backend), record);
    } finally {
      await backend.close();
    }
  });
});
