// Class-conditional training: the labels for the model, learning them, and exactly resumed runs.

import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import {
  buildTrainStep,
  type ClassLabels,
  DDPMPipeline,
  DDPMScheduler,
  type ImageSource,
  synthetic,
  Trainer,
  type TrainerOptions,
  type UNet2DModel,
} from "../../src/index.ts";
import { adamwDefaults } from "../../src/nn/adamw.ts";
import { BatchLabels, withClasses } from "../../src/training/step/batch_labels.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { backends } from "../support/backends.ts";
import { relativeError } from "../support/compare.ts";
import { testFolder } from "../support/folder.ts";

const folder = testFolder();

/** Dark, grey and light squares. */
const LEVELS = [30, 120, 220];
const squares: ImageSource = {
  name: "squares",
  count: 12,
  size: { height: 8, width: 8 },
  channels: 3,
  flip: false,
  labels: { names: ["dark", "grey", "light"], of: Int32Array.from({ length: 12 }, (_, i) => i % 3) },
  image: (index) => new Uint8Array(192).fill(LEVELS[index % 3]),
  fingerprint: () => "squares",
};

const scheduler = () =>
  new DDPMScheduler({
    ...{ betaSchedule: "squaredcos_cap_v2", predictionType: "v_prediction" },
    ...{ rescaleBetasZeroSnr: true, timestepSpacing: "trailing" },
  });

const options = (name: string, more: Partial<TrainerOptions> = {}): TrainerOptions => ({
  model: tinyUNet(0, { numClassEmbeds: 4 }),
  scheduler: scheduler(),
  data: squares,
  batchSize: 12,
  steps: 12,
  learningRate: 1e-2,
  out: folder(name),
  sampleSteps: 3,
  sampleCount: 6,
  ...more,
});

async function run(given: TrainerOptions, stopAfter = Number.POSITIVE_INFINITY): Promise<number[]> {
  const trainer = new Trainer(given);
  const losses: number[] = [];
  for await (const { step, loss } of trainer.run()) {
    losses.push(loss);
    if (step === stopAfter) trainer.stop();
  }
  return losses;
}

describe("labels that a model is shown", () => {
  const labels = { names: ["a", "b", "c"], of: Int32Array.of(2, 0, 1, 1) };
  const many = new Uint32Array(10_000).map((_, i) => i % 4);

  test("are the images', but for the share that is hidden", () => {
    expect(new BatchLabels(labels, 0, 5).batch(Uint32Array.of(3, 0, 2), 1)).toEqual(Int32Array.of(1, 2, 1));
    for (const dropout of [0.1, 0.5]) {
      const shown = new BatchLabels(labels, dropout, 5).batch(many, 7);
      const hidden = shown.filter((label) => label === 3).length / many.length;
      // Three standard deviations of the share of a binomial draw.
      expect(Math.abs(hidden - dropout)).toBeLessThan(3 * Math.sqrt((dropout * (1 - dropout)) / many.length));
      expect(shown.every((label, i) => label === 3 || label === labels.of[i % 4])).toBe(true);
    }
  });

  test("depend on the seed, the step and the place in the batch, and nothing else", () => {
    const hidden = (seed: number, step: number, size = 400) =>
      new BatchLabels(labels, 0.1, seed).batch(new Uint32Array(size), step).join();
    const first = hidden(1, 0);
    expect(hidden(1, 0)).toBe(first);
    expect(new Set([first, hidden(1, 1), hidden(2, 0), hidden(2 ** 40 + 1, 0)]).size).toBe(4);
    expect(first.startsWith(hidden(1, 0, 7))).toBe(true);
  });
});

test("a step with labels, one of them hidden, is the same on both backends", async () => {
  const results = [];
  for (const { create } of backends) {
    const model = tinyUNet(3, { numClassEmbeds: 4 });
    const { alphasCumprod } = scheduler();
    const trainStep = buildTrainStep({
      ...{ model, objective: { predictionType: "v_prediction", alphasCumprod } },
      ...{ batchSize: 3, height: 8, width: 8, draws: "philox" },
      ...{ adamw: adamwDefaults, maxGradNorm: 1, ema: false, minSnrGamma: null },
    });
    const backend = await create();
    for (const part of [model, trainStep.expAvg.setZero(), trainStep.expAvgSq.setZero()])
      part.upload(backend);
    const executable = await backend.compile(trainStep.program);
    const classLabels = Int32Array.of(2, 3, 0);
    const images = Float32Array.from({ length: 576 }, (_, i) => Math.sin(i));
    const key = Int32Array.of(1, 0, 0);
    const feeds = trainStep.feeds({ images, classLabels, key, step: 0, learningRate: 1e-3 });
    const [[loss], [norm]] = await executable.run(feeds);
    await trainStep.expAvg.download(backend);
    const moment = trainStep.expAvg.stateDict().get("class_embedding.weight");
    results.push({ loss, norm, gradient: moment?.data ?? expect.fail("there is no table of classes") });
    await backend.close();
  }
  const [reference, wasm] = results;
  expect(Math.abs(wasm.loss / reference.loss - 1)).toBeLessThan(1e-5);
  expect(Math.abs(wasm.norm / reference.norm - 1)).toBeLessThan(1e-4);
  expect(relativeError(wasm.gradient, reference.gradient)).toBeLessThan(1e-4);
  // Rows of classes that were not shown have no gradient, those that were have one.
  const width = reference.gradient.length / 4;
  const touched = [0, 1, 2, 3].map((row) =>
    reference.gradient.slice(row * width, (row + 1) * width).some((g) => g !== 0),
  );
  expect(touched).toEqual([true, false, true, true]);
});

test("a model learns to draw each class; its pipeline knows their names", async () => {
  await run(options("learns", { steps: 150, sampleCount: 3 }));
  const pipeline = await DDPMPipeline.fromPretrained(folder("learns"));
  expect(pipeline.classes).toMatchObject({ count: 3, nullClass: 3, id2label: { 0: "dark", 2: "light" } });
  const levels = async (guidanceScale: number) => {
    const asked = { count: 3, steps: 10, scheduler: "ddim", guidanceScale } as const;
    const { data } = await pipeline.generate(asked);
    return [0, 1, 2].map((k) => data.slice(k * 192, (k + 1) * 192).reduce((a, b) => a + b, 0) / 192);
  };
  const [dark, grey, light] = await levels(1);
  expect(dark + 0.1).toBeLessThan(grey);
  expect(grey + 0.1).toBeLessThan(light);
  const [darker, , lighter] = await levels(2);
  expect(lighter - darker).toBeGreaterThan(light - dark);
  await pipeline.close();
});

test("stopped and resumed, with any threads, gives the same bytes", async () => {
  const losses = await run(options("whole", { threads: 1, labelDropout: 0.3, sampleEvery: 5 }));
  const first = await run(options("resumed", { threads: 2, labelDropout: 0.3, sampleEvery: 5 }), 7);
  const rest = await run(options("resumed", { labelDropout: 0.3, sampleEvery: 5, resume: true }));
  expect([...first, ...rest]).toEqual(losses);
  for (const file of [
    "config.json",
    "samples/000005.png",
    "samples.png",
    "pipeline/model_index.json",
    "checkpoints/step-000012/unet/diffusion_pytorch_model.safetensors",
    "checkpoints/step-000012/optimizer.safetensors",
  ]) {
    const [a, b] = ["whole", "resumed"].map((name) => readFile(folder(name, file)));
    expect((await a).equals(await b), file).toBe(true);
  }
  const { data, training } = JSON.parse(await readFile(folder("whole/config.json"), "utf8"));
  expect(data.classes).toEqual(["dark", "grey", "light"]);
  expect(training.label_dropout).toBe(0.3);

  const other = (labels: ClassLabels): ImageSource => ({ ...squares, labels });
  const of = Int32Array.from({ length: 12 }, (_, i) => (i + 1) % 3);
  for (const [change, message] of [
    [{ labelDropout: 0.1 }, "label dropout 0.3, now it is 0.1"],
    [
      { labelDropout: 0.3, data: other({ names: ["dark", "gray", "light"], of }) },
      'class 1 "grey", now it is "gray"',
    ],
    [{ labelDropout: 0.3, data: other({ names: ["dark", "grey", "light"], of }) }, "labels (fingerprint) "],
  ] as const) {
    const resumed = options("whole", { ...change, resume: true });
    await expect(run(resumed)).rejects.toThrow(message);
  }
});

describe("models and labels that do not fit", () => {
  const unlabelled: ImageSource = { ...synthetic({ count: 12, size: 8 }) };
  const { labels: _, ...without } = unlabelled;
  const make = (model: UNet2DModel, more: Partial<TrainerOptions> = {}) =>
    new Trainer(options("never", { model, ...more }));

  test("are refused, saying what would fit", () => {
    for (const [rows, more, message] of [
      [
        7,
        {},
        "the model has num_class_embeds 7, but the 3 classes of squares want, with one for no class, 4",
      ],
      [3, { labelDropout: 0.1 }, "want, with one for no class, 4"],
      [4, { labelDropout: 0 }, "want, with a label dropout of 0, 3"],
      [4, { data: without }, "synthetic has no class labels, which a class-conditional model learns from"],
      [4, { data: { ...squares, count: 13 } }, "squares has 12 labels for 13 images"],
      [4, { labelDropout: 1 }, "labelDropout"],
    ] as const) {
      expect(() => make(tinyUNet(0, { numClassEmbeds: rows }), more)).toThrow(message);
    }
    const beyond = { names: ["a"], of: new Int32Array(12).fill(1) };
    expect(() => make(tinyUNet(0, { numClassEmbeds: 2 }), { data: { ...squares, labels: beyond } })).toThrow(
      "the label of image 0 is 1, expected one of 1 classes",
    );
    expect(() => make(tinyUNet(), { labelDropout: 0.1 })).toThrow(
      "a label dropout of 0.1 is for class-conditional models",
    );
    expect(() => make(tinyUNet(0, { classEmbedType: "timestep" }))).toThrow("has class_embed_type timestep");
  });

  test("a dropout of 0 goes with no row for no class; a model without classes leaves labels alone", () => {
    expect(make(tinyUNet(0, { numClassEmbeds: 3 })).settings.labelDropout).toBe(0);
    expect(make(tinyUNet(0, { numClassEmbeds: 4 })).settings.labelDropout).toBe(0.1);
    expect(make(tinyUNet()).settings.labelDropout).toBe(0);
    expect(withClasses(tinyUNet(), squares).config.numClassEmbeds).toBe(4);
    expect(withClasses(tinyUNet(), squares, 0).config.numClassEmbeds).toBe(3);
    expect(() => withClasses(tinyUNet(), without)).toThrow("synthetic has no class labels");
  });
});
