import { readdir, readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { DDPMPipeline, DDPMScheduler, synthetic, Trainer, type TrainerOptions } from "../../src/index.ts";
import { checkDisk, runBytes } from "../../src/training/run/disk.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { backendNames } from "../support/backends.ts";
import { testFolder } from "../support/folder.ts";

const folder = testFolder();

const options = (name: string, more: Partial<TrainerOptions> = { epochs: 2 }): TrainerOptions => ({
  model: tinyUNet(),
  scheduler: new DDPMScheduler({ betaSchedule: "squaredcos_cap_v2" }),
  data: synthetic({ count: 10, size: 8 }),
  batchSize: 4,
  learningRate: 1e-3,
  out: folder(name),
  sampleSteps: 2,
  sampleCount: 1,
  ...more,
});

describe.each(backendNames)("%s", (backend) => {
  test("trains, yields every step, and leaves a pipeline that draws", async () => {
    const trainer = new Trainer(options(`whole-${backend}`, { backend, epochs: 2, sampleEvery: 4 }));
    const steps = [];
    for await (const {
      step,
      steps: all,
      epoch,
      epochs,
      loss,
      epochLoss,
      imagesPerSecond,
      samples,
    } of trainer.run()) {
      expect(Number.isFinite(loss) && imagesPerSecond > 0).toBe(true);
      expect([all, epochs]).toEqual([6, 2]);
      steps.push([step, epoch, epochLoss !== undefined, samples !== undefined]);
    }
    expect(steps).toEqual([
      [1, 1, false, false],
      [2, 1, false, false],
      [3, 1, true, false],
      [4, 2, false, true],
      [5, 2, false, false],
      [6, 2, true, true],
    ]);
    const pipeline = await DDPMPipeline.fromPretrained(folder(`whole-${backend}`), { backend });
    const { shape } = await pipeline.generate({ count: 2, steps: 2, scheduler: "ddim", seed: 42 });
    expect(shape).toEqual([2, 8, 8, 3]);
    await pipeline.close();
  });
});

test("both backends learn alike", async () => {
  const losses = async (backend: "wasm" | "reference") => {
    const all = [];
    const trainer = new Trainer(options(`alike-${backend}`, { backend, epochs: 2 }));
    for await (const { loss } of trainer.run()) all.push(loss);
    return all;
  };
  const [wasm, reference] = [await losses("wasm"), await losses("reference")];
  for (const [i, loss] of wasm.entries()) expect(Math.abs(loss / reference[i] - 1)).toBeLessThan(1e-4);
});

test("leaving the loop frees the backend", async () => {
  const left = new Trainer(options("left"));
  for await (const { step } of left.run()) if (step === 2) break;
  const metrics = await readFile(folder("left/metrics.jsonl"), "utf8");
  expect(metrics.trim().split("\n")).toHaveLength(2);
});

test("a run without grids is finished without one; its end is saved, and a grid can still be asked for", async () => {
  const none = { steps: 3, sampleEvery: 0, checkpointEvery: 0 };
  const run = async (more: Partial<TrainerOptions>) => {
    const trainer = new Trainer(options("gridless", { ...none, ...more }));
    await trainer.prepare();
    const { finished: before } = trainer;
    const steps = [];
    for await (const { step, samples, checkpoint } of trainer.run()) {
      steps.push([step, samples !== undefined, checkpoint !== undefined]);
    }
    return { before, steps, after: trainer.finished, names: await readdir(folder("gridless")) };
  };
  const first = await run({});
  expect(first).toMatchObject({ before: false, after: true });
  expect(first.steps).toEqual([1, 2, 3].map((step) => [step, false, step === 3]));
  expect(first.names.sort()).toEqual(["checkpoints", "config.json", "loss.png", "metrics.jsonl", "pipeline"]);
  expect(await run({ resume: true })).toMatchObject({ before: true, after: true, steps: [] });
  const drawn = await run({ resume: true, sampleEvery: 2 });
  expect(drawn).toMatchObject({ before: false, after: true, steps: [] });
  expect(drawn.names).toContain("samples.png");
});

test("options that do not fit are named before anything is done", async () => {
  const make = (more: Partial<TrainerOptions>) => () => new Trainer(options("never", more));
  expect(make({})).toThrow("neither steps nor epochs was given");
  expect(make({ steps: 5, epochs: 2 })).toThrow("both steps and epochs were given");
  expect(make({ steps: 5, batchSize: 0 })).toThrow(/batchSize/);
  expect(make({ steps: 5, learningRate: Number.NaN })).toThrow(/learningRate/);
  expect(make({ steps: 5, data: synthetic({ count: 3, size: 9 }) })).toThrow(
    "images of 9 x 9 do not fit the model, which halves them once; use a size that is a multiple of 2",
  );
});

test("the disk is looked at first", async () => {
  // Weights, two moments and the average for each of three checkpoints, and the pipeline twice.
  expect(runBytes(100, 2, true)).toBe(3 * 4 * 400 + 2 * 400);
  await checkDisk(folder("not/there/yet"), 1);
  await expect(checkDisk(folder(), 1e18)).rejects.toThrow(
    /checkpoints need 1000000000000 MB, but the disk of/,
  );
});
