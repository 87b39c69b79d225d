// imago sample with a model of Stable Diffusion XL.

import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { StableDiffusionXLPipeline } from "../../src/pipelines/stable_diffusion_xl_pipeline.ts";
import { fixture } from "../support/golden.ts";
import { copyWhole } from "../support/stable_diffusion_rows.ts";
import { failure, imago, workFolder } from "./support.ts";

const MODEL = fixture("stable_diffusion/pipeline");
const work = workFolder();
const pixels = async (file: string) => new Uint8Array(await sharp(work.path(file)).raw().toBuffer());

let model = "";
beforeAll(async () => {
  model = await copyWhole("pipeline_xl", work.path("model"));
});

test("Stable Diffusion XL, from noise and from an image", async () => {
  const args = [
    "sample",
    model,
    "--prompt",
    "a castle",
    "--scheduler",
    "ddim",
    "--steps",
    "4",
    "--seed",
    "2",
  ];
  await imago(...args, "--out", work.path("xl.png"), "--each", work.path("xl"));
  const pipeline = await StableDiffusionXLPipeline.fromPretrained(model);
  const [expected] = await pipeline.generateImages({
    prompt: "a castle",
    scheduler: "ddim",
    steps: 4,
    seed: 2,
  });
  await pipeline.close();
  expect(await pixels("xl/0000.png")).toEqual(expected.data);
  const near = ["--image", work.path("xl.png"), "--strength", "0.5", "--json"];
  const said = await imago(...args, ...near, "--out", work.path("xl_near.png"));
  expect(JSON.parse(said.stdout)).toMatchObject({ event: "done", strength: 0.5, width: 16, height: 16 });
});

test("Stable Diffusion XL is told a second text and sizes, other models are not", async () => {
  const sizes = {
    originalSize: [40, 24],
    targetSize: [64, 48],
    cropsCoordsTopLeft: [3, 5],
    negativeOriginalSize: [16, 20],
    negativeTargetSize: [8, 8],
    negativeCropsCoordsTopLeft: [1, 2],
  } as const;
  const given = [
    ...["--prompt", "a castle", "--prompt-2", "the dog", "--negative", "people", "--negative-2", "a cat"],
    ...["--original-size", "24x40", "--target-size", "48x64", "--crop-top-left", "3,5"],
    ...["--negative-original-size", "20x16", "--negative-target-size", "8"],
    ...["--negative-crop-top-left", "1,2"],
  ];
  const how = ["--scheduler", "ddim", "--steps", "2", "--each", work.path("told"), "--json"];
  const said = await imago("sample", model, ...given, ...how, "--out", work.path("told.png"));
  expect(JSON.parse(said.stdout)).toMatchObject({
    ...{ prompt_2: ["the dog"], negative_2: ["a cat"], original_size: [40, 24] },
    ...{ crop_top_left: [3, 5], negative_target_size: [8, 8] },
  });
  const pipeline = await StableDiffusionXLPipeline.fromPretrained(model);
  const [expected] = await pipeline.generateImages({
    ...{ prompt: "a castle", prompt2: "the dog", negativePrompt: "people", negativePrompt2: "a cat" },
    ...{ scheduler: "ddim", steps: 2, seed: 0, ...sizes },
  });
  await pipeline.close();
  expect(await pixels("told/0000.png")).toEqual(expected.data);
  for (const [source, more, message] of [
    [MODEL, ["--prompt-2", "a"], "--prompt-2 is for models of Stable Diffusion XL, which "],
    [MODEL, ["--target-size", "8"], "--target-size is for models of Stable Diffusion XL, which "],
    [model, ["--crop-top-left", "3"], '--crop-top-left is "3"; expected pixels from the top'],
    [model, ["--negative-2", "a"], "negativePrompt2 counts beside negativePrompt; give both"],
  ] as const) {
    const { code, line } = await failure(["sample", source, "--prompt", "a", ...more, "--out", "no.png"]);
    expect(line).toContain(message);
    expect(code).toBe(2);
  }
});
