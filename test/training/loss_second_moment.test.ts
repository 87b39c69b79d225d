// Importance sampling of timesteps: frequencies, loss weights, and resumed runs.

import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DDPMScheduler, synthetic, Trainer } from "../../src/index.ts";
import { LossSecondMoment } from "../../src/training/step/loss_second_moment.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { testFolder } from "../support/folder.ts";

/** Losses 0.1 (t + 1) of every timestep, the last ten of twelve, give or take a twentieth. */
const lossOf = (t: number, k: number) => 0.1 * (t + 1) * (1 + (k % 2 === 0 ? 0.05 : -0.05));

function warm(count: number): LossSecondMoment {
  const sampler = new LossSecondMoment(count);
  for (let k = 0; k < 12; k++) {
    const timesteps = Int32Array.from({ length: count }, (_, t) => t);
    // The first two of each are forgotten.
    sampler.observe(
      timesteps,
      Float32Array.from(timesteps, (t) => (k < 2 ? 100 : lossOf(t, k))),
    );
  }
  return sampler;
}

/** Many draws of one sampler. */
function drawMany(sampler: LossSecondMoment): { t: number; factor: number }[] {
  return Array.from({ length: 200 }, (_, step) => sampler.draw(100, 7, step)).flatMap(
    ({ timesteps, importance }) => Array.from(timesteps, (t, i) => ({ t, factor: importance[i] })),
  );
}

test("until every timestep has had ten losses, all come alike and count alike", () => {
  const sampler = new LossSecondMoment(5);
  for (let k = 0; k < 10; k++) sampler.observe(Int32Array.of(0, 1, 2, 3), Float32Array.of(1, 2, 3, 4));
  expect(sampler.isWarm).toBe(false);
  const draws = drawMany(sampler);
  for (let t = 0; t < 5; t++) {
    expect(draws.filter((draw) => draw.t === t).length / draws.length).toBeCloseTo(0.2, 1);
  }
  expect(draws.every(({ factor }) => factor === 1)).toBe(true);
});

describe("once warm", () => {
  const count = 8;
  const sampler = warm(count);
  const rootMeanSquares = Array.from({ length: count }, (_, t) => 0.1 * (t + 1) * Math.sqrt(1 + 0.05 ** 2));
  const total = rootMeanSquares.reduce((a, b) => a + b, 0);

  test("timesteps come in proportion to the root of their mean squared loss, a thousandth apart", () => {
    const draws = drawMany(sampler);
    expect(sampler.probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
    for (const [t, p] of sampler.probabilities.entries()) {
      expect(p).toBeCloseTo(0.999 * (rootMeanSquares[t] / total) + 0.001 / count, 7);
      // Within four standard deviations of as many draws.
      const share = draws.filter((draw) => draw.t === t).length / draws.length;
      expect(Math.abs(share - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / draws.length));
    }
  });

  test("the weighed loss has the mean of the uniform one, with less variance", () => {
    const losses = Array.from({ length: count }, (_, t) => 0.1 * (t + 1));
    const mean = losses.reduce((a, b) => a + b, 0) / count;
    const expected = [...sampler.probabilities].reduce((sum, p, t) => sum + p * (losses[t] / (count * p)), 0);
    expect(expected).toBeCloseTo(mean, 12);
    const weighed = drawMany(sampler).map(({ t, factor }) => factor * losses[t]);
    const average = weighed.reduce((a, b) => a + b, 0) / weighed.length;
    expect(Math.abs(average - mean)).toBeLessThan(1e-3);
    const variance = weighed.reduce((sum, x) => sum + (x - mean) ** 2, 0) / weighed.length;
    const uniformVariance = losses.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count;
    expect(variance).toBeLessThan(0.01 * uniformVariance);
  });

  test("a draw depends on seed, step and history only", () => {
    const again = new LossSecondMoment(count);
    again.restore(JSON.parse(JSON.stringify(sampler.state())));
    expect(again.draw(16, 3, 5)).toEqual(sampler.draw(16, 3, 5));
    expect(again.draw(16, 3, 6)).not.toEqual(sampler.draw(16, 3, 5));
    expect(again.draw(16, 4, 5)).not.toEqual(sampler.draw(16, 3, 5));
  });

  test("a history of another schedule is refused", () => {
    expect(() => new LossSecondMoment(3).restore(sampler.state())).toThrow(
      "of 8 timesteps with up to 10 each, expected 3 with up to 10",
    );
  });
});

describe("in a run", () => {
  const folder = testFolder();

  async function train(name: string, { threads = 2, stopAt = 0, resume = false } = {}): Promise<number[]> {
    const make = (resume: boolean) =>
      new Trainer({
        model: tinyUNet(),
        scheduler: new DDPMScheduler({ numTrainTimesteps: 4 }),
        data: synthetic({ count: 10, size: 8 }),
        batchSize: 8,
        steps: 16,
        learningRate: 1e-3,
        timestepSampling: "loss-second-moment",
        minSnrGamma: 5,
        out: folder(name),
        sampleSteps: 2,
        sampleCount: 1,
        threads,
        resume,
      });
    const losses: number[] = [];
    const first = make(resume);
    for await (const { step, loss } of first.run()) {
      losses.push(loss);
      if (step === stopAt) first.stop();
    }
    if (stopAt > 0) for await (const { loss } of make(true).run()) losses.push(loss);
    return losses;
  }
  const file = (name: string, path: string) => readFile(folder(name, "checkpoints/step-000016", path));

  test("a checkpoint without its history is named", async () => {
    await train("robbed");
    const out = folder("robbed");
    const checkpoint = join(out, "checkpoints/step-000016");
    await writeFile(join(checkpoint, "state.json"), '{ "step": 16, "epoch_loss_sum": 1 }');
    await rm(join(out, "samples.png"));
    await expect(train("robbed", { resume: true })).rejects.toThrow(
      `the checkpoint is damaged: remembered losses are of 0 timesteps with up to 0 each, expected 4 with up to 10; remove ${checkpoint} to go on`,
    );
  });

  test("stopped before and after it is warm and resumed, with any threads, it gives the same bytes", async () => {
    const losses = await train("whole");
    const state = JSON.parse(`${await file("whole", "state.json")}`);
    expect(state.timestep_losses.map(({ length }: unknown[]) => length)).toEqual([10, 10, 10, 10]);
    for (const [name, options] of [
      ["cold", { stopAt: 3 }],
      ["warm", { stopAt: 14 }],
      ["single", { threads: 1 }],
    ] as const) {
      expect(await train(name, options)).toEqual(losses);
      for (const path of [
        "state.json",
        "unet/diffusion_pytorch_model.safetensors",
        "optimizer.safetensors",
      ]) {
        expect((await file(name, path)).equals(await file("whole", path)), `${name} ${path}`).toBe(true);
      }
    }
  });
});
