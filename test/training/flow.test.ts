// Flow matching in a run: it learns, resumes, and its pipeline draws with the same objective.

import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import {
  DDPMPipeline,
  DDPMScheduler,
  FlowMatchEulerDiscreteScheduler,
  synthetic,
  Trainer,
  type TrainerOptions,
} from "../../src/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { testFolder } from "../support/folder.ts";

const folder = testFolder();

const options = (name: string, more: Partial<TrainerOptions> = {}): TrainerOptions => ({
  model: tinyUNet(),
  scheduler: new FlowMatchEulerDiscreteScheduler({ shift: 2 }),
  data: synthetic({ count: 16, size: 8 }),
  batchSize: 16,
  steps: 100,
  learningRate: 1e-2,
  out: folder(name),
  sampleSteps: 4,
  sampleCount: 2,
  ...more,
});

async function lossesOf(trainer: Trainer, stopAfter = Number.POSITIVE_INFINITY): Promise<number[]> {
  const losses: number[] = [];
  for await (const { step, loss } of trainer.run()) {
    losses.push(loss);
    if (step === stopAfter) trainer.stop();
  }
  return losses;
}
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

test("a tiny flow learns; its pipeline draws along the flow and with nothing else", async () => {
  const losses = await lossesOf(new Trainer(options("learns")));
  // An answer of 0 is off by the image and the noise: about 1.5.
  expect(mean(losses.slice(0, 5))).toBeGreaterThan(1.2);
  expect(mean(losses.slice(-20))).toBeLessThan(0.6 * mean(losses.slice(0, 5)));

  const pipeline = await DDPMPipeline.fromPretrained(folder("learns"));
  expect(pipeline.schedulerName).toBe("flow-match-euler");
  expect(pipeline.scheduler.config).toMatchObject({ shift: 2, numTrainTimesteps: 1000 });
  const { shape, data } = await pipeline.generate({ count: 3, steps: 10, seed: 1 });
  expect(shape).toEqual([3, 8, 8, 3]);
  // Drawn butterflies stand on a light ground.
  expect(mean([...data])).toBeGreaterThan(0.55);
  await expect(pipeline.generate({ scheduler: "ddim" })).rejects.toThrow(
    "ddim draws with models over betas, which this one is not; use flow-match-euler",
  );
  await pipeline.close();

  const diffusion = new DDPMPipeline(tinyUNet(), new DDPMScheduler());
  await expect(diffusion.generate({ scheduler: "flow-match-euler" })).rejects.toThrow(
    "flow-match-euler draws with models of a flow, which this one is not; use ddpm",
  );
});

describe.each([
  ["uniform", {}],
  ["logit-normal and min-SNR", { timestepSampling: "logit-normal", logitMean: 0.5, minSnrGamma: 5 }],
  ["loss-second-moment", { timestepSampling: "loss-second-moment", scheduler: fewTimesteps() }],
] as const)("%s", (name, more) => {
  test("stopped and resumed, with any threads, gives the same bytes", async () => {
    const steps = 14;
    const losses = await lossesOf(new Trainer(options(`${name}-whole`, { steps, threads: 1, ...more })));
    const out = `${name}-resumed`;
    const first = await lossesOf(new Trainer(options(out, { steps, threads: 2, ...more })), 12);
    const rest = await lossesOf(new Trainer(options(out, { steps, resume: true, ...more })));
    expect([...first, ...rest]).toEqual(losses);
    for (const file of ["samples.png", "checkpoints/step-000014/state.json"]) {
      const [a, b] = [`${name}-whole`, out].map((run) => readFile(folder(run, file)));
      expect((await a).equals(await b), file).toBe(true);
    }
  });
});

function fewTimesteps(): FlowMatchEulerDiscreteScheduler {
  return new FlowMatchEulerDiscreteScheduler({ numTrainTimesteps: 8 });
}

test("a scheduler whose meaning is not what is trained is refused", () => {
  for (const option of ["useDynamicShifting", "invertSigmas"] as const) {
    const scheduler = new FlowMatchEulerDiscreteScheduler({ [option]: true });
    expect(() => new Trainer(options("never", { scheduler }))).toThrow(`the scheduler's ${option} is true`);
  }
});
