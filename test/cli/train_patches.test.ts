// imago train --patch-size: a run whose model sees patches, from the first step to pictures, by every command.

import { readFile, writeFile } from "node:fs/promises";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { usage } from "../../src/cli/push/model_card_usage.ts";
import { RunFolder } from "../../src/training/run/run_folder.ts";
import { TINY_UNET } from "../support/tiny_unet.ts";
import { contents, failure, imago, said, workFolder } from "./support.ts";

const work = workFolder();
const SMALL = ["--batch-size", "4", "--sample-steps", "2", "--sample-count", "2", "--warmup-steps", "0"];
const train = (out: string, ...more: string[]) => [
  ...["train", "--model", work.path("patched.json"), "--patch-size", "2", "--out", work.path(out)],
  ...[...SMALL, "--checkpoint-every", "2", "--sample-every", "4", ...more],
];
const LOSS = ["--prediction-type", "sample", "--loss-type", "v_prediction", "--noise-shift", "0.5"];

beforeAll(async () => {
  const model = { ...TINY_UNET, in_channels: 12, out_channels: 12, sample_size: 8 };
  await writeFile(work.path("patched.json"), JSON.stringify(model));
  await said(train("whole", "--steps", "4", "--threads", "1", ...LOSS));
});

const config = async (run: string) => JSON.parse(await readFile(work.path(`${run}/config.json`), "utf8"));

test("its images have the size of the patches, and config.json says how it was made", async () => {
  expect(await config("whole")).toMatchObject({
    data: { size: 16 },
    model: { in_channels: 12, out_channels: 12, sample_size: 8 },
    codec: { _class_name: "PatchCodec", patch_size: 2 },
    training: { loss_type: "v_prediction", min_snr_gamma: null },
    scheduler: { prediction_type: "sample", trained_betas: expect.any(Array) },
  });
  const each = ["--each", work.path("each"), "--film", work.path("film.png")];
  await said([
    "sample",
    work.path("whole"),
    "--count",
    "2",
    "--steps",
    "2",
    "--out",
    work.path("grid.png"),
    ...each,
  ]);
  const { width, height } = await sharp(work.path("each/0001.png")).metadata();
  expect([width, height]).toEqual([16, 16]);
  const repaint = ["--image", work.path("each/0000.png"), "--mask", work.path("each/0001.png")];
  await said([
    "sample",
    work.path("whole"),
    "--count",
    "1",
    "--steps",
    "4",
    ...repaint,
    "--out",
    work.path("re.png"),
  ]);
  const measured = [
    "--data",
    work.path("each"),
    "--count",
    "2",
    "--steps",
    "2",
    "--bits-per-dim",
    "1",
    "--json",
  ];
  const { stdout } = await said(["eval", work.path("whole"), ...measured]);
  const { numbers } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  expect(numbers).toMatchObject({ bits_per_dim: expect.any(Number), patch_fd: expect.any(Number) });
});

test("stopped, resumed and with more threads it ends in the same bytes", async () => {
  await said(train("halves", "--steps", "2", "--lr-schedule", "constant", ...LOSS));
  await said(train("longer", "--steps", "4", "--lr-schedule", "constant", "--threads", "2", ...LOSS));
  await said(["train", "--out", work.path("halves"), "--resume", "--steps", "4"]);
  const [halves, longer] = [await contents(work.path("halves")), await contents(work.path("longer"))];
  for (const file of ["checkpoints/step-000004/unet/diffusion_pytorch_model.safetensors", "samples.png"]) {
    expect(halves.get(file)).toBeDefined();
    expect(halves.get(file)).toEqual(longer.get(file));
  }
});

test("--init brings its patches", async () => {
  for (const source of ["whole", "whole/pipeline", "whole/checkpoints/step-000002"]) {
    const out = `from-${source.replaceAll("/", "-")}`;
    await said(["train", "--init", work.path(source), "--steps", "1", ...SMALL, "--out", work.path(out)]);
    const [before, now] = [await config("whole"), await config(out)];
    expect([now.codec, now.model, now.data.size]).toEqual([before.codec, before.model, 16]);
    expect(now.scheduler).toEqual(before.scheduler);
  }
});

test("classes and guidance work through patches", async () => {
  await said(train("classes", "--steps", "2", "--class-conditional", ...LOSS));
  const drawn = ["sample", work.path("classes"), "--count", "2", "--steps", "2"];
  await said([...drawn, "--class", "tiger,kite", "--guidance", "2", "--out", work.path("classes.png")]);
  expect(await sharp(work.path("classes.png")).metadata()).toMatchObject({ format: "png" });
});

test("a model card says how Python loads it", async () => {
  const folder = new RunFolder(work.path("whole"));
  const card = usage("me/patches", await folder.readConfig()).join("\n");
  expect(card).toContain('DiffusionPipeline.from_pretrained("me/patches", trust_remote_code=True)');
  // Its preset draws with fresh noise: so does DDPM's own scheduler, in few steps.
  expect(card).toContain("pipeline(batch_size=4, num_inference_steps=50)");
  expect(card).toContain("pipeline.generate({ count: 16 })");
  const config = await folder.readConfig();
  const plain = { ...config, training: { ...config.training, sampleScheduler: null } };
  expect(usage("me/patches", plain).join("\n")).toContain(
    "pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)",
  );
  const classes = usage("me/classes", await new RunFolder(work.path("classes")).readConfig()).join("\n");
  expect(classes).toContain("x = torch.randn(4, 12, 8, 8)");
  expect(classes).toContain("x = torch.nn.functional.pixel_shuffle(x, 2)");
});

test.each([
  ["--patch-size 3", "expected 1, 2, 4 or 8"],
  ["--patch-size 4", /12 channels.* 16 x 16|12 channels.*4 x 4/],
  ["--size 15", "images of 15 x 15 cannot be cut into patches of 2 x 2; use a size that is a multiple of 2"],
  ["--loss-type v_prediction --min-snr-gamma 5", "--min-snr-gamma and --loss-type both weigh the timesteps"],
  ["--noise-shift 2 --flow-shift 2 --prediction-type flow_prediction", "give one of them"],
])("%s is refused in one line", async (flags, message) => {
  const { code, line } = await failure(train("refused", "--steps", "1", ...flags.split(" ")));
  expect(code).toBe(2);
  expect(line).toMatch(message);
});

test("a run that exists keeps its patches and its noise", async () => {
  const init = ["train", "--init", work.path("whole"), "--out", work.path("other"), "--steps", "1"];
  const { line } = await failure([...init, "--patch-size", "4"]);
  expect(line).toContain("--patch-size 4: the model that training begins with sees images as a PatchCodec");
  const again = await imago("train", "--out", work.path("whole"), "--resume", "--noise-shift", "2");
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("leave it out") });
  // The thousand numbers of a schedule are not shown whole.
  const betas = await imago("train", "--out", work.path("whole"), "--resume", "--beta-schedule", "linear");
  expect(betas.stderr).toMatch(/was begun with scheduler \w+ .*resume with the same/);
  expect(betas.stderr.length).toBeLessThan(600);
});
