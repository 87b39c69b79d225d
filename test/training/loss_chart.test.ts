// The picture of a run's losses: what it shows, when it is drawn, and what happens if it cannot be.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import sharp from "sharp";
import { expect, test } from "vitest";
import { DDPMScheduler, synthetic, Trainer, type TrainerOptions } from "../../src/index.ts";
import { lossChart, lossPicture } from "../../src/training/run/loss_chart.ts";
import { LossCurve } from "../../src/training/run/loss_curve.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { testFolder } from "../support/folder.ts";

const folder = testFolder();

function curveOf(losses: readonly number[]): LossCurve {
  const curve = new LossCurve();
  for (const [i, loss] of losses.entries()) curve.add(i + 1, loss);
  return curve;
}

test("a curve of any length has at most a thousand points, each the mean of equally many steps", () => {
  for (const steps of [1, 999, 1000, 1001, 2000, 2001, 150_000]) {
    const curve = curveOf(Array.from({ length: steps }, (_, i) => i + 1));
    const { points, stepsPerPoint } = curve;
    expect(points.length).toBe(Math.ceil(steps / stepsPerPoint));
    expect(points.length).toBeLessThanOrEqual(1000);
    expect(points.length).toBeGreaterThan(steps === 1 ? 0 : 499);
    // The loss of each step is its number here.
    for (const { step, loss } of points) expect(loss).toBe(step);
  }
});

const stroke = (chart: string): number => chart.split('fill="none"').length - 1;

test("few losses are drawn one by one; many also as a mean, and a large range by its logarithm", () => {
  const chartOf = (losses: readonly number[]) => {
    const { points, stepsPerPoint } = curveOf(losses);
    return lossChart(points, stepsPerPoint);
  };
  const wave = Array.from({ length: 300 }, (_, i) => 0.5 + 0.1 * (i % 2));
  expect([stroke(chartOf([0.9, 0.7, 0.6])), stroke(chartOf(wave))]).toEqual([1, 2]);
  // A loss that halves with every step is a straight line on a logarithmic axis.
  const line = /<path d="M([^"]*)" fill="none"/.exec(chartOf([8, 4, 2, 1, 0.5, 0.25]))?.[1] ?? "";
  const heights = line.split("L").map((point) => Number(point.split(" ")[1]));
  const falls = heights.slice(1).map((height, i) => height - heights[i]);
  for (const fall of falls) expect(Math.abs(fall - falls[0])).toBeLessThan(0.21);
  const linear = /<path d="M([^"]*)" fill="none"/.exec(chartOf([5, 4, 3, 2]))?.[1];
  expect(linear?.split("L").map((point) => Math.round(Number(point.split(" ")[1])))).toEqual([
    91, 143, 194, 245,
  ]);
  for (const chart of [chartOf(wave), chartOf([0]), chartOf([0, 0, 1e30]), chartOf([1e-320, 1e38])]) {
    expect(/NaN|Infinity|<text/.test(chart)).toBe(false);
  }
});

const options = (name: string, more: Partial<TrainerOptions> = {}): TrainerOptions => ({
  model: tinyUNet(),
  scheduler: new DDPMScheduler(),
  data: synthetic({ count: 10, size: 8 }),
  batchSize: 2,
  learningRate: 1e-3,
  steps: 6,
  out: folder(name),
  sampleEvery: 0,
  checkpointEvery: 2,
  threads: 1,
  ...more,
});

test("a run draws it with each checkpoint and at its end, all of it after it was resumed", async () => {
  const first = new Trainer(options("run"));
  const picture = () => readFile(first.folder.lossChart);
  expect(first.folder.lossChart).toBe(folder("run", "loss.png"));
  const drawn: string[] = [];
  for await (const { step, checkpoint } of first.run()) {
    if (checkpoint !== undefined) drawn.push((await picture()).toString("base64"));
    if (step === 4) first.stop();
  }
  expect(new Set(drawn).size).toBe(2);
  await rm(first.folder.lossChart);
  for await (const _ of new Trainer(options("run", { resume: true })).run());
  expect(await sharp(await picture()).metadata()).toMatchObject({ format: "png", width: 1520, height: 800 });
  const curve = await LossCurve.read(first.folder.metrics);
  expect(curve.points.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(Buffer.from(await lossPicture(curve)).equals(await picture())).toBe(true);
});

test("a picture that cannot be written is one warning, and the run goes on to its end", async () => {
  const warnings: string[] = [];
  const trainer = new Trainer(options("blocked", { onWarning: (message) => warnings.push(message) }));
  await trainer.prepare();
  // A folder in its place.
  await mkdir(trainer.folder.lossChart);
  await writeFile(folder("blocked", "loss.png", "mine"), "kept");
  let last = 0;
  for await (const { step } of trainer.run()) last = step;
  expect([last, trainer.finished]).toEqual([6, true]);
  expect(warnings).toEqual([
    expect.stringMatching(/^the picture of the losses is not drawn: .*loss\.png.*$/),
  ]);
  expect(await readFile(folder("blocked", "loss.png", "mine"), "utf8")).toBe("kept");
});
