// A batch in microbatches, on one process and on several: the same sums in the same order, the same bits.

import { afterAll, describe, expect, test } from "vitest";
import { identity } from "../../src/codecs/identity.ts";
import type { Communicator } from "../../src/distributed/communicator.ts";
import { singleProcess } from "../../src/distributed/single.ts";
import type { Backend } from "../../src/engine/backend.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { DDPMScheduler, synthetic, UNet2DModel } from "../../src/index.ts";
import { TrainingOptionError } from "../../src/training/errors.ts";
import { settingsProblem } from "../../src/training/settings.ts";
import { withClasses } from "../../src/training/step/batch_labels.ts";
import { sharedMicrobatch, shareOf } from "../../src/training/step/batch_share.ts";
import { objectiveOf } from "../../src/training/step/objective.ts";
import { StepBatches } from "../../src/training/step/step_batches.ts";
import { StepComputer } from "../../src/training/step/step_computer.ts";
import { traceStep } from "../../src/training/step/traced_step.ts";
import { Trainer } from "../../src/training/trainer.ts";
import { stepOptions, type TrainerOptions } from "../../src/training/trainer_options.ts";
import { relativeError } from "../support/compare.ts";
import { onRanks } from "../support/ranks.ts";
import { TINY_UNET } from "../support/tiny_unet.ts";

const STEPS = 4;
const drawn = synthetic({ count: 20, size: 8 });
const of = Int32Array.from({ length: drawn.count }, (_, i) => i % 3);
const data = { ...drawn, labels: { names: ["a", "b", "c"], of } };
const scheduler = new DDPMScheduler({ numTrainTimesteps: 2 });
const backends: Backend[] = [];
afterAll(() => Promise.all(backends.map((backend) => backend.close())));

const options = (given: Partial<TrainerOptions>): TrainerOptions => ({
  model: withClasses(UNet2DModel.fromConfig(TINY_UNET), data, 0.5),
  scheduler,
  data,
  batchSize: 12,
  steps: STEPS,
  learningRate: 1e-2,
  labelDropout: 0.5,
  timestepSampling: "loss-second-moment",
  augmentProbability: 0.5,
  noiseOffset: 0.1,
  sampleSteps: 1,
  out: "nowhere",
  ...given,
});

/** The numbers of each step, and all that training changes, after some steps. */
async function trained(given: Partial<TrainerOptions>, communicator: Communicator = singleProcess()) {
  const all = options(given);
  const { settings } = new Trainer(all);
  const share = shareOf(settings, communicator);
  const backend = new WasmBackend({ threads: 1 });
  backends.push(backend);
  const traced = traceStep(backend, stepOptions(all, settings, objectiveOf(scheduler)), share);
  const { model } = all;
  const batches = new StepBatches({ data, model, codec: identity, settings, backend, own: share.own });
  const computer = await StepComputer.begin(backend, traced, settings, communicator);
  const numbers: number[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const { loss, gradNorm } = await computer.compute(await batches.of(step));
    numbers.push(loss, gradNorm);
  }
  const values = await computer.values(STEPS);
  computer.dispose();
  const state = [values.network, values.expAvg, values.expAvgSq, values.ema].map((part) =>
    [...(part ?? [])].map(([name, { data: floats }]) => ({ name, data: floats })),
  );
  return { numbers, state, losses: computer.timestepLosses };
}

describe("microbatches", () => {
  test("of one process add up to the whole batch", async () => {
    const whole = await trained({});
    const cut = await trained({ microbatch: 3 });
    expect(relativeError(Float32Array.from(cut.numbers), Float64Array.from(whole.numbers))).toBeLessThan(
      1e-4,
    );
    expect(cut.losses?.flat()).toHaveLength(whole.losses?.flat().length ?? 0);
    expect(cut.numbers).not.toEqual(whole.numbers); // the sums have another order
  });

  test.each([
    [3, [2, 4]],
    [2, [3]],
    [1, [3]],
    [6, [2]],
  ])("of %i images: every number of processes gives the same bits", async (microbatch, sizes) => {
    const alone = await trained({ microbatch });
    for (const size of sizes) {
      const ranks = await onRanks(size, (communicator) => trained({ microbatch }, communicator));
      for (const rank of ranks) expect(rank).toEqual(alone);
    }
  });

  test("without a size, up to four processes give the same bits", async () => {
    const [rank] = await onRanks(2, (communicator) => trained({ communicator }, communicator));
    expect(rank).toEqual(await trained({ microbatch: 3 }));
  });

  test("in 16 bits a step that overflows is repeated by all", async () => {
    const given = { microbatch: 3, precision: "fp16" as const, timestepSampling: "uniform" as const };
    const alone = await trained(given);
    for (const rank of await onRanks(2, (communicator) => trained(given, communicator)))
      expect(rank).toEqual(alone);
  });
});

test("microbatches where none are asked for", () => {
  expect([1, 2, 4].map((size) => sharedMicrobatch(16, size))).toEqual([4, 4, 4]);
  expect(sharedMicrobatch(16, 8)).toBe(2);
  expect(sharedMicrobatch(12, 3)).toBe(4);
  expect(sharedMicrobatch(6, 2)).toBe(3);
  expect(sharedMicrobatch(6, 4)).toBeNull();
});

test("batches that cannot be shared out are refused with those that can", () => {
  const share = (batchSize: number, microbatch: number | null, size: number) => () =>
    shareOf({ batchSize, microbatch }, { rank: 0, size });
  expect(share(16, null, 3)).toThrow(
    new TrainingOptionError(
      "a batch of 16 has no equal shares for 3 processes; use --batch-size 15 or 18, or another number of processes",
    ),
  );
  expect(share(2, null, 3)).toThrow("use --batch-size 3, or");
  expect(share(16, 8, 4)).toThrow(
    "a batch of 16 in microbatches of 8 has no equal shares for 4 processes; use --microbatch 4",
  );
  expect(share(16, 4, 4)()).toEqual({ wholeBatch: 16, microbatch: 4, own: { firstImage: 0, count: 4 } });
  const { settings } = new Trainer(options({}));
  expect(settingsProblem({ ...settings, microbatch: 5 })).toBe(
    "a batch of 12 is not a whole number of microbatches of 5; use one that divides it",
  );
});
