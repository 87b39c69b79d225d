// The options of a training step so small that it takes milliseconds.

import { DDPMScheduler, UNet2DModel } from "../../src/index.ts";
import { PRESETS } from "../../src/training/presets.ts";
import { optimizerOf, timestepSamplingOf } from "../../src/training/settings.ts";
import { objectiveOf } from "../../src/training/step/objective.ts";
import { TINY_UNET } from "./tiny_unet.ts";

/** Images of 8 pixels, without clipping, average or weighting. */
export const tinyStep = (batchSize: number) => ({
  model: UNet2DModel.fromConfig(TINY_UNET),
  objective: objectiveOf(new DDPMScheduler()),
  batchSize,
  height: 8,
  width: 8,
  ...optimizerOf(PRESETS.quick32.settings),
  maxGradNorm: null,
  ema: false,
  minSnrGamma: null,
  lossType: null,
  draws: "philox" as const,
  timestepSampling: timestepSamplingOf(PRESETS.quick32.settings),
});
