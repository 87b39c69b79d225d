import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { MetricsLog, metricsToJson, type StepMetrics } from "../../src/training/run/metrics_log.ts";

const folder = mkdtempSync(join(tmpdir(), "imago-metrics-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "metrics.jsonl");

const warnings: string[] = [];
const open = (file: string, keepThrough: number, permit = () => {}) =>
  MetricsLog.open(file, keepThrough, { permit, warn: (message) => warnings.push(message) });
const record = (step: number): StepMetrics => ({
  step,
  epoch: 1,
  loss: 1 / 3,
  learningRate: 1e-4,
  gradNorm: 2,
  imagesPerSecond: 12.3456,
  seconds: step * 1.5,
});
const steps = () =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line).step);

test("records are appended; opening again keeps those up to a step", async () => {
  const log = await open(path, 0);
  expect(log.secondsBefore).toBe(0);
  for (let step = 1; step <= 5; step++) log.append(record(step));
  log.append({ ...record(6), epochLoss: 0.25 });
  await log.sync();
  await log.close();
  const lines = readFileSync(path, "utf8").trim().split("\n");
  expect(JSON.parse(lines[0])).toEqual({
    step: 1,
    epoch: 1,
    loss: 1 / 3,
    lr: 1e-4,
    grad_norm: 2,
    images_per_second: 12.35,
    seconds: 1.5,
  });
  expect(JSON.parse(lines[5]).epoch_loss).toBe(0.25);

  const again = await open(path, 3);
  expect(again.secondsBefore).toBe(4.5);
  again.append(record(4));
  again.close();
  expect(steps()).toEqual([1, 2, 3, 4]);
});

test("quality numbers join the last record, and it is known whether it has them", async () => {
  const quality = { patchFd: 12.5, patchKd: -0.25 };
  const fresh = join(folder, "quality.jsonl");
  const log = await open(fresh, 0);
  expect(log.unmeasuredStep).toBeUndefined();
  log.append(record(1));
  log.addQuality(quality);
  log.append(record(2));
  await log.close();
  const again = await open(fresh, 2);
  expect(again.unmeasuredStep).toBe(2);
  again.addQuality(quality);
  again.append(record(3));
  again.close();
  expect((await open(fresh, 2)).unmeasuredStep).toBeUndefined();
  const expected = [1, 2].map((step) => JSON.stringify(metricsToJson({ ...record(step), quality })));
  expect(readFileSync(fresh, "utf8")).toBe(`${expected.join("\n")}\n`);
});

test("what a killed process left of a record is dropped without a word", async () => {
  writeFileSync(path, '{"step":1,"seconds":1}\n{"step":2,"seconds":2}\n{"step":3,"sec');
  (await open(path, 2)).close();
  expect(steps()).toEqual([1, 2]);
  expect(warnings).toEqual([]);
});

test("who may not write writes nothing", async () => {
  const held = join(folder, "held.jsonl");
  let isHeld = true;
  const log = await open(held, 0, () => {
    if (!isHeld) throw new Error("taken over");
  });
  log.append(record(1));
  const before = readFileSync(held);
  isHeld = false;
  expect(() => log.append(record(2))).toThrow("taken over");
  expect(() => log.addQuality({ patchFd: 1, patchKd: 1 })).toThrow("taken over");
  await log.close();
  expect(readFileSync(held)).toEqual(before);
  const refused = open(held, 0, () => {
    throw new Error("taken over");
  });
  await expect(refused).rejects.toThrow("taken over");
  expect(readFileSync(held)).toEqual(before);
});
