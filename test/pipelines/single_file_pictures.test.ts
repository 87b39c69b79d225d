// Single files of Stable Diffusion XL and its refiner: the tensors that diffusers reads, and the pictures that it draws from
// the same file (tools/python/single_file_layouts.py).

import * as v from "valibot";
import { expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { StableDiffusionXLImg2ImgPipeline } from "../../src/pipelines/stable_diffusion_xl_img2img_pipeline.ts";
import { StableDiffusionXLPipeline } from "../../src/pipelines/stable_diffusion_xl_pipeline.ts";
import { testFolder } from "../support/folder.ts";
import { readJsonFixture } from "../support/golden.ts";
import { sha256Of } from "../support/sha256_of.ts";
import {
  copyWhole,
  drawnSchema,
  fromImages,
  fromNoise,
  nearness,
  stageSchema,
} from "../support/stable_diffusion_rows.ts";

const folder = testFolder();
const backend = new ReferenceBackend();

const rowSchema = v.object({
  ...stageSchema.entries,
  ...drawnSchema.entries,
  pipeline: v.picklist(["StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline"]),
  sha256: v.string(),
});
const { pictures } = v.parse(
  v.object({ pictures: v.array(rowSchema) }),
  await readJsonFixture("stable_diffusion/single_files.json"),
);

test.each(pictures)("a file of $folder", async (row) => {
  const config = await copyWhole(row.folder, folder(row.folder));
  const file = folder(`${row.folder}.safetensors`);
  const options = { config, backend };
  const read = {
    StableDiffusionXLPipeline: async () => {
      await (await StableDiffusionXLPipeline.fromPretrained(config)).saveSingleFile(file);
      return fromNoise(await StableDiffusionXLPipeline.fromSingleFile(file, options));
    },
    StableDiffusionXLImg2ImgPipeline: async () => {
      await (await StableDiffusionXLImg2ImgPipeline.fromPretrained(config)).saveSingleFile(file);
      return fromImages(await StableDiffusionXLImg2ImgPipeline.fromSingleFile(file, options));
    },
  }[row.pipeline];
  const drawing = await read();
  expect(sha256Of(await readSafetensors(file))).toBe(row.sha256);
  const images = await drawing(row, row).pixels();
  expect(images.shape).toEqual(row.shape);
  expect(nearness(images, row)).toBeGreaterThanOrEqual(0.999);
});
