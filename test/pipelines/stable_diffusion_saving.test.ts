// Folders of a Stable Diffusion pipeline in every form of weights: float32 and 16 bits, whole and in shards, with and
// without a variant. What is saved is read back.

import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from "../../src/engine/half.ts";
import { readStateDict } from "../../src/io/state_dict.ts";
import { CLIPTokenizer } from "../../src/models/clip_tokenizer.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import type { SavePretrainedOptions } from "../../src/pipelines/weights_pipeline.ts";
import { testFolder } from "../support/folder.ts";
import { fixture } from "../support/golden.ts";

const FOLDER = fixture("stable_diffusion/pipeline");
const folder = testFolder();
const backend = new ReferenceBackend();
const call = { prompt: "a castle", steps: 1, seed: 3, scheduler: "ddim", guidanceScale: 1 } as const;
const drawn = async (pipeline: StableDiffusionPipeline) => (await pipeline.generate(call)).data;
let pipeline: StableDiffusionPipeline;

beforeAll(async () => {
  pipeline = await StableDiffusionPipeline.fromPretrained(FOLDER, { backend });
});

const MODELS = { unet: "diffusers", vae: "diffusers", text_encoder: "transformers" } as const;
const ROUNDED = {
  fp32: (x: Float32Array) => x,
  fp16: (x: Float32Array) => halfToFloat32(float32ToHalf(x)),
  bf16: (x: Float32Array) => bfloat16ToFloat32(float32ToBfloat16(x)),
} as const;

const forms: SavePretrainedOptions[] = (["fp32", "fp16", "bf16"] as const).flatMap((dtype) =>
  [undefined, dtype].flatMap((variant) =>
    [undefined, 20_000].map((maxShardSize) => ({
      dtype,
      ...(variant !== undefined && { variant }),
      ...(maxShardSize !== undefined && { maxShardSize }),
    })),
  ),
);

test.each(forms)("%j: saved and read back", async (form) => {
  const path = folder(JSON.stringify(form));
  await pipeline.savePretrained(path, form);
  const { dtype = "fp32", variant, maxShardSize } = form;
  for (const [name, library] of Object.entries(MODELS)) {
    const entries = await readdir(join(path, name));
    expect(entries.some((entry) => entry.includes("-00002-of-"))).toBe(maxShardSize !== undefined);
    expect(
      entries.every(
        (entry) => variant === undefined || !/\.safetensors/.test(entry) || entry.includes(variant),
      ),
    ).toBe(true);
    const original = await readStateDict(join(FOLDER, name), { library });
    const stored = await readStateDict(join(path, name), { library, variant });
    expect(stored.size).toBe(original.size);
    for (const [key, { data }] of original) {
      const saved = stored.get(key) ?? stored.get(`text_model.${key}`);
      expect(saved?.data).toEqual(ROUNDED[dtype](data));
    }
  }
  const again = await StableDiffusionPipeline.fromPretrained(path, { backend, variant });
  if (dtype === "fp32") expect(await drawn(again)).toEqual(await drawn(pipeline));
});

describe("a folder", () => {
  test("has the configs of the one that was read", async () => {
    const path = folder("configs");
    await pipeline.savePretrained(path);
    for (const file of ["unet/config.json", "vae/config.json", "scheduler/scheduler_config.json"]) {
      const [own, theirs] = [path, FOLDER].map(async (root) =>
        JSON.parse(await readFile(join(root, file), "utf8")),
      );
      const { _name_or_path: _, ...expected } = await theirs;
      expect(await own).toMatchObject(expected);
    }
    const index = JSON.parse(await readFile(join(path, "model_index.json"), "utf8"));
    const { image_encoder: _, ...expected } = JSON.parse(
      await readFile(join(FOLDER, "model_index.json"), "utf8"),
    );
    expect(index).toEqual(expected);
  });

  test("has the tokenizer in all its files, each of which is enough", async () => {
    const path = folder("configs", "tokenizer");
    const parts = folder("parts");
    await cp(path, parts, { recursive: true });
    await rm(join(parts, "tokenizer.json"));
    const prompts = ["a photo of a cat, 3 ΣΑΣ!", "<my-cat> and the castle"];
    const own = pipeline.tokenizer.encode(prompts);
    expect((await CLIPTokenizer.fromFolder(path)).encode(prompts)).toEqual(own);
    const [first] = prompts;
    expect((await CLIPTokenizer.fromFolder(parts)).encode([first])).toEqual(
      pipeline.tokenizer.encode([first]),
    );
    expect((await CLIPTokenizer.fromFolder(path)).modelMaxLength).toBe(77);
  });

  test("replaces a pipeline, and nothing else", async () => {
    const path = folder("twice");
    await pipeline.savePretrained(path, { dtype: "fp16" });
    await pipeline.savePretrained(path);
    expect(await drawn(await StableDiffusionPipeline.fromPretrained(path, { backend }))).toEqual(
      await drawn(pipeline),
    );
    const other = folder("other");
    await mkdir(other);
    await writeFile(join(other, "notes.txt"), "mine");
    await expect(pipeline.savePretrained(other)).rejects.toThrow(
      "this folder holds other things than a pipeline",
    );
    expect(await readdir(other)).toEqual(["notes.txt"]);
  });

  test("with a variant only says which, and an unknown type is refused", async () => {
    const path = folder("variant");
    await pipeline.savePretrained(path, { dtype: "fp16", variant: "fp16" });
    await expect(StableDiffusionPipeline.fromPretrained(path)).rejects.toThrow(
      "there is no model.safetensors, only the variant fp16",
    );
    await rename(join(path, "unet"), join(path, "old"));
    await cp(join(FOLDER, "unet"), join(path, "unet"), { recursive: true });
    await expect(StableDiffusionPipeline.fromPretrained(path, { variant: "fp16" })).rejects.toThrow(
      "there is no diffusion_pytorch_model.fp16.safetensors, only the weights without a variant",
    );
    const wrong: object = { dtype: "int8" };
    await expect(pipeline.savePretrained(folder("int8"), wrong)).rejects.toThrow(
      'dtype is "int8", expected one of fp32, fp16, bf16',
    );
  });
});
