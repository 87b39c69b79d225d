// The training step as a program: its inputs, its random draws, and refused options.

import { describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { adamwDefaults } from "../../src/nn/adamw.ts";
import { DDPMScheduler } from "../../src/schedulers/ddpm.ts";
import { buildTrainStep, type TrainStepOptions } from "../../src/training/step/train_step.ts";

describe("a training step", () => {
  const model = new UNet2DModel({
    blockOutChannels: [4, 8],
    downBlockTypes: ["DownBlock2D", "DownBlock2D"],
    upBlockTypes: ["UpBlock2D", "UpBlock2D"],
    layersPerBlock: 1,
    normNumGroups: 4,
    addAttention: false,
    numClassEmbeds: 3,
    dropout: 0.5,
  });
  const options: TrainStepOptions = {
    model,
    objective: { alphasCumprod: new DDPMScheduler().alphasCumprod, predictionType: "v_prediction" },
    batchSize: 2,
    height: 4,
    width: 4,
    adamw: adamwDefaults,
    maxGradNorm: 1,
    ema: true,
    minSnrGamma: 5,
    draws: "philox",
  };
  const given = { images: new Float32Array(96), step: 0, learningRate: 1e-3 };

  test("lists its inputs in the order of its feeds", () => {
    const step = buildTrainStep(options);
    const feeds = step.feeds({
      ...given,
      key: Int32Array.of(1, 0, 0),
      classLabels: Int32Array.of(0, 2),
      emaDecay: 0.5,
    });
    expect(step.program.inputs.map(({ shape }) => shape)).toEqual([[2, 4, 4, 3], [3], [2], [], [], [], []]);
    expect(feeds.map(({ length }) => length)).toEqual([96, 3, 2, 1, 1, 1, 1]);
    expect(feeds.slice(3).map(([value]) => value)).toEqual([
      Math.fround(1 - 1e-5),
      expect.closeTo(1e-2, 8),
      expect.closeTo(Math.sqrt(1e-3), 8),
      0.5,
    ]);
  });

  test("draws noise, timesteps and dropout by its key, and nothing else", async () => {
    model.initialize(new TorchGenerator(0));
    const lossesOf = async (...keys: [number, number, number][]) => {
      const step = buildTrainStep(options);
      const backend = new ReferenceBackend();
      model.upload(backend);
      step.ema?.loadStateDict(model.stateDict()).upload(backend);
      for (const moment of [step.expAvg, step.expAvgSq]) moment.setZero().upload(backend);
      // A learning rate of 0 leaves the weights.
      const executable = await backend.compile(step.program);
      const losses: number[] = [];
      for (const key of keys) {
        const classLabels = Int32Array.of(0, 1);
        const feeds = { ...given, learningRate: 0, key: Int32Array.from(key), classLabels, emaDecay: 0 };
        const [[loss]] = await executable.run(step.feeds(feeds));
        losses.push(loss);
      }
      return losses;
    };
    const [first, otherStep, otherSeed, again] = await lossesOf([1, 0, 0], [1, 0, 1], [2, 0, 0], [1, 0, 0]);
    expect(again).toBe(first);
    expect(new Set([first, otherStep, otherSeed]).size).toBe(3);
    expect(first).toBeGreaterThan(0);
  });

  test.each([
    [{ draws: "fed" }, "dropout of 0.5 wants random numbers"],
    [{ height: 3 }, "multiples of 2"],
    [
      { model: new UNet2DModel({ ...model.config, outChannels: 6 }) },
      "as many out_channels as in_channels, got 6 and 3",
    ],
    [
      { model: new UNet2DModel({ ...model.config, timeEmbeddingType: "learned", numTrainTimesteps: 10 }) },
      "has 10 rows, but the noise schedule has 1000",
    ],
    [{ model: new UNet2DModel({ ...model.config, timeEmbeddingType: "fourier" }) }, "fourier"],
  ] as const)("that cannot be is refused: %#", (change, message) => {
    expect(() => buildTrainStep({ ...options, ...change })).toThrow(message);
  });

  test("says what it was not fed", () => {
    const step = buildTrainStep(options);
    expect(() => step.feeds(given)).toThrow("wants to be fed a key");
    expect(() => step.feeds({ ...given, key: new Int32Array(3) })).toThrow("classLabels");
  });
});
