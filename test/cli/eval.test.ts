import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { synthetic } from "../../src/data/index.ts";
import { writeImage } from "../../src/io/image/index.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { fixture } from "../support/golden.ts";
import { failure, imago, imagoProcess, said, workFolder } from "./support.ts";

const work = workFolder();
let model: string;
let images: string;
beforeAll(async () => {
  model = work.path("pipeline");
  await new DDPMPipeline(tinyUNet(), new DDPMScheduler()).savePretrained(model);
  images = work.path("images");
  await mkdir(images);
  const source = synthetic({ size: 32 });
  for (let i = 0; i < 6; i++) {
    await writeImage(join(images, `${i}.png`), {
      data: source.image(i),
      width: 32,
      height: 32,
      channels: 3 as const,
    });
  }
});

const row = (stdout: string) => JSON.parse(stdout.trim().split("\n").at(-1) ?? "");

test("a run: numbers with their protocol, kept row by row, and the picture of the nearest", async () => {
  const run = work.path("run");
  const config = [
    "--model",
    work.path("model.json"),
    "--steps",
    "2",
    "--batch-size",
    "2",
    "--sample-every",
    "0",
  ];
  expect((await imago("train", "--data", images, "--size", "8", "--out", run, ...config)).code).toBe(0);
  const picture = work.path("near.png");
  const args = ["eval", run, "--count", "5", "--steps", "3", "--seed", "9"];
  const first = await imagoProcess(...args, "--memorisation", picture, "--bits-per-dim", "3", "--json");
  expect(first.code).toBe(0);
  expect(first.stderr).toContain("patch FD of 5 images is biased upwards");
  const found = row(first.stdout);
  expect(found).toMatchObject({
    event: "eval",
    file: join(run, "eval.json"),
    memorisation: { count: 5, verdict: expect.any(String), least_ratio_pixels: expect.any(Number) },
    protocol: {
      features: "imago-patch-1",
      weights: "embedded random filters",
      data: { source: images, count: 6, size: 8 },
      compared: { model: run, scheduler: "ddpm", steps: 3, seed: 9, count: 5 },
      kernel: { subsets: 10, subset_size: 5, seed: 9 },
      neighbours: 3,
      bits_per_dim: { images: 3, timesteps: 100, of: 1000, seed: 9 },
    },
  });
  expect(Object.keys(found.numbers)).toEqual([
    "patch_fd",
    "patch_kd",
    "patch_kd_deviation",
    "precision",
    "recall",
    "density",
    "coverage",
    "bits_per_dim",
  ]);
  expect(found.numbers.bits_per_dim).toBeGreaterThan(1);
  const { width, height } = await sharp(picture).metadata();
  expect([width, height]).toEqual([3 * 132 + 4, 5 * 132 + 4]);

  const second = await imago(...args);
  expect(second.code).toBe(0);
  expect(second.stdout).toMatch(/5 images drawn by .* against 6 images of .*, 8 x 8 pixels/);
  expect(second.stdout).toMatch(/patch FD +[\d.]+ +distance of two Gaussians/);
  const rows = JSON.parse(await readFile(join(run, "eval.json"), "utf8"));
  expect(rows).toHaveLength(2);
  const { bits_per_dim: _, ...compared } = found.numbers;
  expect(rows[1].numbers).toEqual(compared);
});

describe("a class-conditional run", () => {
  let run: string;
  beforeAll(async () => {
    run = work.path("classes");
    const source = synthetic({ size: 8 });
    let drawn = 0;
    for (const [label, count] of Object.entries({ common: 12, other: 6, rare: 2 })) {
      const folder = work.path(`labelled/${label}`);
      await mkdir(folder, { recursive: true });
      for (let i = 0; i < count; i++) {
        const image = { data: source.image(drawn++), width: 8, height: 8, channels: 3 as const };
        await writeImage(join(folder, `${i}.png`), image);
      }
    }
    const { code } = await imago(
      ...["train", "--model", work.path("model.json"), "--out", run, "--batch-size", "4", "--steps", "4"],
      ...[
        "--data",
        work.path("labelled"),
        "--class-conditional",
        "--sample-every",
        "0",
        "--sample-steps",
        "2",
        "--checkpoint-every",
        "2",
      ],
      ...["--eval-every", "2", "--eval-count", "40"],
    );
    expect(code).toBe(0);
  });
  const args = () => ["eval", run, "--count", "40", "--steps", "2", "--json"];

  test("is measured by as many images of each class as the data has, at any checkpoint", async () => {
    const metrics = (await readFile(join(run, "metrics.jsonl"), "utf8")).trim().split("\n");
    for (const step of [2, 4]) {
      const { patch_fd, patch_kd } = JSON.parse(metrics[step - 1]);
      const { stdout } = await imago(...args(), "--checkpoint", String(step));
      const { numbers, protocol } = row(stdout);
      expect(numbers).toMatchObject({ patch_fd, patch_kd });
      expect(protocol.compared).toMatchObject({ checkpoint: step, classes: "in the data's proportions" });
    }
  });

  test("is measured as it is guided", async () => {
    const [plain, guided] = [await imago(...args()), await imago(...args(), "--guidance", "3")];
    expect(row(guided.stdout).protocol.compared).toMatchObject({ guidance_scale: 3 });
    expect(row(guided.stdout).numbers.patch_fd).not.toBe(row(plain.stdout).numbers.patch_fd);
  });

  test("guided by 0 is drawn of no class", async () => {
    const { stdout } = await said([...args(), "--guidance", "0", "--count", "5"]);
    expect(row(stdout).protocol.compared).toMatchObject({ guidance_scale: 0, classes: "none" });
  });

  test("draws all classes in turn where the data has others, or none", async () => {
    const { stdout } = await imago(...args(), "--data", images);
    expect(row(stdout).protocol.compared).toMatchObject({ classes: "all in turn" });
  });

  test("has no bits per dimension, which is said before anything is drawn", async () => {
    const { stdout, stderr, code } = await imago(...args(), "--bits-per-dim", "3");
    expect({ stdout, code }).toEqual({ stdout: "", code: 2 });
    expect(stderr).toContain("bits per dimension are those of a model without classes");
    expect(stderr).not.toContain("compiling");
  });

  test("has only some checkpoints", async () => {
    expect(await failure([...args(), "--checkpoint", "3"])).toEqual({
      code: 2,
      line: `${run} has no checkpoint of step 3; it holds checkpoints of step 2, 4`,
    });
  });
});

test("a folder against another: at distance 0 from itself", async () => {
  const { code, stdout } = await imago("eval", images, "--data", images, "--size", "16", "--json");
  expect(code).toBe(0);
  const { numbers, protocol } = row(stdout);
  expect(Math.abs(numbers.patch_fd)).toBeLessThan(1e-6);
  expect(numbers).toMatchObject({ precision: 1, recall: 1, coverage: 1 });
  expect(protocol.compared).toMatchObject({ images, count: 6 });
});

describe("what is wrong with the command, in one line", () => {
  const taken = () => work.path("taken.png");
  test.each<[string, () => string[], string]>([
    ["no data", () => [model], "--data is missing: the images that the model's are compared with"],
    ["no data beside a folder", () => [images], "is compared with"],
    ["no such folder", () => [work.path("none"), "--data", images], "there is no such folder"],
    [
      "drawing options without a model",
      () => [images, "--data", images, "--steps", "3"],
      "--steps is for a model",
    ],
    [
      "guidance without a model",
      () => [images, "--data", images, "--guidance-rescale", "0.5"],
      "--guidance-rescale is for a model",
    ],
    [
      "guidance of a model without classes",
      () => [model, "--data", images, "--guidance", "2"],
      "the model is not class-conditional",
    ],
    [
      "a checkpoint of a pipeline",
      () => [model, "--data", images, "--checkpoint", "2"],
      "has no checkpoint of step 2; it holds no checkpoints",
    ],
    [
      "another size",
      () => [model, "--data", images, "--size", "9"],
      "the model's images are 8 x 8; leave it out",
    ],
    ["one image", () => [model, "--data", images, "--count", "1"], '--count is "1"'],
    ["no weights", () => [model, "--data", images, "--features", "clean-fid"], "needs Inception's weights"],
    [
      "both kinds of features",
      () => [model, "--data", images, "--features", "embedded", "--inception", "x.safetensors"],
      "leave one of them out",
    ],
    [
      "weights that are not there",
      () => [model, "--data", images, "--inception", "x.safetensors"],
      "no such file",
    ],
    [
      "other weights",
      () => [model, "--data", images, "--inception", fixture("metrics/inception.safetensors")],
      "expected the Inception network of FID",
    ],
    [
      "too many steps",
      () => [model, "--data", images, "--steps", "2000"],
      "expected a whole number from 1 to 1000",
    ],
    ["a picture that is there", () => [model, "--data", images, "--memorisation", taken()], "add --force"],
  ])("%s", async (_, args, problem) => {
    await writeFile(taken(), "mine");
    const { code, line } = await failure(["eval", ...args()]);
    expect(line).toContain(problem);
    expect(line).not.toContain("\n");
    expect(code).toBe(2);
  });
});

test("an eval.json that holds something else is left alone", async () => {
  const run = work.path("run");
  const file = join(run, "eval.json");
  await writeFile(file, '{"mine": 1}');
  const { code, line } = await failure(["eval", run, "--count", "2"]);
  expect({ code, line }).toEqual({ code: 2, line: expect.stringContaining("eval.json") });
  expect(await readFile(file, "utf8")).toBe('{"mine": 1}');
});
