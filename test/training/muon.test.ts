// Training by Muon: which parameters it trains, the same bits for any threads, in two programs and resumed.

import { copyFile, readFile, writeFile } from "node:fs/promises";
import { afterAll, describe, expect, test } from "vitest";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { numel } from "../../src/engine/shape.ts";
import {
  AugmentEmbedding,
  buildSplitTrainStep,
  buildTrainStep,
  DDPMScheduler,
  isHiddenMatrix,
  openSafetensors,
  synthetic,
  Trainer,
  type TrainerOptions,
  type TrainState,
  type TrainStepFeeds,
  type TrainStepOptions,
} from "../../src/index.ts";
import { adamwDefaults, ModuleGroup, muonDefaults } from "../../src/nn/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { relativeError } from "../support/compare.ts";
import { testFolder } from "../support/folder.ts";
import { TwoConvs } from "../support/second_kinds.ts";

const folder = testFolder();
const scheduler = new DDPMScheduler();
const wasm = new WasmBackend({ threads: 2 });
afterAll(() => wasm.close());

describe("Muon trains", () => {
  const leftToAdamW = (model: ReturnType<typeof tinyUNet>) =>
    [...new ModuleGroup([model, new AugmentEmbedding(model.timeEmbedDim)]).namedParameters()].flatMap(
      ([name, parameter]) => (parameter.torchShape.length > 1 && !isHiddenMatrix(parameter) ? [name] : []),
    );
  const always = ["conv_in.weight", "time_embedding.linear_1.weight", "time_embedding.linear_2.weight"];

  test("matrices inside of the model, not those of its first and last layers and of embeddings", () => {
    expect(leftToAdamW(tinyUNet())).toEqual([...always, "conv_out.weight", "augment_embedding.weight"]);
    const learned = tinyUNet(0, { timeEmbeddingType: "learned", numTrainTimesteps: 5, numClassEmbeds: 3 });
    expect(leftToAdamW(learned)).toEqual([
      ...[always[0], "time_proj.weight", ...always.slice(1)],
      ...["class_embedding.weight", "conv_out.weight", "augment_embedding.weight"],
    ]);
    const projected = tinyUNet(0, { classEmbedType: "timestep" });
    expect(leftToAdamW(projected)).toContain("class_embedding.linear_1.weight");
  });

  test("no vectors", () => {
    for (const parameter of tinyUNet().namedParameters().values()) {
      if (parameter.torchShape.length === 1) expect(isHiddenMatrix(parameter)).toBe(false);
    }
  });
});

const stepOptions: TrainStepOptions = {
  model: tinyUNet(3),
  objective: { alphasCumprod: scheduler.alphasCumprod, predictionType: "epsilon" },
  batchSize: 2,
  ...{ height: 8, width: 8, maxGradNorm: 0.5, ema: true, minSnrGamma: 5, draws: "philox" },
  adamw: adamwDefaults,
  muon: muonDefaults,
};
const feedsOf = (step: number): TrainStepFeeds => ({
  images: Float32Array.from({ length: 2 * 192 }, (_, i) => Math.sin(i * (step + 2))),
  key: Int32Array.of(1, 0, step),
  ...{ step, learningRate: 1e-2, emaDecay: 0.5 },
});
const partsOf = ({ network, expAvg, expAvgSq, momentumBuffer, ema }: TrainState) =>
  [network, expAvg, expAvgSq, momentumBuffer, ema].filter((part) => part !== null);

function start(state: TrainState): void {
  for (const moment of [state.expAvg, state.expAvgSq, state.momentumBuffer]) moment.setZero();
  state.ema?.loadStateDict(state.network.stateDict());
  for (const part of partsOf(state)) part.upload(wasm);
}

async function valuesOf(state: TrainState): Promise<Map<string, Float32Array>[]> {
  const values = [];
  for (const part of partsOf(state)) {
    await part.download(wasm);
    values.push(new Map([...part.stateDict()].map(([name, { data }]) => [name, data])));
  }
  return values;
}

test("in two programs, to the bits of one", async () => {
  // Training changes the model's values on the host when they are read back.
  const options = () => ({ ...stepOptions, model: tinyUNet(3) });
  const whole = buildTrainStep(options());
  start(whole);
  const one = await wasm.compile(whole.program);
  const split = buildSplitTrainStep(options());
  start(split);
  wasm.write(split.region, new Float32Array(numel(split.region.shape)));
  const gradients = await wasm.compile(split.gradients);
  const update = await wasm.compile(split.update);
  for (let step = 0; step < 3; step++) {
    const [loss, norm] = await one.run(whole.feeds(feedsOf(step)));
    const feeds = split.feeds(feedsOf(step));
    expect(await gradients.run(feeds.gradients)).toEqual([loss]);
    expect(await update.run(feeds.update)).toEqual([norm]);
  }
  const values = await valuesOf(split);
  expect(values).toEqual(await valuesOf(whole));
  const [weights, expAvg, , momentum] = values;
  expect(momentum.get("mid_block.resnets.0.conv1.weight")).not.toEqual(new Float32Array(8 * 8 * 9));
  // Each weight has the moments of one optimizer.
  expect([...expAvg.keys(), ...momentum.keys()].sort()).toEqual([...weights.keys()].sort());
  for (const executable of [one, gradients, update]) executable.dispose();
});

test("another choice of its parameters, as given", () => {
  const isMuons = ({ name }: { readonly name: string }) => name === "conv_in.weight";
  const { momentumBuffer, expAvg } = buildTrainStep({ ...stepOptions, isMuons });
  expect([...momentumBuffer.namedParameters().keys()]).toEqual(["conv_in.weight"]);
  expect(expAvg.has("conv_in.weight")).toBe(false);
  const { momentumBuffer: none } = buildTrainStep({ ...stepOptions, isMuons: () => false });
  expect(none.parameterCount).toBe(0);
});

const options = (name: string, more: Partial<TrainerOptions> = {}): TrainerOptions => ({
  model: new TwoConvs(3, 8),
  scheduler,
  data: synthetic({ count: 6, size: 8 }),
  ...{ optimizer: "muon", learningRate: 1e-2, batchSize: 2, steps: 4, seed: 3 },
  ...{ checkpointEvery: 0, sampleEvery: 0, threads: 2 },
  out: folder(name),
  ...more,
});

async function run(given: TrainerOptions, stopAt = Number.POSITIVE_INFINITY): Promise<number[]> {
  const losses = [];
  const trainer = new Trainer(given);
  for await (const { step, loss } of trainer.run()) {
    losses.push(loss);
    if (step === stopAt) trainer.stop();
  }
  return losses;
}

const adamw = { optimizer: "adamw", backend: "reference" } as const;
const state = (name: string) =>
  Promise.all(
    ["optimizer.safetensors", "unet_ema/diffusion_pytorch_model.safetensors"].map((file) =>
      readFile(folder(name, "checkpoints/step-000004", file)),
    ),
  );

describe("a run by Muon", () => {
  test("has the same bytes for any number of threads, and the reference learns alike", async () => {
    const losses = await run(options("whole"));
    await run(options("one", { threads: 1 }));
    expect(await state("one")).toEqual(await state("whole"));
    const reference = await run(options("reference", { backend: "reference" }));
    expect(relativeError(losses, reference)).toBeLessThan(1e-4);
    expect(reference).not.toEqual(await run(options("adamw", adamw)));
  });

  test("keeps its momentum by torch's name, for its matrices only", async () => {
    const file = await openSafetensors(folder("whole/checkpoints/step-000004/optimizer.safetensors"));
    const names = [...file.names];
    await file.close();
    expect(names.filter((name) => name.includes(".in.")).sort()).toEqual([
      "exp_avg.in.bias",
      "exp_avg_sq.in.bias",
      "momentum_buffer.in.weight",
    ]);
  });

  test("goes on to the same bytes", async () => {
    await run(options("halved"), 1);
    expect((await run(options("halved", { resume: true }))).length).toBeLessThan(4);
    expect(await state("halved")).toEqual(await state("whole"));
  });

  test("goes on with Muon only", async () => {
    await expect(run(options("whole", { optimizer: "adamw", steps: 6, resume: true }))).rejects.toThrow(
      'was begun with optimizer "muon", now it is "adamw"; resume with the same, or begin a new run',
    );
    await expect(run(options("whole", { muonMomentum: 0.9, steps: 6, resume: true }))).rejects.toThrow(
      "was begun with muon momentum 0.95, now it is 0.9",
    );
  });

  test("whose momentum was lost is damaged", async () => {
    const [lost, found] = ["whole", "adamw"].map((name) =>
      folder(name, "checkpoints/step-000004/optimizer.safetensors"),
    );
    await copyFile(lost, folder("kept"));
    await copyFile(found, lost);
    await expect(run(options("whole", { steps: 6, resume: true }))).rejects.toThrow(
      /checkpoint is damaged: .*momentum_buffer\..*; remove .*step-000004/,
    );
    await copyFile(folder("kept"), lost);
  });
});

test("a run from before there was a choice goes on by AdamW, to the same bytes", async () => {
  await run(options("old", adamw), 1);
  const path = folder("old/config.json");
  const config = JSON.parse(await readFile(path, "utf8"));
  expect(config.training).toMatchObject({ optimizer: "adamw", muon_momentum: 0.95 });
  delete config.training.optimizer;
  delete config.training.muon_momentum;
  await writeFile(path, JSON.stringify(config));
  await run(options("old", { ...adamw, resume: true }));
  expect(await state("old")).toEqual(await state("adamw"));
});

test.each([
  [{ optimizer: "adamw", muonMomentum: 0.9 }, "a muon momentum of 0.9 is of the optimizer muon"],
  [{ muonMomentum: 1 }, "muonMomentum"],
] as const)("refuses %j", (more, message) => {
  expect(() => new Trainer(options("never", more))).toThrow(message);
});
