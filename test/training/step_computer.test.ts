// Steps computed without a run: no folder, no lock, no log, and no written files.

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { identity } from "../../src/codecs/identity.ts";
import {
  type Backend,
  createBackend,
  DDPMScheduler,
  DivergenceError,
  synthetic,
  Trainer,
  type TrainerOptions,
} from "../../src/index.ts";
import { loadCheckpoint } from "../../src/training/run/load_checkpoint.ts";
import { objectiveOf } from "../../src/training/step/objective.ts";
import { StepBatches } from "../../src/training/step/step_batches.ts";
import { StepComputer, type StepResult } from "../../src/training/step/step_computer.ts";
import { traceStep } from "../../src/training/step/traced_step.ts";
import { stepOptions } from "../../src/training/trainer_options.ts";
import { tinyUNet } from "../pipelines/support.ts";

let folder: string;
let backend: Backend;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "imago-computer-"));
  backend = await createBackend({ backend: "wasm", threads: 1 });
});
afterAll(async () => {
  await backend.close();
  await rm(folder, { recursive: true, force: true });
});

// Two timesteps are soon drawn by their losses, which a step remembers.
const scheduler = new DDPMScheduler({ numTrainTimesteps: 2 });
const data = synthetic({ count: 10, size: 8 });
const options = (name: string): TrainerOptions => ({
  model: tinyUNet(),
  scheduler,
  data,
  batchSize: 8,
  steps: 8,
  learningRate: 1e-2,
  lrSchedule: "cosine",
  warmupSteps: 2,
  timestepSampling: "loss-second-moment",
  augmentProbability: 0.5,
  seed: 2 ** 33 + 5,
  sampleEvery: 0,
  sampleSteps: 1,
  checkpointEvery: 4,
  threads: 1,
  out: join(folder, name),
});

/** What computes a run's steps. */
function parts(given: TrainerOptions) {
  const { settings } = new Trainer(given);
  const traced = traceStep(backend, stepOptions(given, settings, objectiveOf(scheduler)));
  const batches = new StepBatches({ data, model: given.model, codec: identity, settings, backend });
  return { settings, traced, batches };
}

async function compute(computer: StepComputer, batches: StepBatches, steps: number[]) {
  const results: StepResult[] = [];
  for (const step of steps) results.push(await computer.compute(await batches.of(step)));
  computer.dispose();
  return results;
}

test("steps without a run's folder are those of a run, from the start and from a checkpoint", async () => {
  const trainer = new Trainer(options("run"));
  const expected: StepResult[] = [];
  for await (const { step, loss, gradNorm, learningRate } of trainer.run()) {
    expected.push({ step, loss, gradNorm, learningRate });
  }

  const fresh = parts(options("none"));
  const begun = await StepComputer.begin(backend, fresh.traced, fresh.settings);
  expect(await compute(begun, fresh.batches, [1, 2, 3, 4, 5, 6, 7, 8])).toEqual(expected);
  expect(existsSync(join(folder, "none"))).toBe(false);

  const later = parts(options("none"));
  await loadCheckpoint(trainer.folder, 4, later.traced);
  const resumed = await StepComputer.resume(backend, later.traced, later.settings);
  expect(await compute(resumed, later.batches, [5, 6, 7, 8])).toEqual(expected.slice(4));
});

test("a loss that is no number is an error of its step, and the losses that are remembered stay", async () => {
  const { settings, traced, batches } = parts(options("none"));
  const computer = await StepComputer.begin(backend, traced, settings);
  const batch = await batches.of(1);
  const broken = computer.compute({ ...batch, images: batch.images.map(() => Number.NaN) });
  await expect(broken).rejects.toThrow(new DivergenceError(1, "the loss became NaN in step 1"));
  expect(computer.timestepLosses).toEqual([[], []]);
  await expect(computer.values(1)).rejects.toThrow(/\.weight is no longer finite after step 1$/);
  computer.dispose();
});
