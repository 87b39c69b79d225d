// Twenty training steps made by diffusers, computed by a backend from the same start, noise and timesteps. Runs in Node and
// in a page.

import * as v from "valibot";
import type { Backend } from "../../src/engine/backend.ts";
import type { StateDict } from "../../src/io/state_dict.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { DDPMScheduler } from "../../src/schedulers/ddpm.ts";
import { emaDecay } from "../../src/training/step/ema.ts";
import { learningRateAt } from "../../src/training/step/lr_schedule.ts";
import { buildTrainStep } from "../../src/training/step/train_step.ts";
import { maxDifference, relativeError } from "./compare.ts";
import type { GoldenTensors } from "./golden_tensors.ts";
import { nchwToNhwc } from "./nchw.ts";

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
/** How the steps were made, and what came out. */
export type TrainingRecord = v.InferOutput<typeof recordSchema>;

/** @param json of train_20_steps.json */
export const parseRecord = (json: unknown): TrainingRecord => v.parse(recordSchema, json);

/** Ours of one step. */
export interface StepNumbers {
  readonly loss: number;
  readonly gradNorm: number;
  readonly learningRate: number;
  readonly emaDecay: number;
}

export interface WeightError {
  readonly name: string;
  /** ‖a−b‖/‖b‖. */
  readonly relative: number;
  /** The largest |aᵢ−bᵢ|. */
  readonly largest: number;
}

export interface TwentySteps {
  readonly steps: readonly StepNumbers[];
  /** Of the final weights and of their moving average. */
  readonly weights: readonly WeightError[];
  readonly average: readonly WeightError[];
}

export async function twentySteps(
  golden: GoldenTensors,
  record: TrainingRecord,
  backend: Backend,
): Promise<TwentySteps> {
  const { adamw, ema } = record;
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
  average.loadStateDict(model.stateDict()).upload(backend);
  for (const moment of [step.expAvg, step.expAvgSq]) moment.setZero().upload(backend);
  model.upload(backend);

  const executable = await backend.compile(step.program);
  const size = images.data.length;
  const steps: StepNumbers[] = [];
  for (const i of record.steps.keys()) {
    const learningRate = learningRateAt(i, {
      schedule: "cosine",
      learningRate: adamw.lr,
      warmupSteps: record.warmup_steps,
      steps: record.steps.length,
    });
    const decay = emaDecay(i + 1, {
      decay: ema.max_decay,
      minDecay: 0,
      updateAfterStep: ema.update_after_step,
      useEmaWarmup: ema.use_ema_warmup,
      invGamma: ema.inv_gamma,
      power: ema.power,
    });
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
    steps.push({ loss, gradNorm, learningRate, emaDecay: decay });
  }
  await model.download(backend);
  await average.download(backend);
  return {
    steps,
    weights: weightErrors(model.stateDict(), golden.stateDict("final.")),
    average: weightErrors(average.stateDict(), golden.stateDict("ema.")),
  };
}

function weightErrors(got: StateDict, golden: StateDict): WeightError[] {
  const missing = [...golden.keys()].filter((name) => !got.has(name));
  if (missing.length > 0 || got.size !== golden.size) throw new Error(`other weights; missing: ${missing}`);
  return [...got].map(([name, { data }]) => {
    const expected = golden.get(name)?.data ?? [];
    return {
      name,
      relative: relativeError(data, expected),
      largest: maxDifference(data, expected),
    };
  });
}
