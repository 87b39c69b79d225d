// A run of a model and a codec of a second kind.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { BatchSampler, fillBatch } from "../../src/data/batches.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { DDPMScheduler, synthetic, Trainer, type TrainerOptions } from "../../src/index.ts";
import { decodeImage } from "../../src/io/image/index.ts";
import { readStateDict } from "../../src/io/state_dict.ts";
import { schedulerKind } from "../../src/pipelines/components.ts";
import { UNCONDITIONAL } from "../../src/pipelines/families.ts";
import { readPipelineOf } from "../../src/pipelines/folders.ts";
import { startState } from "../../src/training/step/compile_step.ts";
import { objectiveOf } from "../../src/training/step/objective.ts";
import { buildTrainStep } from "../../src/training/step/train_step.ts";
import { stepOptions } from "../../src/training/trainer_options.ts";
import { testFolder } from "../support/folder.ts";
import { haar, haarKind, TwoConvs, twoConvsKind } from "../support/second_kinds.ts";

const folder = testFolder();

const data = synthetic({ count: 6, size: 8 });
const scheduler = new DDPMScheduler();
const options = (name: string, more: Partial<TrainerOptions> = {}): TrainerOptions => ({
  model: new TwoConvs(12, 4),
  codec: haar,
  scheduler,
  data,
  batchSize: 2,
  steps: 4,
  learningRate: 1e-2,
  seed: 3,
  sampleSteps: 2,
  sampleCount: 1,
  backend: "reference",
  out: folder(name),
  ...more,
});

async function run(trainer: Trainer): Promise<number[]> {
  const losses: number[] = [];
  for await (const { loss } of trainer.run()) losses.push(loss);
  return losses;
}

test("learns what the codec makes of the images, and draws images", async () => {
  const trainer = new Trainer(options("whole"));
  const [first, ...more] = await run(trainer);
  expect(more).toHaveLength(3);

  const backend = new ReferenceBackend();
  const model = new TwoConvs(12, 4).initialize(new TorchGenerator(3));
  const given = options("unused", { model });
  const step = buildTrainStep(stepOptions(given, trainer.settings, objectiveOf(scheduler)));
  startState(step);
  for (const part of [step.network, step.expAvg, step.expAvgSq, step.ema]) part?.upload(backend);
  const batch = new BatchSampler({ count: 6, batchSize: 2, seed: 3 }).batch(0);
  const images = hostTensor(fillBatch(data, batch), [2, 8, 8, 3]);
  const feeds = { key: Int32Array.of(3, 0, 0), step: 0, learningRate: 1e-2, emaDecay: 0 };
  const lossOf = async (values: Float32Array) => {
    const executable = await backend.compile(step.program);
    const [[loss]] = await executable.run(step.feeds({ ...feeds, images: values }));
    return loss;
  };
  const encoded = await haar.encode(images, backend);
  expect(encoded.shape).toEqual([2, 4, 4, 12]);
  expect(await lossOf(encoded.data)).toBe(first);

  const { width, height } = await decodeImage(await readFile(trainer.folder.finalSamples));
  expect([width, height]).toEqual([128 + 8, 128 + 8]);
  const kinds = [schedulerKind, twoConvsKind, haarKind];
  const { codec, unet } = await readPipelineOf({ ...UNCONDITIONAL, kinds }, trainer.folder.pipeline);
  expect([codec, unet.className]).toEqual([haar, "TwoConvs"]);
});

test("goes on to the same weights, and only with the same codec", async () => {
  await run(new Trainer(options("whole-again")));
  const halves = new Trainer(options("halves", { checkpointEvery: 2 }));
  for await (const { step } of halves.run()) if (step === 2) halves.stop();
  const resume = { resume: true, checkpointEvery: 2 };
  const { saved } = haar;
  if (saved === null) throw new Error("not saved");
  const other = { ...haar, saved: { ...saved, config: { levels: 2 } } };
  await expect(new Trainer(options("halves", { ...resume, codec: other })).prepare()).rejects.toThrow(
    /was begun with codec .*"levels":1.*now it is .*"levels":2/,
  );
  await run(new Trainer(options("halves", resume)));
  const weights = (name: string) => readStateDict(folder(name, "checkpoints/step-000004/unet"));
  expect(await weights("halves")).toEqual(await weights("whole-again"));
});

test.each([
  [{ data: synthetic({ count: 6, size: 9 }) }, "9 x 9 cannot be halved"],
  [{ model: new TwoConvs(3, 4) }, "takes images of 3 channels, synthetic has 12 through the codec"],
  [{ augmentProbability: 0.1 }, "a TwoConvs cannot be told how its images were augmented"],
] as const)("what does not fit is refused: %#", (more, message) => {
  expect(() => new Trainer(options("refused", more))).toThrow(message);
});
