// A training step as two programs: the bits of the one program, with room for summing gradients in between.

import { afterAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { numel } from "../../src/engine/shape.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { adamwDefaults } from "../../src/nn/adamw.ts";
import { DDPMScheduler } from "../../src/schedulers/ddpm.ts";
import {
  buildSplitTrainStep,
  buildTrainStep,
  type TrainState,
  type TrainStepFeeds,
  type TrainStepOptions,
} from "../../src/training/step/train_step.ts";
import { relativeError } from "../engine/cpu_kernel_harness.ts";

const STEPS = 3;
const wasm = new WasmBackend({ threads: 2 });
afterAll(() => wasm.close());

function options(batchSize: number, wholeBatch?: number): TrainStepOptions {
  const model = new UNet2DModel({
    sampleSize: 8,
    blockOutChannels: [8, 16],
    downBlockTypes: ["DownBlock2D", "AttnDownBlock2D"],
    upBlockTypes: ["AttnUpBlock2D", "UpBlock2D"],
    layersPerBlock: 1,
    normNumGroups: 4,
    dropout: 0.1,
  }).initialize(new TorchGenerator(5));
  return {
    model,
    objective: { alphasCumprod: new DDPMScheduler().alphasCumprod, predictionType: "epsilon" },
    batchSize,
    ...(wholeBatch !== undefined && { wholeBatch }),
    ...{
      height: 8,
      width: 8,
      adamw: adamwDefaults,
      maxGradNorm: 0.5,
      ema: true,
      minSnrGamma: 5,
      draws: "philox",
    },
  };
}

const images = new TorchGenerator(9).rand(STEPS * 4 * 192).map((x) => 2 * x - 1);
/** Images `first` to `first + count` of a batch of 4. */
const feedsOf = (step: number, first = 0, count = 4): TrainStepFeeds => ({
  images: images.slice((step * 4 + first) * 192, (step * 4 + first + count) * 192),
  key: count === 4 ? Int32Array.of(1, 0, step) : Int32Array.of(1, 0, step, first),
  ...{ step, learningRate: 1e-2, emaDecay: 0.5 },
});

function start(backend: Backend, { network, expAvg, expAvgSq, ema }: TrainState): void {
  ema?.loadStateDict(network.stateDict());
  for (const part of [expAvg, expAvgSq]) part.setZero();
  for (const part of [network, expAvg, expAvgSq, ema]) part?.upload(backend);
}

async function stateOf(backend: Backend, { network, expAvg, expAvgSq, ema }: TrainState) {
  const state: Float32Array[] = [];
  for (const part of [network, expAvg, expAvgSq, ema]) {
    await part?.download(backend);
    for (const { data } of part?.stateDict().values() ?? []) state.push(data);
  }
  return state;
}

async function trained(backend: Backend) {
  const step = buildTrainStep(options(4));
  start(backend, step);
  const executable = await backend.compile(step.program);
  const told: number[] = [];
  for (let i = 0; i < STEPS; i++) {
    const [[loss], [norm]] = await executable.run(step.feeds(feedsOf(i)));
    told.push(loss, norm);
  }
  executable.dispose();
  return { told, state: await stateOf(backend, step) };
}

describe.each([wasm, new ReferenceBackend()])("on $name", (backend) => {
  test("two programs one after the other compute what one does, to the bit where values are float32", async () => {
    const step = buildSplitTrainStep(options(4));
    start(backend, step);
    backend.write(step.region, new Float32Array(numel(step.region.shape)));
    const gradients = await backend.compile(step.gradients);
    const update = await backend.compile(step.update);
    const told: number[] = [];
    for (let i = 0; i < STEPS; i++) {
      const feeds = step.feeds(feedsOf(i));
      const [[loss]] = await gradients.run(feeds.gradients);
      const [[norm]] = await update.run(feeds.update);
      told.push(loss, norm);
    }
    const state = await stateOf(backend, step);
    for (const executable of [gradients, update]) executable.dispose();
    const whole = await trained(backend);
    if (backend === wasm) {
      expect({ told, state }).toEqual(whole);
      return;
    }
    // The reference computes in float64, but a region is float32 at rest, as all variables are.
    expect(relativeError(Float32Array.from(told), Float64Array.from(whole.told))).toBeLessThan(1e-5);
  });
});

test("halves of a batch, whose gradients are averaged in between, learn what the whole does", async () => {
  const step = buildSplitTrainStep(options(2, 4));
  const size = numel(step.region.shape);
  start(wasm, step);
  wasm.write(step.region, new Float32Array(size));
  const gradients = await wasm.compile(step.gradients);
  const update = await wasm.compile(step.update);
  const whole = await trained(new ReferenceBackend());
  for (let i = 0; i < STEPS; i++) {
    const mean = new Float32Array(size);
    let loss = 0;
    for (const first of [0, 2]) {
      const [[part]] = await gradients.run(step.feeds(feedsOf(i, first, 2)).gradients);
      loss += part / 2;
      for (const [j, g] of (await wasm.read(step.region)).entries()) mean[j] += g / 2;
    }
    wasm.write(step.region, mean);
    const [[norm]] = await update.run(step.feeds(feedsOf(i, 0, 2)).update);
    expect(loss).toBeCloseTo(whole.told[2 * i], 4);
    expect(norm).toBeCloseTo(whole.told[2 * i + 1], 3);
  }
});
