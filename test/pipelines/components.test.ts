// Pipelines of several classes with the same weights, and a single file as loadPipeline loads it.

import { afterAll, expect, test } from "vitest";
import { createBackend } from "../../src/engine/backends/create.ts";
import { loadPipeline } from "../../src/pipelines/load_pipeline.ts";
import { StableDiffusionImg2ImgPipeline } from "../../src/pipelines/stable_diffusion_img2img_pipeline.ts";
import { StableDiffusionInpaintPipeline } from "../../src/pipelines/stable_diffusion_inpaint_pipeline.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { testFolder } from "../support/folder.ts";
import { fixture } from "../support/golden.ts";

const FOLDER = fixture("stable_diffusion/pipeline");
const folder = testFolder();
const backend = await createBackend({ backend: "wasm" });
afterAll(() => backend.close());

const CALL = { prompt: "a castle", steps: 2, scheduler: "ddim", seed: 5 } as const;
const image = { width: 16, height: 16, channels: 3, data: new Uint8Array(768).fill(90) } as const;
const maskImage = { ...image, channels: 1, data: new Uint8Array(256).fill(255, 0, 128) } as const;

test("a pipeline's components draw in another class what that class draws, also with a LoRA, and after it", async () => {
  const pipeline = await StableDiffusionPipeline.fromPretrained(FOLDER, { backend });
  await pipeline.generateImages({ ...CALL, height: 16, width: 16 });
  const lora = fixture("stable_diffusion/lora/style.safetensors");
  for (const Kind of [StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline]) {
    const own = await Kind.fromPretrained(FOLDER, { backend });
    const shared = new Kind(pipeline.components, { backend });
    const call = { ...CALL, image, maskImage, height: 16, width: 16 };
    const [without] = await own.generateImages(call);
    expect((await shared.generateImages(call))[0]).toEqual(without);
    await own.loadLoraWeights(lora);
    await pipeline.loadLoraWeights(lora);
    const [expected] = await own.generateImages(call);
    expect((await shared.generateImages(call))[0]).toEqual(expected);
    expect(expected).not.toEqual(without);
    pipeline.unloadLoraWeights();
    expect((await shared.generateImages(call))[0]).toEqual(without);
    await Promise.all([own.close(), shared.close()]);
  }
  await pipeline.close();
});

test("loadPipeline loads single files by their version, and folders without what is for such files", async () => {
  const path = folder("castles.safetensors");
  const pipeline = await StableDiffusionPipeline.fromPretrained(FOLDER, { backend });
  await pipeline.saveSingleFile(path);
  const loaded = await loadPipeline(path, { backend, config: FOLDER });
  if (!(loaded instanceof StableDiffusionPipeline)) throw new Error("of another class");
  const call = { ...CALL, height: 16, width: 16 };
  expect(await loaded.generateImages(call)).toEqual(await pipeline.generateImages(call));
  await Promise.all([pipeline.close(), loaded.close()]);
  await expect(loadPipeline(path, { backend })).rejects.toThrow("give the folder of the tokenizer");
  await expect(loadPipeline(FOLDER, { backend, tokenizer: `${FOLDER}/tokenizer` })).rejects.toThrow(
    "tokenizer is for a single file (.safetensors), which this is not; leave it out",
  );
});
