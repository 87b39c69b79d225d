import { mkdir, readdir, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { failure, imago, imagoProcess, workFolder } from "./support.ts";

const work = workFolder();
let model: string;
const save = (folder: string) => new DDPMPipeline(tinyUNet(), new DDPMScheduler()).savePretrained(folder);
beforeAll(async () => {
  model = work.path("pipeline");
  await save(model);
});

const size = async (file: string) => {
  const { width, height } = await sharp(file).metadata();
  return [width, height];
};

test("a grid, single images and a film; the same seed gives the same bytes, and the same images in any batch", async () => {
  const drawing = (name: string, ...more: string[]) => [
    ...["sample", model, "--count", "5", "--steps", "12", "--seed", "7", "--out", work.path(name), ...more],
  ];
  const extras = ["--each", work.path("each"), "--film-strip", work.path("strip.png"), "--json"];
  const { code, stdout, stderr } = await imagoProcess(...drawing("a.png", ...extras));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { event: "done", out: work.path("a.png"), count: 5, steps: 12, scheduler: "ddim", seed: 7 },
  ]);
  const tile = 8 * 16 + 4;
  expect(await size(work.path("a.png"))).toEqual([3 * tile + 4, 2 * tile + 4]);
  expect(await size(work.path("strip.png"))).toEqual([10 * tile + 4, 2 * tile + 4]);
  expect(await readdir(work.path("each"))).toEqual([0, 1, 2, 3, 4].map((k) => `000${k}.png`));
  expect(await size(work.path("each/0003.png"))).toEqual([8, 8]);

  expect((await imago(...drawing("b.png"))).code).toBe(0);
  expect(await readFile(work.path("b.png"))).toEqual(await readFile(work.path("a.png")));
  expect((await imago(...drawing("c.png", "--batch-size", "2"))).code).toBe(0);
  expect(await readFile(work.path("c.png"))).toEqual(await readFile(work.path("a.png")));
});

test("a run's earlier weights", async () => {
  const run = work.path("run");
  const args = [
    "train",
    "--model",
    work.path("model.json"),
    "--out",
    run,
    "--batch-size",
    "2",
    "--steps",
    "2",
  ];
  expect((await imago(...args, "--sample-every", "0", "--checkpoint-every", "1")).code).toBe(0);
  const drawn: Buffer[] = [];
  for (const checkpoint of [[], ["--checkpoint", "1"], ["--checkpoint", "2"]]) {
    const out = work.path(`weights${checkpoint.at(-1) ?? ""}.png`);
    const drawing = ["sample", run, "--count", "2", "--steps", "3", "--out", out];
    expect(await imago(...drawing, ...checkpoint)).toMatchObject({ code: 0, stderr: "" });
    drawn.push(await readFile(out));
  }
  const [last, first, second] = drawn;
  expect(second).toEqual(last);
  expect(first).not.toEqual(last);
  expect((await failure(["sample", run, "--checkpoint", "7", "--out", work.path("none.png")])).line).toBe(
    `${run} has no checkpoint of step 7; it holds checkpoints of step 1, 2`,
  );
});

test("nothing is overwritten without --force", async () => {
  const out = work.path("kept.png");
  await writeFile(out, "mine");
  const args = ["sample", model, "--count", "1", "--steps", "1", "--out", out];
  expect(await failure(args)).toEqual({
    code: 2,
    line: `--out ${out} is there already; add --force to replace it, or choose another name`,
  });
  expect(await readFile(out, "utf8")).toBe("mine");
  expect((await imago(...args, "--force")).code).toBe(0);
  expect(await size(out)).toEqual([136, 136]);
});

test("wrong input: exit code 2 and one line before anything is computed", async () => {
  const out = work.path("none.png");
  const truncated = work.path("truncated");
  await save(truncated);
  await truncate(join(truncated, "unet/diffusion_pytorch_model.safetensors"), 20_000);
  const lying = work.path("lying");
  await save(lying);
  const weights = join(lying, "unet/diffusion_pytorch_model.safetensors");
  const bytes = await readFile(weights);
  bytes.writeBigUInt64LE(2n ** 50n, 0);
  await writeFile(weights, bytes);
  const unknown = work.path("unknown");
  await save(unknown);
  const index = join(unknown, "model_index.json");
  await writeFile(index, (await readFile(index, "utf8")).replace("UNet2DModel", "UNet3DModel"));
  const large = work.path("large");
  await save(large);
  const config = join(large, "unet/config.json");
  await writeFile(config, (await readFile(config, "utf8")).replace('"sample_size": 8', '"sample_size": 128'));
  await mkdir(work.path("nothing"));
  for (const [args, message] of [
    [[work.path("missing")], "no such file or folder"],
    [[join(model, "unet")], "this is the folder of a model only; give the pipeline's, above it"],
    [[model, "--variant", "fp16"], "only the weights without a variant (leave it out)"],
    [[work.path("nothing")], "neither a pipeline (no model_index.json) nor a run"],
    [[truncated], "diffusion_pytorch_model.safetensors"],
    [[lying], "diffusion_pytorch_model.safetensors"],
    [[unknown], "the model is a UNet3DModel, expected a UNet2DModel"],
    [[model, "--steps", "1001"], "steps is 1001, expected a whole number from 1 to 1000"],
    [[model, "--steps", "0"], '--steps is "0"'],
    // Machine code may have all of the machine's memory.
    [
      [large, "--count", "8000", "--batch-size", "8000", "--backend", "wasm"],
      "choose a smaller --batch-size than 8000",
    ],
    [[large, "--count", "9000"], "--count 9000 images of 128 x 128 are too many at once; draw at most 8192"],
    [[model, "--count", "many"], '--count is "many"'],
    [[model, "--scheduler", "magic"], '--scheduler is "magic"; expected ddpm'],
    [
      [model, "--scheduler", "flow-match-euler"],
      "draws with models of a flow, which this one is not; use ddpm",
    ],
    [[model, "--scheduler-option", "steep"], '--scheduler-option is "steep"; expected NAME=VALUE'],
    [
      [model, "--scheduler-option", "steep=1"],
      "ddim has no option steep; its options are numTrainTimesteps,",
    ],
    [
      [model, "--scheduler", "adaptive", "--scheduler-option", "clip_sample=false"],
      "--scheduler-option does not go with adaptive",
    ],
    [[model, "--eta", "2"], '--eta is "2"; expected a number from 0 to 1'],
    [[model, "--seed-compat", "numpy"], '--seed-compat is "numpy"; expected torch'],
    [[model, "--film", out], "--film and --out name the same file"],
    [
      [model, "--film", "film.jpg"],
      '--film is "film.jpg"; expected a file name that ends in .webp, .gif or .png',
    ],
    [[], "missing required argument 'folder'"],
  ] as const) {
    const { code, line } = await failure(["sample", ...args, "--out", out]);
    expect(line).toContain(message);
    expect(line).not.toContain("\n");
    expect(code).toBe(2);
  }
});

test("half precision as Python saved it, and a pipeline that a crash kept from its place", async () => {
  const half = fileURLToPath(new URL("../fixtures/saved_by_diffusers/fp16", import.meta.url));
  const args = ["--count", "1", "--steps", "1", "--force"];
  const refused = await failure(["sample", half, ...args, "--out", work.path("half.png")]);
  expect(refused).toMatchObject({
    code: 2,
    line: expect.stringContaining("only the variant fp16 (--variant fp16)"),
  });
  const drawn = await imago("sample", half, "--variant", "fp16", ...args, "--out", work.path("half.png"));
  expect(drawn).toMatchObject({ code: 0, stderr: "" });
  expect(drawn.stdout).toMatch(/^compiling the model\n1 image in \d+ s: .*half\.png\n$/);

  const run = work.path("crashed");
  await save(join(run, "pipeline"));
  await rename(join(run, "pipeline"), join(run, ".pipeline.0123456789ab.tmp"));
  await mkdir(join(run, ".pipeline.0123456789ab.old"));
  expect((await imago("sample", run, ...args, "--out", work.path("crashed.png"))).code).toBe(0);
});
