// imago sample with a model that draws what a prompt says.

import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { fixture } from "../support/golden.ts";
import { filesOf, testHub } from "../support/hub.ts";
import { failure, imago, workFolder } from "./support.ts";

const MODEL = fixture("stable_diffusion/pipeline");
const hub = testHub();
const work = workFolder();

/** Draws with few steps. @param out the name of the sheet */
const draw = (out: string, ...more: string[]) =>
  imago("sample", MODEL, "--steps", "2", "--out", work.path(out), ...more);

const pixels = async (file: string) => sharp(work.path(file)).raw().toBuffer({ resolveWithObject: true });

test("a picture without a margin, the one that the pipeline draws; what drew it is reported", async () => {
  const asked = [
    "--prompt",
    "a castle",
    "--negative",
    "people",
    "--guidance",
    "5",
    "--guidance-rescale",
    "0.5",
  ];
  const how = ["--scheduler", "dpm++", "--clip-skip", "1", "--size", "24x16", "--seed", "7"];
  const said = await draw("castle.png", ...asked, ...how, "--each", work.path("each"), "--json");
  expect(said).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(said.stdout)).toMatchObject({
    ...{ event: "done", out: work.path("castle.png"), count: 1, steps: 2, scheduler: "dpm++", seed: 7 },
    ...{ prompts: ["a castle"], negative: ["people"], width: 24, height: 16 },
    ...{ guidance: 5, guidance_rescale: 0.5, clip_skip: 1 },
  });
  const pipeline = await StableDiffusionPipeline.fromPretrained(MODEL);
  const [expected] = await pipeline.generateImages({
    ...{ prompt: "a castle", negativePrompt: "people", guidanceScale: 5, guidanceRescale: 0.5 },
    ...{ scheduler: "dpm++", steps: 2, clipSkip: 1, width: 24, height: 16, seed: 7 },
  });
  await pipeline.close();
  const single = await pixels("each/0000.png");
  expect([single.info.width, single.info.height]).toEqual([24, 16]);
  expect(new Uint8Array(single.data)).toEqual(expected.data);
  // Each pixel of the sheet is a square, because these are small.
  const { width, height } = await sharp(work.path("castle.png")).metadata();
  expect([width, height]).toEqual([24 * 8, 16 * 8]);
});

test("a picture for each prompt, a prompt to a column, one at a time or together", async () => {
  const asked = ["--prompt", "a castle", "--prompt", "a cat, asleep", "--seed", "3", "--scheduler", "ddim"];
  const two = await draw("two.png", ...asked, "--json");
  expect(JSON.parse(two.stdout)).toMatchObject({
    count: 2,
    prompts: ["a castle", "a cat, asleep"],
  });
  const four = [
    ...asked,
    "--negative",
    "dogs",
    "--negative",
    "people",
    "--count",
    "4",
    "--captions",
    "prompt",
  ];
  expect(await draw("four.png", ...four, "--film", work.path("film.webp"))).toMatchObject({
    code: 0,
    stderr: "",
  });
  expect(await draw("batch.png", ...four, "--batch-size", "3")).toMatchObject({ code: 0, stderr: "" });
  expect(await readFile(work.path("batch.png"))).toEqual(await readFile(work.path("four.png")));
  const { width } = await sharp(work.path("four.png")).metadata();
  expect(width).toBe(2 * (128 + 4) + 4);
  expect((await sharp(work.path("film.webp")).metadata()).pages).toBe(2);
});

test("a walk whose walkers keep their prompts, from the pictures of a seed on", async () => {
  const asked = ["--prompt", "a castle", "--prompt", "a cat"];
  await draw("still.png", ...asked, "--seed", "5", "--each", work.path("still"));
  const walk = ["--walk", "5,6", "--walk-frames", "2", "--each", work.path("walk")];
  const said = await draw("walk.webp", ...asked, ...walk, "--json");
  expect(JSON.parse(said.stdout)).toMatchObject({ count: 8, frames: 4, prompts: ["a castle", "a cat"] });
  expect(await readdir(work.path("walk"))).toHaveLength(8);
  for (const name of ["0000.png", "0001.png"]) {
    expect(await readFile(work.path(`walk/${name}`))).toEqual(await readFile(work.path(`still/${name}`)));
  }
});

test("seeds of torch draw as diffusers does; a prompt that is too long is told, and drawn", async () => {
  const long = Array.from({ length: 80 }, () => "castle").join(" ");
  const said = await draw("long.png", "--prompt", long, "--seed-compat", "torch");
  expect(said.code).toBe(0);
  expect(said.stderr).toMatch(
    /^imago: warning: a prompt is longer than 75 tokens; not seen by the model: .*castle/,
  );
  expect(said.stderr.trim().split("\n")).toHaveLength(1);
});

test("what is missing or of another kind of model is told in one line", async () => {
  const plain = work.path("plain");
  await new DDPMPipeline(tinyUNet(), new DDPMScheduler()).savePretrained(plain);
  const prompt = ["--prompt", "a castle"];
  const foreign = work.path("foreign");
  await cp(MODEL, foreign, { recursive: true });
  const index = join(foreign, "model_index.json");
  await writeFile(index, (await readFile(index, "utf8")).replace("StableDiffusionPipeline", "FluxPipeline"));
  for (const [model, args, message] of [
    [MODEL, [], `--prompt is missing: ${MODEL} draws what a prompt says; add --prompt "TEXT"`],
    [MODEL, ["--image", "a.png", "--mask", "m.png"], "--prompt is missing"],
    [MODEL, ["--class", "tiger"], "--class is for class-conditional models, but"],
    [MODEL, [...prompt, "--class", "tiger"], "draws what a prompt says; leave it out"],
    [MODEL, [...prompt, "--checkpoint", "3"], "--checkpoint is for runs, but"],
    [MODEL, [...prompt, "--jump-length", "3"], "--jump-length is for repaint, but"],
    [MODEL, [...prompt, "--scheduler", "repaint"], "--scheduler repaint is for models without prompts, but"],
    [MODEL, [...prompt, "--captions", "class"], "--captions class: the images are of no class"],
    [MODEL, [...prompt, "--size", "18x16"], "width is 18, expected a multiple of 4"],
    [MODEL, [...prompt, "--size", "0x16"], '--size is "0x16"; expected a side from 1 to 16384'],
    [MODEL, [...prompt, "--size", "16384", "--count", "9"], "--count 9 images of 16384 x 16384 are too many"],
    [MODEL, [...prompt, "--clip-skip", "9"], "clipSkip is 9, expected a whole number from 0 to 2"],
    [MODEL, [...prompt, "--negative", "a", "--guidance", "1"], "negativePrompt counts with a guidanceScale"],
    [MODEL, [...prompt, "--negative", "a", "--negative", "b"], "2 negative prompts were given for 1 prompts"],
    [
      MODEL,
      [...prompt, "--scheduler", "flow-match-euler"],
      "draws with models of a flow, which this one is not",
    ],
    [
      plain,
      prompt,
      `--prompt is for models that draw what a prompt says, which ${plain} is not; leave it out`,
    ],
    [plain, ["--negative", "a"], "--negative is for models that draw"],
    [plain, ["--clip-skip", "1"], "--clip-skip is for models that draw"],
    [plain, ["--size", "16"], "--size is for models that draw"],
    [plain, ["--captions", "prompt"], "--captions prompt: the images are of no prompt"],
    [
      foreign,
      prompt,
      "a pipeline of the class FluxPipeline, expected a UNet2DConditionModel with a scheduler",
    ],
  ] as const) {
    const { code, line } = await failure(["sample", model, ...args, "--out", work.path("none.png")]);
    expect(line).toContain(message);
    expect(line).not.toContain("\n");
    expect(code).toBe(2);
  }
});

test("a model elsewhere is refused before its weights are downloaded", async () => {
  hub.add("me/castles", await filesOf(MODEL));
  const { code, line } = await failure(["sample", "hf:me/castles", "--out", work.path("none.png")]);
  expect({ code, line }).toMatchObject({
    code: 2,
    line: expect.stringContaining("--prompt is missing: hf:me/castles"),
  });
  const downloads = hub.paths.filter((path) => path.includes("/resolve/"));
  expect(downloads).toEqual([expect.stringMatching(/model_index\.json$/)]);
  const drawn = [
    "sample",
    "hf:me/castles",
    "--prompt",
    "a castle",
    "--steps",
    "1",
    "--out",
    work.path("hub.png"),
  ];
  expect(await imago(...drawn)).toMatchObject({ code: 0, stderr: "" });
});

test("commands that do not draw by prompts refuse such a folder in one line", async () => {
  const refusal =
    "a pipeline of the class StableDiffusionPipeline, expected a UNet2DModel and a scheduler alone";
  await mkdir(work.path("images"));
  await sharp(work.path("two.png")).toFile(work.path("images/1.png"));
  const data = ["--data", work.path("images")];
  for (const args of [
    ["eval", MODEL, ...data],
    ["train", "--init", MODEL, ...data, "--out", work.path("run")],
  ]) {
    const { code, line } = await failure(args);
    expect(line).toContain(refusal);
    expect(line).not.toContain("\n");
    expect(code).toBe(2);
  }
});
