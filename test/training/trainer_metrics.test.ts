import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { MetricsLog, metricsToJson, type StepMetrics } from "../../src/training/metrics_log.ts";

const folder = mkdtempSync(join(tmpdir(), "imago-metrics-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "metrics.jsonl");

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

test("records are appended; opening again keeps those up to a step", () => {
  const log = new MetricsLog(path, 0);
  expect(log.secondsBefore).toBe(0);
  for (let step = 1; step <= 5; step++) log.append(record(step));
  log.append({ ...record(6), epochLoss: 0.25 });
  log.sync();
  log.close();
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

  const again = new MetricsLog(path, 3);
  expect(again.secondsBefore).toBe(4.5);
  again.append(record(4));
  again.close();
  expect(steps()).toEqual([1, 2, 3, 4]);
});

test("quality numbers join the last record, and it is known whether it has them", () => {
  const quality = { patchFd: 12.5, patchKd: -0.25 };
  const fresh = join(folder, "quality.jsonl");
  const log = new MetricsLog(fresh, 0);
  expect(log.unmeasuredStep).toBeUndefined();
  log.append(record(1));
  log.addQuality(quality);
  log.append(record(2));
  log.close();
  const again = new MetricsLog(fresh, 2);
  expect(again.unmeasuredStep).toBe(2);
  again.addQuality(quality);
  again.append(record(3));
  again.close();
  expect(new MetricsLog(fresh, 2).unmeasuredStep).toBeUndefined();
  const expected = [1, 2].map((step) => JSON.stringify(metricsToJson({ ...record(step), quality })));
  expect(readFileSync(fresh, "utf8")).toBe(`${expected.join("\n")}\n`);
});

test("what is not a whole record is dropped", () => {
  writeFileSync(path, '{"step":1,"seconds":1}\n{"step":2,"seconds":2}\n{"step":3,"sec');
  new MetricsLog(path, 10).close();
  expect(steps()).toEqual([1, 2]);
  writeFileSync(path, '{"step":1,"seconds":1}\ngarbage\n{"step":2,"seconds":2}\n');
  new MetricsLog(path, 10).close();
  expect(steps()).toEqual([1]);
});
