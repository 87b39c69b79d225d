// The tiny UNet of diffusers' own pipeline tests: 11,767 parameters, images of 8 x 8.

import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import type { UNet2DOptions } from "../../src/models/unet_2d_config.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";

export const tinyUNet = (seed = 0, more: UNet2DOptions = {}): UNet2DModel =>
  new UNet2DModel({
    sampleSize: 8,
    blockOutChannels: [4, 8],
    layersPerBlock: 1,
    normNumGroups: 4,
    downBlockTypes: ["DownBlock2D", "AttnDownBlock2D"],
    upBlockTypes: ["AttnUpBlock2D", "UpBlock2D"],
    ...more,
  }).initialize(new TorchGenerator(seed));
