// imago sample with a model that draws what a prompt says.

import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import * as v from "valibot";
import { beforeAll, describe, expect, test } from "vitest";
import { decodeImage, encodePng, fitted } from "../../src/io/image/index.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { LDMPipeline } from "../../src/pipelines/ldm_pipeline.ts";
import { StableDiffusionImg2ImgPipeline } from "../../src/pipelines/stable_diffusion_img2img_pipeline.ts";
import { StableDiffusionInpaintPipeline } from "../../src/pipelines/stable_diffusion_inpaint_pipeline.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { StableDiffusionXLPipeline } from "../../src/pipelines/stable_diffusion_xl_pipeline.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { fixture, readJsonFixture } from "../support/golden.ts";
import { filesOf, testHub } from "../support/hub.ts";
import { copyWhole } from "../support/stable_diffusion_rows.ts";
import { failure, imago, workFolder } from "./support.ts";

const MODEL = fixture("stable_diffusion/pipeline");
const hub = testHub();
const work = workFolder();

/** Draws with few steps. @param out the name of the sheet */
const draw = (out: string, ...more: string[]) =>
  imago("sample", MODEL, "--steps", "2", "--out", work.path(out), ...more);

/** A picture that diffusers drew. */
const rowSchema = v.object({
  seed: v.number(),
  options: v.object({
    prompt: v.array(v.string()),
    guidance_scale: v.optional(v.number()),
    num_inference_steps: v.number(),
    width: v.number(),
    height: v.number(),
  }),
  pixels: v.string(),
});

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

test("images in tiles, as the pipeline draws them, which is reported", async () => {
  const asked = ["--prompt", "a castle", "--size", "48x40", "--scheduler", "ddim", "--seed", "4"];
  const whole = await draw("whole.png", ...asked, "--each", work.path("whole"), "--json");
  const said = await draw("tiled.png", ...asked, "--tiled", "--each", work.path("tiled"), "--json");
  expect(said).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(whole.stdout)).not.toHaveProperty("tiled");
  expect(JSON.parse(said.stdout)).toMatchObject({ event: "done", width: 48, height: 40, tiled: true });
  const pipeline = await StableDiffusionPipeline.fromPretrained(MODEL);
  pipeline.enableVaeTiling();
  const [expected] = await pipeline.generateImages({
    ...{ prompt: "a castle", width: 48, height: 40, scheduler: "ddim", steps: 2, seed: 4 },
  });
  await pipeline.close();
  const drawn = new Uint8Array((await pixels("tiled/0000.png")).data);
  expect(drawn).toEqual(expected.data);
  expect(drawn).not.toEqual(new Uint8Array((await pixels("whole/0000.png")).data));
});

test("a walk whose walkers keep their prompts, through the pictures of its seeds", async () => {
  const asked = ["--prompt", "a castle", "--prompt", "a cat", "--count", "3"];
  for (const seed of ["5", "6"]) {
    await draw(`still${seed}.png`, ...asked, "--seed", seed, "--each", work.path(`still${seed}`));
  }
  const walk = ["--walk", "5,6", "--walk-frames", "1", "--each", work.path("walk")];
  const said = await draw("walk.webp", ...asked, ...walk, "--json");
  expect(JSON.parse(said.stdout)).toMatchObject({
    ...{ count: 6, frames: 2, prompts: ["a castle", "a cat", "a castle"] },
  });
  const contents = (folder: string, names: readonly string[]) =>
    Promise.all(names.map((name) => readFile(work.path(`${folder}/${name}.png`))));
  const stills = ["0000", "0001", "0002"];
  expect(await contents("walk", ["0000", "0001", "0002"])).toEqual(await contents("still5", stills));
  expect(await contents("walk", ["0003", "0004", "0005"])).toEqual(await contents("still6", stills));
});

test("seeds of torch draw what diffusers does; a prompt that is too long is told, and drawn", async () => {
  const rows = v.parse(v.array(rowSchema), await readJsonFixture("stable_diffusion/pictures.json"));
  const row = rows.find(({ options: { prompt } }) => prompt.length === 1);
  if (row?.options.guidance_scale === undefined) throw new Error("there is no such picture");
  const { prompt, guidance_scale, num_inference_steps, width, height } = row.options;
  const said = await imago(
    ...[
      "sample",
      MODEL,
      "--prompt",
      ...prompt,
      "--guidance",
      `${guidance_scale}`,
      "--size",
      `${width}x${height}`,
    ],
    ...["--scheduler", "ddim", "--steps", `${num_inference_steps}`, "--seed", `${row.seed}`],
    ...["--seed-compat", "torch", "--out", work.path("long.png"), "--each", work.path("long")],
  );
  expect(said.code).toBe(0);
  expect(said.stderr).toMatch(/^imago: warning: a prompt is longer than 75 tokens; not seen by the model: /);
  expect(said.stderr.trim().split("\n")).toHaveLength(1);
  const expected = Buffer.from(row.pixels, "base64");
  const { data } = await pixels("long/0000.png");
  const near = data.filter((level, i) => Math.abs(level - expected[i]) <= 1);
  expect(near.length / expected.length).toBeGreaterThanOrEqual(0.999);
});

/** The whole folder of a fixture. */
const wholeFolder = (name: Parameters<typeof copyWhole>[0]) => copyWhole(name, work.path(`models/${name}`));

/** A picture of any size and levels. */
async function picture(name: string, levelOf: (x: number) => number): Promise<string> {
  const [width, height] = [48, 32];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => levelOf(Math.floor(i / 3) % width));
  await writeFile(work.path(name), await encodePng(data, width, height));
  return work.path(name);
}

describe("from an image", () => {
  const form = { size: { width: 24, height: 16 }, fit: "crop", ground: null } as const;
  const call = { prompt: "a castle", scheduler: "ddim", steps: 4, seed: 0 } as const;
  const how = ["--prompt", "a castle", "--scheduler", "ddim", "--steps", "4", "--size", "24x16", "--json"];
  const decoded = async (file: string, channels: 1 | 3) =>
    fitted(await decodeImage(await readFile(file)), { ...form, channels });
  let image = "";
  let mask = "";
  beforeAll(async () => {
    image = await picture("image.png", (x) => 5 * x);
    mask = await picture("mask.png", (x) => (x < 24 ? 0 : 255));
  });

  test("which is fitted to the size: what the pipeline draws from it", async () => {
    const given = ["--image", image, "--strength", "0.5", "--each", work.path("near")];
    const said = await draw("near.png", ...how, ...given);
    expect(JSON.parse(said.stdout)).toMatchObject({ image, strength: 0.5, width: 24, height: 16 });
    const pipeline = await StableDiffusionImg2ImgPipeline.fromPretrained(MODEL);
    const start = { image: await decoded(image, 3), strength: 0.5 };
    const [expected] = await pipeline.generateImages({ ...call, ...start });
    await pipeline.close();
    expect(new Uint8Array((await pixels("near/0000.png")).data)).toEqual(expected.data);
  });

  test.each(["pipeline", "pipeline_inpaint"] as const)(
    "a part anew, where the mask is white, by %s",
    async (name) => {
      const model = await wholeFolder(name);
      const given = ["--image", image, "--mask", mask, "--each", work.path(name)];
      const said = await imago("sample", model, ...how, ...given, "--out", work.path(`${name}.png`));
      expect(JSON.parse(said.stdout)).toMatchObject({ event: "done", image, mask });
      const pipeline = await StableDiffusionInpaintPipeline.fromPretrained(model);
      const start = { image: await decoded(image, 3), maskImage: await decoded(mask, 1) };
      const [expected] = await pipeline.generateImages({ ...call, ...start });
      await pipeline.close();
      expect(new Uint8Array((await pixels(`${name}/0000.png`)).data)).toEqual(expected.data);
    },
  );
});

describe("LoRAs", () => {
  const lora = (name: string) => fixture(`stable_diffusion/lora/${name}.safetensors`);
  const asked = ["--prompt", "a castle", "--seed", "5", "--scheduler", "ddim"];

  test("all take part by their weights: what the pipeline draws with them", async () => {
    const given = ["--lora", `${lora("kohya")}:0.7`, "--lora", lora("style")];
    const said = await draw("lora.png", ...asked, ...given, "--each", work.path("lora"), "--json");
    expect(said).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(said.stdout)).toMatchObject({
      lora: [
        { file: lora("kohya"), weight: 0.7 },
        { file: lora("style"), weight: 1 },
      ],
    });
    const pipeline = await StableDiffusionPipeline.fromPretrained(MODEL);
    const call = { prompt: "a castle", scheduler: "ddim", steps: 2, seed: 5 } as const;
    const [without] = await pipeline.generateImages(call);
    await pipeline.loadLoraWeights(lora("kohya"), { adapterName: "a" });
    await pipeline.loadLoraWeights(lora("style"), { adapterName: "b" });
    pipeline.setAdapters(["a", "b"], [0.7, 1]);
    const [expected] = await pipeline.generateImages(call);
    await pipeline.close();
    const drawn = new Uint8Array((await pixels("lora/0000.png")).data);
    expect(drawn).toEqual(expected.data);
    expect(drawn).not.toEqual(without.data);
  });

  test("that do not fit, or are none, are told in one line", async () => {
    const weights = fixture("stable_diffusion/pipeline/vae/diffusion_pytorch_model.safetensors");
    const xl = await wholeFolder("pipeline_xl");
    for (const [model, given, message] of [
      [MODEL, work.path("none.safetensors"), "none.safetensors: cannot open the file: no such file"],
      [MODEL, weights, "is of no LoRA; expected pairs of lora_A and lora_B"],
      [xl, lora("kohya"), "which this pipeline does not have; it is of another version of Stable Diffusion"],
      [MODEL, `${lora("kohya")}:2000`, "the weight of a LoRA is 2000, expected a number from -1000 to 1000"],
      [
        MODEL,
        "style.safetensors:strong",
        '--lora is "style.safetensors:strong"; expected FILE or FILE:WEIGHT',
      ],
      [MODEL, ":0.5", '--lora is ":0.5"; expected FILE or FILE:WEIGHT'],
    ]) {
      const args = ["sample", model, "--prompt", "a castle", "--lora", given, "--out", work.path("none.png")];
      const { code, line } = await failure(args);
      expect(line).toContain(message);
      expect(line).not.toContain("\n");
      expect(code).toBe(2);
    }
  });
});

test("a latent consistency model in its four steps, with any of its schedulers", async () => {
  const model = await wholeFolder("pipeline_lcm");
  const file = join(model, "model_index.json");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace('"StableDiffusionPipeline"', '"LatentConsistencyModelPipeline"'));
  for (const more of [[], ["--scheduler", "ddim"], ["--seed-compat", "torch"]]) {
    const out = work.path("few.png");
    const said = await imago(
      "sample",
      model,
      "--prompt",
      "a cat",
      ...more,
      "--out",
      out,
      "--force",
      "--json",
    );
    expect(JSON.parse(said.stdout)).toMatchObject({ event: "done", steps: 4 });
  }
  const pipeline = await StableDiffusionPipeline.fromPretrained(model);
  const call = { prompt: "a cat", scheduler: "lcm", seed: 1 } as const;
  const images = await pipeline.generate(call);
  expect(await pipeline.generate({ ...call, steps: 4, guidanceScale: 8.5 })).toEqual(images);
  expect(await pipeline.generate({ ...call, guidanceScale: 7.5 })).not.toEqual(images);
  await pipeline.close();
});

describe("a single file in place of a folder", () => {
  const tokenizer = fixture("stable_diffusion/pipeline/tokenizer");
  let file = "";
  let xlFile = "";
  let xl = "";
  beforeAll(async () => {
    file = work.path("castles.safetensors");
    xlFile = work.path("castles_xl.safetensors");
    xl = await wholeFolder("pipeline_xl");
    const pipeline = await StableDiffusionPipeline.fromPretrained(MODEL);
    await pipeline.saveSingleFile(file);
    const pipelineXL = await StableDiffusionXLPipeline.fromPretrained(xl);
    await pipelineXL.saveSingleFile(xlFile);
  });

  test("draws the folder's pictures: from noise, from an image, a part anew, and XL", async () => {
    const image = await picture("file_image.png", (x) => 5 * x);
    const mask = await picture("file_mask.png", (x) => (x < 24 ? 0 : 255));
    const how = ["--prompt", "a castle", "--scheduler", "ddim", "--steps", "4", "--size", "16"];
    const near = ["--image", image, "--strength", "0.5"];
    for (const [name, folder, single, more] of [
      ["noise", MODEL, file, ["--lora", fixture("stable_diffusion/lora/style.safetensors")]],
      ["near", MODEL, file, near],
      ["part", MODEL, file, ["--image", image, "--mask", mask]],
      ["xl", xl, xlFile, []],
      ["xl_near", xl, xlFile, near],
    ] as const) {
      const [a, b] = [work.path(`folder_${name}.png`), work.path(`file_${name}.png`)];
      await imago("sample", folder, ...how, ...more, "--out", a);
      const given = ["--config", folder, ...(name === "noise" ? ["--tokenizer", tokenizer] : [])];
      const said = await imago("sample", single, ...how, ...more, ...given, "--out", b);
      expect(said).toMatchObject({ code: 0 });
      expect(await readFile(b), name).toEqual(await readFile(a));
    }
  });

  test("what is missing, or not of such files, is told in one line", async () => {
    const prompt = ["--prompt", "a castle"];
    const weights = fixture("stable_diffusion/pipeline/vae/diffusion_pytorch_model.safetensors");
    for (const [model, args, message] of [
      [file, [], `--prompt is missing: ${file} draws what a prompt says`],
      [file, prompt, "--tokenizer is missing: the vocabulary is not in a single file such as"],
      [
        file,
        [...prompt, "--tokenizer", tokenizer],
        "of a model of another size, give a folder with its configs",
      ],
      [file, [...prompt, "--tokenizer", work.path("none")], work.path("none")],
      [file, [...prompt, "--config", MODEL, "--variant", "fp16"], "--variant is for folders, but"],
      [file, [...prompt, "--config", MODEL, "--revision", "main"], "--revision is for folders, but"],
      [file, [...prompt, "--class", "tiger"], "draws what a prompt says; leave it out"],
      [MODEL, [...prompt, "--config", MODEL], "--config is for a single file (.safetensors), which"],
      [
        MODEL,
        [...prompt, "--tokenizer", tokenizer],
        "--tokenizer is for a single file (.safetensors), which",
      ],
      [weights, prompt, "this is no file of a whole Stable Diffusion in the original layout"],
      [fixture("stable_diffusion/lora/style.safetensors"), prompt, "this is a LoRA"],
      [work.path("none.safetensors"), prompt, "none.safetensors: cannot open the file: no such file"],
    ] as const) {
      const { code, line } = await failure(["sample", model, ...args, "--out", work.path("none.png")]);
      expect(line).toContain(message);
      expect(line).not.toContain("\n");
      expect(code).toBe(2);
    }
  });
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
    [MODEL, [...prompt, "--mask", "m.png"], "--mask is of --image; give both or neither"],
    [MODEL, [...prompt, "--strength", "0.5"], "--strength is of --image; give both or neither"],
    [MODEL, [...prompt, "--strength", "0"], '--strength is "0"; expected a number from 0 to 1'],
    [MODEL, [...prompt, "--image", work.path("none")], "cannot read --image: no such file"],
    [MODEL, [...prompt, "--image", index], `--image ${index}: not an image; expected a JPEG`],
    [MODEL, [...prompt, "--captions", "class"], "--captions class: the images are of no class"],
    [MODEL, [...prompt, "--size", "18x16"], "width is 18, expected a multiple of 4"],
    [MODEL, [...prompt, "--size", "0x16"], '--size is "0x16"; expected a side from 1 to 16384'],
    [MODEL, [...prompt, "--size", "16384", "--count", "9"], "--count 9 images of 16384 x 16384 are too many"],
    [
      MODEL,
      [...prompt, "--size", "8192", "--backend", "wasm"],
      "choose a smaller --size where the model has several, or another --backend",
    ],
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
    [plain, ["--strength", "0.5"], "--strength is for models that draw"],
    [plain, ["--tiled"], "--tiled is for models that draw"],
    [plain, ["--size", "16"], "--size is for models that draw"],
    [plain, ["--lora", "style.safetensors"], "--lora is for models that draw"],
    [MODEL, ["--lora", "style.safetensors"], "--prompt is missing"],
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

test("latents without prompts are drawn as other models are", async () => {
  const model = fixture("stable_diffusion/pipeline_ldm");
  const out = work.path("latents.png");
  const each = work.path("latents");
  const how = ["--steps", "2", "--count", "2", "--seed", "4", "--scheduler", "ddim"];
  expect(await imago("sample", model, ...how, "--out", out, "--each", each)).toMatchObject({ code: 0 });
  const pipeline = await LDMPipeline.fromPretrained(model, { warn: () => undefined });
  const [, second] = await pipeline.generateImages({ count: 2, steps: 2, seed: 4, scheduler: "ddim" });
  await pipeline.close();
  expect(new Uint8Array((await pixels("latents/0001.png")).data)).toEqual(second.data);
  const { code, line } = await failure(["sample", model, "--prompt", "a cat", "--out", work.path("no.png")]);
  expect(code).toBe(2);
  expect(line).toMatch(/^--prompt is for models that draw what a prompt says, which .* is not; leave it out/);
});
