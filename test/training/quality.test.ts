// Quality numbers during training: the steps that have them, their values, and independence of interruptions.

import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import {
  createBackend,
  DDPMPipeline,
  DDPMScheduler,
  FeatureExtractor,
  frechetDistance,
  gaussianOf,
  kernelDistance,
  type Pixels,
  patchNetwork,
  synthetic,
  Trainer,
  type TrainerOptions,
  toImages,
} from "../../src/index.ts";
import { settingsJsonSchema, settingsToJson } from "../../src/training/settings.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { testFolder } from "../support/folder.ts";

const folder = testFolder();

const data = synthetic({ count: 12, size: 8 });

const options = (name: string, more: Partial<TrainerOptions> = {}): TrainerOptions => ({
  model: tinyUNet(),
  scheduler: new DDPMScheduler({ betaSchedule: "squaredcos_cap_v2" }),
  data,
  batchSize: 4,
  steps: 7,
  learningRate: 1e-3,
  out: folder(name),
  sampleSteps: 2,
  sampleCount: 1,
  evalEvery: 3,
  evalCount: 5,
  checkpointEvery: 2,
  ...more,
});

/** Trains until the end, or until a step is done. @returns the steps that were measured */
async function train(asked: TrainerOptions, stopAfter?: number): Promise<number[]> {
  const trainer = new Trainer(asked);
  const measured: number[] = [];
  for await (const { step, quality } of trainer.run()) {
    if (quality) measured.push(step);
    if (step === stopAfter) trainer.stop();
  }
  return measured;
}

type Line = Readonly<Record<string, number>>;

/** The records of a run, without the time that they took. */
async function records(name: string): Promise<Line[]> {
  const text = await readFile(folder(name, "metrics.jsonl"), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => ({ ...JSON.parse(line), seconds: 0, images_per_second: 0 }));
}

describe("a run", () => {
  test("is measured every so many steps and at its end, which changes nothing else", async () => {
    expect(await train(options("whole", { threads: 1 }))).toEqual([3, 6, 7]);
    expect(await train(options("without", { evalEvery: 0 }))).toEqual([]);
    const whole = await records("whole");
    expect(whole.map(({ patch_fd, patch_kd }) => [patch_fd > 0, Number.isFinite(patch_kd)])).toEqual(
      [1, 2, 3, 4, 5, 6, 7].map((step) => [3, 6, 7].includes(step)).map((has) => [has, has]),
    );
    expect(whole.map(({ patch_fd: _, patch_kd: __, ...rest }) => rest)).toEqual(await records("without"));
  });

  test("has the numbers that its images and its data have", async () => {
    const backend = await createBackend({ backend: "wasm" });
    const pipeline = await DDPMPipeline.fromPretrained(folder("whole"), { backend });
    const drawn = toImages(await pipeline.generate({ count: 5, steps: 2, scheduler: "ddim", seed: 0 }));
    const extractor = new FeatureExtractor(patchNetwork(), backend, 4);
    const original = (index: number): Pixels => ({
      data: data.image(index),
      height: 8,
      width: 8,
      channels: 3,
    });
    const real = await extractor.extract(data.count, original);
    const generated = await extractor.extract(drawn.length, (index) => drawn[index]);
    const last = (await records("whole")).at(-1);
    expect(last?.patch_fd).toBe(await frechetDistance(await gaussianOf(real), await gaussianOf(generated)));
    expect(last?.patch_kd).toBe((await kernelDistance(real, generated, { seed: 0 })).mean);
    await backend.close();
  });

  test("that is stopped and resumed has the same numbers, with any threads", async () => {
    await train(options("resumed", { threads: 2 }), 3);
    await train(options("resumed", { threads: 2, resume: true }));
    expect(await records("resumed")).toEqual(await records("whole"));
  });

  test.each([3, 7])("that is stopped while step %i is measured makes up for it", async (step) => {
    const name = `interrupted-${step}`;
    let done = 0;
    const trainer: Trainer = new Trainer(
      options(name, {
        onStage: (stage) => {
          if (stage === "quality" && done === step - 1) trainer.stop();
        },
      }),
    );
    let last: unknown;
    for await (const { step, quality, checkpoint } of trainer.run()) {
      done = step;
      last = { step, quality, checkpoint };
    }
    const checkpoint = folder(name, `checkpoints/step-00000${step}`);
    expect(last).toEqual({ step, quality: undefined, checkpoint });
    expect((await records(name)).at(-1)).not.toHaveProperty("patch_fd");
    await train(options(name, { resume: true }));
    expect(await records(name)).toEqual(await records("whole"));
    const again = new Trainer(options(name, { resume: true }));
    await again.prepare();
    expect(again.finished).toBe(true);
  });
});

test("options that measure nothing are named", () => {
  const make = (more: Partial<TrainerOptions>) => () => new Trainer(options("never", more));
  expect(make({ evalCount: 1 })).toThrow(/evalCount/);
  expect(make({ evalEvery: -1 })).toThrow(/evalEvery/);
  const one = synthetic({ count: 1, size: 8 });
  expect(make({ data: one })).toThrow("quality numbers compare with at least 2 images, synthetic has 1");
  expect(make({ data: one, evalEvery: 0 })).not.toThrow();
  const large = synthetic({ count: 2, size: 64 });
  expect(make({ data: large, evalCount: 8193 })).toThrow(
    "8193 images of 64 x 64 need too much memory at once; use an evalCount of at most 8192",
  );
});

test("a config that does not name them means none", () => {
  const { eval_every, eval_count, ...before } = settingsToJson(new Trainer(options("never")).settings);
  expect([eval_every, eval_count]).toEqual([3, 5]);
  expect(v.parse(settingsJsonSchema, before)).toMatchObject({ evalEvery: 0, evalCount: 256 });
});
