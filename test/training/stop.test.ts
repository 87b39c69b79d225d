// Where a run ends after stop(), and what it leaves.

import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { DDPMScheduler, synthetic, Trainer, type TrainerOptions } from "../../src/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { testFolder } from "../support/folder.ts";

const folder = testFolder();

const options = (name: string, more: Partial<TrainerOptions> = {}): TrainerOptions => ({
  model: tinyUNet(),
  scheduler: new DDPMScheduler(),
  data: synthetic({ count: 10, size: 8 }),
  batchSize: 4,
  learningRate: 1e-3,
  steps: 4,
  out: folder(name),
  sampleEvery: 0,
  checkpointEvery: 3,
  threads: 1,
  ...more,
});

/** Trains, and stops while the report of a step is handled. @returns step and checkpoint of each report */
async function stoppedAt(stopAfter: number, trainer: Trainer, wait = async (): Promise<void> => {}) {
  const reports: [step: number, checkpoint: string | undefined][] = [];
  for await (const { step, checkpoint } of trainer.run()) {
    reports.push([step, checkpoint]);
    if (step !== stopAfter) continue;
    await wait();
    trainer.stop();
    await wait();
  }
  return reports;
}

const left = async (name: string) => {
  const checkpoints = await readdir(folder(name, "checkpoints"));
  const metrics = await readFile(folder(name, "metrics.jsonl"), "utf8");
  const lock = (await readdir(folder(name))).includes(".lock");
  return { checkpoints, records: metrics.trim().split("\n").length, lock };
};

test.each([
  ["at once", async () => {}],
  ["after a while", () => new Promise<void>((later) => setTimeout(later, 20))],
])(
  "called while the report of a step is handled (%s), it ends after that step, with its checkpoint",
  async (how, wait) => {
    const trainer = new Trainer(options(how));
    expect(await stoppedAt(2, trainer, wait)).toEqual([
      [1, undefined],
      [2, undefined],
    ]);
    expect([trainer.stopped, trainer.finished]).toEqual([true, false]);
    expect(await left(how)).toEqual({ checkpoints: ["step-000002"], records: 2, lock: false });
    expect(trainer.folder.checkpoint(2)).toBe(folder(how, "checkpoints/step-000002"));

    const rest = await stoppedAt(0, new Trainer(options(how, { resume: true })));
    expect(rest.map(([step]) => step)).toEqual([3, 4]);
  },
);

test("a checkpoint that the step had anyway is written once; a stop after the last step changes nothing", async () => {
  const due = new Trainer(options("due"));
  const checkpoint = (step: number) => folder("due", `checkpoints/step-00000${step}`);
  expect((await stoppedAt(3, due)).at(-1)).toEqual([3, checkpoint(3)]);
  expect(await left("due")).toEqual({ checkpoints: ["step-000003"], records: 3, lock: false });
  const last = new Trainer(options("due", { resume: true }));
  expect(await stoppedAt(4, last)).toEqual([[4, checkpoint(4)]]);
  expect(last.finished).toBe(true);
});

test("called while a step is computed, it ends after that step, whose report names the checkpoint", async () => {
  const trainer: Trainer = new Trainer(options("within", { steps: 500, checkpointEvery: 0 }));
  const reports: [number, string | undefined][] = [];
  await trainer.prepare();
  for await (const { step, checkpoint } of trainer.run()) {
    reports.push([step, checkpoint]);
    // The next step is under way when timers are.
    if (step === 1) setTimeout(() => trainer.stop(), 0);
  }
  expect(reports.at(-1)).toEqual([reports.length, trainer.folder.checkpoint(reports.length)]);
  expect(reports.length).toBeGreaterThan(1);
  expect(reports.length).toBeLessThan(500);
});

test("a pause holds the run after its step until it ends, and is not counted as time of training", async () => {
  const trainer = new Trainer(options("held"));
  // Longer than anything else that a step of this model does.
  const PAUSE = 2;
  const reports: { readonly counted: number; readonly passed: number }[] = [];
  let isHeld = false;
  for await (const { step, seconds } of trainer.run()) {
    expect(isHeld, `step ${step}`).toBe(false);
    reports.push({ counted: seconds, passed: performance.now() / 1000 });
    if (step !== 2) continue;
    isHeld = true;
    trainer.pause();
    expect(trainer.paused).toBe(true);
    setTimeout(() => {
      isHeld = false;
      trainer.unpause();
    }, PAUSE * 1000);
  }
  expect([trainer.paused, trainer.finished]).toEqual([false, true]);
  const [, before, after] = reports;
  expect(after.passed - before.passed).toBeGreaterThan(0.9 * PAUSE);
  expect(after.counted - before.counted).toBeLessThan(after.passed - before.passed - 0.9 * PAUSE);
});

test("stop() ends a pause, and the run after that step", async () => {
  const trainer = new Trainer(options("held and stopped"));
  const steps: number[] = [];
  for await (const { step } of trainer.run()) {
    steps.push(step);
    trainer.pause();
    setTimeout(() => trainer.stop());
  }
  expect([steps, trainer.paused, trainer.stopped]).toEqual([[1], false, true]);
  expect((await left("held and stopped")).checkpoints).toEqual(["step-000001"]);
});
