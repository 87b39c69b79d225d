// A batch that was made ahead of time is the batch of its step.

import { expect, test } from "vitest";
import { identity } from "../../src/codecs/identity.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { synthetic, UNet2DModel } from "../../src/index.ts";
import { PRESETS } from "../../src/training/presets.ts";
import { StepBatches } from "../../src/training/step/step_batches.ts";
import { TINY_UNET } from "../support/tiny_unet.ts";

const settings = {
  ...PRESETS.quick32.settings,
  batchSize: 4,
  steps: 9,
  seed: 3,
  labelDropout: 0,
  precision: "fp32" as const,
  microbatch: null,
  augmentProbability: 0.5,
};
const batches = () =>
  new StepBatches({
    data: synthetic({ count: 12, size: 8 }),
    model: UNet2DModel.fromConfig(TINY_UNET),
    codec: identity,
    settings,
    backend: new ReferenceBackend(),
  });

test("prepared or not, in any order, a step has the same batch", async () => {
  const plain = batches();
  const ahead = batches();
  for (const step of [1, 2, 5, 3]) {
    ahead.prepare(step);
    expect(await ahead.of(step)).toEqual(await plain.of(step));
  }
  // Another step than the prepared one.
  ahead.prepare(7);
  expect(await ahead.of(2)).toEqual(await plain.of(2));
});

test("an error while a batch is made ahead comes to whoever asks for it", async () => {
  const data = synthetic({ count: 12, size: 8 });
  const broken = new StepBatches({
    data: {
      ...data,
      image: () => {
        throw new Error("a disk failed");
      },
    },
    model: UNet2DModel.fromConfig(TINY_UNET),
    codec: identity,
    settings,
    backend: new ReferenceBackend(),
  });
  broken.prepare(1);
  await expect(broken.of(1)).rejects.toThrow("a disk failed");
});
