// A batch that does not fit is refused with the largest that does, also where the limit is not one of the whole memory.

import { expect, test } from "vitest";
import type { MemoryNeed, ProgramSpec } from "../../src/engine/backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { DDPMScheduler, UNet2DModel } from "../../src/index.ts";
import { PRESETS } from "../../src/training/presets.ts";
import { optimizerOf, timestepSamplingOf } from "../../src/training/settings.ts";
import { checkStep } from "../../src/training/step/compile_step.ts";
import { objectiveOf } from "../../src/training/step/objective.ts";
import { TINY_UNET } from "../support/tiny_unet.ts";

/** Refuses an array of more than 5 images, and otherwise has all the memory of the world. */
class FewImages extends ReferenceBackend {
  override memory({ inputs }: ProgramSpec): MemoryNeed {
    const images = Math.max(...inputs.map(({ shape }) => (shape.length === 4 ? shape[0] : 0)));
    return images > this.most
      ? { needed: 100 * images, available: 99 }
      : { needed: 1e9, available: Number.POSITIVE_INFINITY };
  }

  readonly most: number;

  constructor(most: number) {
    super();
    this.most = most;
  }
}

const { settings } = PRESETS.quick32;
const step = (batchSize: number) => ({
  model: UNet2DModel.fromConfig(TINY_UNET),
  objective: objectiveOf(new DDPMScheduler()),
  batchSize,
  height: 8,
  width: 8,
  ...optimizerOf(settings),
  maxGradNorm: null,
  ema: false,
  minSnrGamma: null,
  lossType: null,
  draws: "philox" as const,
  timestepSampling: timestepSamplingOf(settings),
});

test("the largest batch that fits is named", () => {
  const backend = new FewImages(5);
  expect(() => checkStep(backend, step(5))).not.toThrow();
  expect(() => checkStep(backend, step(6))).toThrow("--batch-size 5 fits");
  expect(() => checkStep(backend, step(64))).toThrow("--batch-size 5 fits");
});

test("where none fits, a smaller model is advised", () => {
  expect(() => checkStep(new FewImages(0), step(4))).toThrow("no batch fits; use a smaller model or size");
});
