// A preset as the options of a Trainer.

import type { Codec } from "../codecs/codec.ts";
import { patchesOrPixels } from "../codecs/patches.ts";
import type { Channels, Extent } from "../io/image/index.ts";
import { UNet2DModel } from "../models/unet_2d_model.ts";
import { DDPMScheduler, shiftNoise } from "../schedulers/index.ts";
import { PRESETS, type PresetName, type RunLength } from "./presets.ts";
import type { TrainSettings } from "./settings.ts";

/** The form of the images, and the length of the run, where they are not the preset's. */
export interface PresetForm {
  /** Side of square images, or both sides. Default: the preset's. */
  readonly size?: number | Extent;
  /** Default 3, RGB. */
  readonly channels?: Channels;
  /** Optimizer steps; the warm-up is at most a tenth of them. Default: the preset's length. */
  readonly steps?: number;
}

/** What a preset decides; `data`, `out` and what differs from it go beside it. */
export type PresetOptions = Omit<
  TrainSettings,
  "steps" | "seed" | "precision" | "microbatch" | "labelDropout" | "emaMaxDecay"
> & {
  readonly steps?: number;
  readonly epochs?: number;
  readonly preset: PresetName;
  readonly model: UNet2DModel;
  readonly scheduler: DDPMScheduler;
  readonly codec: Codec;
  readonly ema: number | false;
};

/**
 * The options of a Trainer for a preset.
 * @throws ModelConfigError, ShapeError for a size or channels that the preset's model does not take
 */
export function presetOptions(
  name: PresetName,
  { size = PRESETS[name].size, channels = 3, steps }: PresetForm = {},
): PresetOptions {
  const { model, scheduler, shiftsNoise, patchSize, length } = PRESETS[name];
  const { emaMaxDecay, ...settings } = PRESETS[name].settings;
  const { width, height } = typeof size === "number" ? { width: size, height: size } : size;
  const run: RunLength = steps === undefined ? length : { steps };
  const codec = patchesOrPixels(patchSize);
  const latents = codec.latentSize({ width, height, channels });
  return {
    ...settings,
    ...run,
    warmupSteps:
      "steps" in run ? Math.min(settings.warmupSteps, Math.floor(run.steps / 10)) : settings.warmupSteps,
    preset: name,
    model: new UNet2DModel({
      ...model,
      sampleSize: latents.height === latents.width ? latents.height : [latents.height, latents.width],
      inChannels: latents.channels,
      outChannels: latents.channels,
    }),
    scheduler: shiftNoise(new DDPMScheduler(scheduler), shiftsNoise ? Math.sqrt(width * height) / 32 : 1),
    codec,
    ema: emaMaxDecay ?? false,
  };
}
