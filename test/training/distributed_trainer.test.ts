// A training on several ranks, here within one process: the first one's folder is that of a training on one.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Communicator } from "../../src/distributed/communicator.ts";
import { DistributedError } from "../../src/distributed/errors.ts";
import { synthetic, Trainer, type TrainerOptions } from "../../src/index.ts";
import { testFolder } from "../support/folder.ts";
import { onRanks } from "../support/ranks.ts";
import { trainingOptions } from "../support/small_training.ts";

const folder = testFolder();
const MICROBATCH = 2;

/** The files of a folder whose bytes do not depend on the clock. */
async function bytesIn(path: string): Promise<Map<string, string>> {
  const names = await readdir(path, { recursive: true, withFileTypes: true });
  const files = names.filter(
    (entry) => entry.isFile() && !["metrics.jsonl", "config.json", ".lock"].includes(entry.name),
  );
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  const entries = paths.map(
    async (file) => [file.slice(path.length), await readFile(file, "base64")] as const,
  );
  return new Map(await Promise.all(entries));
}

const options = (name: string, more: Partial<TrainerOptions> = {}): TrainerOptions => ({
  ...trainingOptions(folder(name)),
  ...{ threads: 1, backend: "wasm", microbatch: MICROBATCH, steps: 6, checkpointEvery: 3, sampleEvery: 3 },
  ...{ evalEvery: 6, evalCount: 5, timestepSampling: "loss-second-moment" },
  ...more,
});

/** Trains to the end, or stops after a step. @returns what each step said */
async function train(given: TrainerOptions, stopAfter?: number) {
  const trainer = new Trainer(given);
  const said = [];
  for await (const { step, loss, gradNorm, samples, quality, checkpoint } of trainer.run()) {
    said.push({ step, loss, gradNorm, samples, quality, checkpoint });
    if (step === stopAfter) trainer.stop();
  }
  return { said, finished: trainer.finished };
}

const onAll = (size: number, name: string, more: Partial<TrainerOptions> = {}, stopAfter?: number) =>
  onRanks(size, (communicator) =>
    train(options(name, { ...more, communicator }), communicator.rank === 1 ? stopAfter : undefined),
  );

test("any number of ranks leaves the same files; a stop of one stops all; others go on", async () => {
  const alone = await train(options("alone"));
  const expected = await bytesIn(folder("alone"));
  expect([...expected.keys()]).toContain("/samples.png");
  expect(alone.said.map(({ quality }) => quality !== undefined)).toEqual([
    false,
    false,
    false,
    false,
    false,
    true,
  ]);

  const [first, ...others] = await onAll(4, "four");
  expect(first).toEqual(JSON.parse(JSON.stringify(alone).replaceAll("alone", "four")));
  expect(await bytesIn(folder("four"))).toEqual(expected);
  for (const { said, finished } of others) {
    expect(said.map(({ loss, gradNorm }) => [loss, gradNorm])).toEqual(
      alone.said.map(({ loss, gradNorm }) => [loss, gradNorm]),
    );
    expect(said.every(({ samples, checkpoint }) => samples === undefined && checkpoint === undefined)).toBe(
      true,
    );
    expect(finished).toBe(true);
  }

  // Asked to stop after step 3, the others learn of it with the next one.
  const stopped = await onAll(2, "stopped", {}, 3);
  for (const { said, finished } of stopped) {
    expect(said.at(-1)?.step).toBe(4);
    expect(finished).toBe(false);
  }
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  const resumed = await onAll(4, "stopped", { resume: true, onWarning });
  for (const { said } of resumed) expect(said.map(({ step }) => step)).toEqual([5, 6]);
  const kept = await bytesIn(folder("stopped"));
  for (const [name, bytes] of expected)
    if (!name.includes("step-000003")) expect(kept.get(name), name).toBe(bytes);
  expect(warnings).toEqual([]);
  for (const { said, finished } of await onAll(2, "stopped", { resume: true }))
    expect([said, finished]).toEqual([[], true]);
});

test("a run goes on with another cut of its batches, and says so", async () => {
  await train(options("cut", { microbatch: null }), 2);
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  const more = { resume: true, microbatch: null, onWarning };
  const [{ said }] = await onAll(2, "cut", more);
  expect(said.map(({ step }) => step)).toEqual([3, 4, 5, 6]);
  expect(warnings).toEqual([
    "the run computed whole batches so far; with microbatches of 2 its numbers differ in their last bits",
  ]);
});

test("ranks that would compute different things are refused", async () => {
  const other = (communicator: Communicator) =>
    communicator.rank === 1 ? { data: synthetic({ count: 63, size: 16 }) } : {};
  const ends = await Promise.allSettled(
    (
      await onRanks(2, async (communicator) => ({
        end: new Trainer(options("other", { communicator, ...other(communicator) })).prepare(),
      }))
    ).map(({ end }, rank) => (rank === 1 ? end : Promise.resolve())),
  );
  expect(ends[1]).toMatchObject({ status: "rejected", reason: expect.any(DistributedError) });
});
