// Twenty training steps against diffusers: the same start, noise and timesteps; every loss, gradient norm and learning
// rate, the final weights and their moving average.

import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import type { StateDict } from "../../src/io/state_dict.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { DDPMScheduler } from "../../src/schedulers/ddpm.ts";
import { emaDecay } from "../../src/training/step/ema.ts";
import { learningRateAt } from "../../src/training/step/lr_schedule.ts";
import { buildTrainStep } from "../../src/training/step/train_step.ts";
import { backends } from "../support/backends.ts";
import { maxDifference, relativeError } from "../support/compare.ts";
import { GoldenTensors, readJsonFixture } from "../support/golden.ts";
import { nchwToNhwc } from "../support/nchw.ts";

const recordSchema = v.object({
  unet: v.record(v.string(), v.unknown()),
  adamw: v.object({
    lr: v.number(),
    betas: v.tuple([v.number(), v.number()]),
    weight_decay: v.number(),
    eps: v.number(),
  }),
  warmup_steps: v.number(),
  max_grad_norm: v.number(),
  ema: v.object({
    use_ema_warmup: v.boolean(),
    inv_gamma: v.number(),
    power: v.number(),
    max_decay: v.number(),
    update_after_step: v.number(),
  }),
  steps: v.array(
    v.object({ lr: v.number(), loss: v.number(), grad_norm: v.number(), ema_decay: v.number() }),
  ),
});

const golden = await GoldenTensors.read("train_20_steps.safetensors");
const record = v.parse(recordSchema, await readJsonFixture("train_20_steps.json"));
const { adamw, ema, steps } = record;
const emaConfig = {
  decay: ema.max_decay,
  minDecay: 0,
  updateAfterStep: ema.update_after_step,
  useEmaWarmup: ema.use_ema_warmup,
  invGamma: ema.inv_gamma,
  power: ema.power,
};
const lrOptions = {
  schedule: "cosine",
  learningRate: adamw.lr,
  warmupSteps: record.warmup_steps,
  steps: steps.length,
} as const;

/**
 * Weights whose gradient is zero by mathematics: a key's bias, which softmax does not see, and in the top level, whose
 * norms have groups of one channel, what is added to all of a channel just before such a norm. AdamW divides the
 * gradient by its own size, so there Python's weights follow its rounding noise, and no one else's.
 */
const VANISHING = [
  /\.to_k\.bias$/,
  /^(down_blocks\.0|up_blocks\.1)\.resnets\.\d\.(conv1\.bias|time_emb_proj\.(weight|bias))$/,
  /^up_blocks\.1\.resnets\.1\.(conv2|conv_shortcut)\.bias$/,
];

function expectWeights(got: StateDict, prefix: string): void {
  expect([...got.keys()].toSorted()).toEqual([...golden.stateDict(prefix).keys()].toSorted());
  for (const [name, { data }] of got) {
    const expected = golden.floats(`${prefix}${name}`);
    if (VANISHING.some((pattern) => pattern.test(name))) {
      // Each of the 20 steps moves a weight by at most about its learning rate.
      expect(maxDifference(data, expected), name).toBeLessThan(2 * 20 * adamw.lr);
    } else {
      expect(relativeError(data, expected), name).toBeLessThan(1e-3);
    }
  }
}

test("seed 0 gives torch's start weights", () => {
  const model = UNet2DModel.fromConfig(record.unet).initialize(new TorchGenerator(0));
  for (const [name, { data }] of model.stateDict()) {
    expect(maxDifference(data, golden.floats(`init.${name}`)), name).toBeLessThan(3e-8);
  }
});

describe.each(backends)("on $name", ({ create }) => {
  test("twenty steps equal Python's", async () => {
    const model = UNet2DModel.fromConfig(record.unet).loadStateDict(golden.stateDict("init."));
    const images = golden.image("clean");
    const [batchSize, height, width, channels] = images.shape;
    const step = buildTrainStep({
      model,
      objective: { alphasCumprod: new DDPMScheduler().alphasCumprod, predictionType: "epsilon" },
      batchSize,
      height,
      width,
      adamw: {
        beta1: adamw.betas[0],
        beta2: adamw.betas[1],
        eps: adamw.eps,
        weightDecay: adamw.weight_decay,
      },
      maxGradNorm: record.max_grad_norm,
      ema: true,
      minSnrGamma: null,
      draws: "fed",
    });
    const average = step.ema;
    if (average === null) throw new Error("the step keeps no average");

    const backend = await create();
    try {
      average.loadStateDict(model.stateDict()).upload(backend);
      for (const moment of [step.expAvg, step.expAvgSq]) moment.setZero().upload(backend);
      model.upload(backend);
      const executable = await backend.compile(step.program);
      const size = images.data.length;
      for (const [i, expected] of steps.entries()) {
        const learningRate = learningRateAt(i, lrOptions);
        const decay = emaDecay(i + 1, emaConfig);
        const noise = golden.floats("noise").slice(i * size, (i + 1) * size);
        const [[loss], [gradNorm]] = await executable.run(
          step.feeds({
            images: images.data,
            noise: nchwToNhwc(noise, [batchSize, channels, height, width]),
            timesteps: golden.integers("timestep").slice(i * batchSize, (i + 1) * batchSize),
            step: i,
            learningRate,
            emaDecay: decay,
          }),
        );
        expect(learningRate).toBeCloseTo(expected.lr, 12);
        expect(decay).toBeCloseTo(expected.ema_decay, 12);
        expect(Math.abs(loss / expected.loss - 1), `loss of step ${i}`).toBeLessThan(1e-3);
        expect(Math.abs(gradNorm / expected.grad_norm - 1), `norm of step ${i}`).toBeLessThan(1e-3);
      }
      await model.download(backend);
      await average.download(backend);
      expectWeights(model.stateDict(), "final.");
      expectWeights(average.stateDict(), "ema.");
    } finally {
      await backend.close();
    }
  });
});
