// imago train and sample --precision: recorded, with the scale of the loss, kept by --resume, and told to be slow on the processor.

import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { beforeAll, expect, test } from "vitest";
import { decodeImage } from "../../src/io/image/index.ts";
import { maxDifference } from "../support/compare.ts";
import { TINY_UNET } from "../support/tiny_unet.ts";
import { contents, failure, said, workFolder } from "./support.ts";

const work = workFolder();
const train = (out: string, ...more: string[]) => ["train", "--out", work.path(out), ...more];
const read = async (file: string) => JSON.parse(await readFile(work.path(file), "utf8"));
const small = (steps: number) => [
  ...["--model", work.path("model.json"), "--size", "8", "--patch-size", "1", "--batch-size", "2"],
  ...[
    "--steps",
    String(steps),
    "--sample-every",
    "0",
    "--checkpoint-every",
    "2",
    "--lr-schedule",
    "constant",
  ],
  ...["--warmup-steps", "0", "--precision", "fp16", "--backend", "wasm"],
];

let stderr = "";
beforeAll(async () => {
  await writeFile(work.path("model.json"), JSON.stringify(TINY_UNET));
  ({ stderr } = await said(train("whole", ...small(4))));
});

test("is told to be slow on the processor", () => {
  expect(stderr).toContain("fp16 is for GPUs; on the processor it is slower than fp32");
});

test("is recorded, and so is the scale of the loss, in each step and checkpoint", async () => {
  expect((await read("whole/config.json")).training.precision).toBe("fp16");
  const records = (await readFile(work.path("whole/metrics.jsonl"), "utf8")).trim().split("\n");
  const scales = records.map((record) => JSON.parse(record).loss_scale);
  expect(scales).toHaveLength(4);
  for (const scale of scales) expect(Number.isInteger(Math.log2(scale))).toBe(true);
  const { loss_scale } = await read("whole/checkpoints/step-000004/state.json");
  expect(loss_scale).toEqual({
    scale: scales[3],
    good_steps: scales.filter((scale) => scale === scales[3]).length,
  });
});

test("a run goes on with the scale that it had, to the bytes of one that never stopped", async () => {
  await cp(work.path("whole"), work.path("again"), { recursive: true });
  await rm(work.path("again/checkpoints/step-000004"), { recursive: true });
  await said(train("again", "--resume"));
  const [resumed, whole] = [await contents(work.path("again")), await contents(work.path("whole"))];
  const last = "checkpoints/step-000004";
  for (const file of [`${last}/state.json`, `${last}/unet/diffusion_pytorch_model.safetensors`]) {
    expect(whole.get(file)).toBeDefined();
    expect(resumed.get(file)).toEqual(whole.get(file));
  }
});

test("a run goes on in no other precision", async () => {
  const { code, line } = await failure(train("whole", "--resume", "--precision", "fp32"));
  expect(code).toBe(2);
  expect(line).toContain('was begun with precision "fp16", now it is "fp32"');
});

test("pictures in fp16 are nearly those in fp32", async () => {
  const draw = async (precision: string) => {
    const out = work.path(`${precision}.png`);
    await said([
      ...["sample", work.path("whole"), "--count", "2", "--steps", "3", "--seed", "5"],
      ...["--precision", precision, "--out", out],
    ]);
    return (await decodeImage(await readFile(out))).data;
  };
  const [half, whole] = [await draw("fp16"), await draw("fp32")];
  expect(half).not.toEqual(whole);
  expect(maxDifference(half, whole)).toBeLessThanOrEqual(8);
});
