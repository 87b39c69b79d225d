// A training of some seconds that is the same in Node and in a page.

import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { DDPMScheduler, synthetic, type TrainerOptions, UNet2DModel } from "../../src/index.ts";

export const trainingOptions = (out: string) =>
  ({
    model: new UNet2DModel({
      sampleSize: 16,
      blockOutChannels: [16, 32],
      layersPerBlock: 1,
      normNumGroups: 4,
      downBlockTypes: ["DownBlock2D", "AttnDownBlock2D"],
      upBlockTypes: ["AttnUpBlock2D", "UpBlock2D"],
    }).initialize(new TorchGenerator(0)),
    scheduler: new DDPMScheduler({ betaSchedule: "squaredcos_cap_v2" }),
    data: synthetic({ count: 64, size: 16 }),
    batchSize: 8,
    steps: 20,
    checkpointEvery: 10,
    keepCheckpoints: 2,
    sampleEvery: 20,
    sampleCount: 4,
    sampleSteps: 3,
    augmentProbability: 0,
    seed: 5,
    out,
  }) satisfies TrainerOptions;
