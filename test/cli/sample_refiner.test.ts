// imago sample with a refiner: two models of Stable Diffusion XL that draw one after the other.

import { readFile, writeFile } from "node:fs/promises";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { decodeImage, encodePng } from "../../src/io/image/index.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { StableDiffusionXLImg2ImgPipeline } from "../../src/pipelines/stable_diffusion_xl_img2img_pipeline.ts";
import { StableDiffusionXLInpaintPipeline } from "../../src/pipelines/stable_diffusion_xl_inpaint_pipeline.ts";
import { StableDiffusionXLPipeline } from "../../src/pipelines/stable_diffusion_xl_pipeline.ts";
import { fixture } from "../support/golden.ts";
import { copyWhole } from "../support/stable_diffusion_rows.ts";
import { failure, imago, workFolder } from "./support.ts";

const work = workFolder();
let base = "";
let refiner = "";

beforeAll(async () => {
  base = await copyWhole("pipeline_xl", work.path("base"));
  refiner = await copyWhole("pipeline_refiner", work.path("refiner"));
});

const how = ["--prompt", "a castle", "--prompt", "a cat", "--steps", "5", "--scheduler", "euler-ancestral"];
const call = { prompt: ["a castle", "a cat"], steps: 5, scheduler: "euler-ancestral", seed: 4 } as const;
const drawn = async (file: string) => new Uint8Array(await sharp(work.path(file)).raw().toBuffer());

/** Draws with both models. @param name of the sheet, and of the folder of the images */
const draw = (name: string, ...more: string[]) =>
  imago(
    ...["sample", base, ...how, "--seed", "4", "--refiner", refiner],
    ...["--out", work.path(`${name}.png`), "--each", work.path(name), "--json", ...more],
  );

test("draws the last steps of each image, as the pipelines do; a film shows both", async () => {
  const said = await draw("both", "--film", work.path("both.webp"), "--negative", "people");
  expect(said.code).toBe(0);
  expect(JSON.parse(said.stdout)).toMatchObject({ count: 2, steps: 5, refiner, denoising_end: 0.8 });
  expect((await sharp(work.path("both.webp")).metadata()).pages).toBe(5);
  const asked = { ...call, negativePrompt: "people" };
  const first = await StableDiffusionXLPipeline.fromPretrained(base);
  const latents = await first.generateLatents({ ...asked, denoisingEnd: 0.8 });
  await first.close();
  const second = await StableDiffusionXLImg2ImgPipeline.fromPretrained(refiner);
  const images = await second.generateImages({ ...asked, image: latents, denoisingStart: 0.8 });
  await second.close();
  for (const [k, { data }] of images.entries()) expect(await drawn(`both/000${k}.png`)).toEqual(data);
});

test("takes over where it is told, and may be a single file, which shares the vocabulary", async () => {
  const file = work.path("refiner.safetensors");
  const pipeline = await StableDiffusionXLImg2ImgPipeline.fromPretrained(base);
  await pipeline.saveSingleFile(file);
  const early = await draw("early", "--denoising-end", "0.5", "--tiled");
  expect(JSON.parse(early.stdout)).toMatchObject({ denoising_end: 0.5, tiled: true });
  expect(await drawn("early/0000.png")).not.toEqual(await drawn("both/0000.png"));
  // A published refiner is larger than this one.
  const { code, line } = await failure([
    ...["sample", base, ...how, "--refiner", file, "--out", work.path("none.png")],
  ]);
  expect(line).toContain("refiner.safetensors: the tensors are not those of the models");
  expect(code).not.toBe(0);
});

test("draws a part of an image anew, with the same mask", async () => {
  const side = 16;
  const levels = (of: (x: number) => number) =>
    encodePng(
      Uint8Array.from({ length: side * side * 3 }, (_, i) => of(Math.floor(i / 3) % side)),
      side,
      side,
    );
  const [image, mask] = [work.path("image.png"), work.path("mask.png")];
  await writeFile(image, await levels((x) => 15 * x));
  await writeFile(mask, await levels((x) => (x < 8 ? 0 : 255)));
  const said = await draw("part", "--image", image, "--mask", mask, "--denoising-end", "0.6");
  expect(said.code).toBe(0);
  const read = async (file: string) => decodeImage(await readFile(file));
  const start = { ...call, image: await read(image), maskImage: await read(mask) };
  const first = await StableDiffusionXLInpaintPipeline.fromPretrained(base);
  const latents = await first.generateLatents({ ...start, denoisingEnd: 0.6 });
  await first.close();
  const second = await StableDiffusionXLInpaintPipeline.fromPretrained(refiner);
  const images = await second.generateImages({ ...start, image: latents, denoisingStart: 0.6 });
  await second.close();
  for (const [k, { data }] of images.entries()) expect(await drawn(`part/000${k}.png`)).toEqual(data);
});

test("what does not fit is refused before anything is drawn", async () => {
  const other = fixture("stable_diffusion/pipeline");
  const file = work.path("v1.safetensors");
  await (await StableDiffusionPipeline.fromPretrained(other)).saveSingleFile(file);
  for (const [model, given, message] of [
    [base, ["--denoising-end", "0.5"], "--denoising-end is of --refiner; give both or neither"],
    [base, ["--refiner", refiner, "--denoising-end", "1.5"], '--denoising-end is "1.5"; expected a number'],
    [other, ["--refiner", refiner], "--refiner is for models of Stable Diffusion XL, which "],
    [base, ["--refiner", other], "a StableDiffusionPipeline, expected a model of Stable Diffusion XL"],
    [base, ["--refiner", file], "a file of Stable Diffusion 1, expected a model of Stable Diffusion XL"],
    [base, ["--refiner", "https://a.example/model"], "expected a folder, hf:OWNER/NAME or a single file"],
    [base, ["--refiner", "a/b"], "a/b: no such folder; check the path, or write hf:a/b"],
    [base, ["--refiner", refiner, "--scheduler", "dpm-adaptive"], "chooses its own steps goes from noise"],
  ] as const) {
    const { code, line } = await failure([
      ...["sample", model, "--prompt", "a cat", ...given, "--out", work.path("none.png")],
    ]);
    expect(line).toContain(message);
    expect(code).toBe(2);
  }
});
