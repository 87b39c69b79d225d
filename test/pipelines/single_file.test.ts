// Single files of Stable Diffusion, written and read: the same pictures as from a folder, and refusals in one line.

import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { readSafetensors, type TensorEntry, writeSafetensors } from "../../src/io/safetensors.ts";
import { AutoencoderKL } from "../../src/models/autoencoder_kl.ts";
import { CLIPTextModel, CLIPTextModelWithProjection } from "../../src/models/clip_text_model.ts";
import { UNet2DConditionModel } from "../../src/models/unet_2d_condition_model.ts";
import type { Module } from "../../src/nn/module.ts";
import { loadPipeline } from "../../src/pipelines/load_pipeline.ts";
import { readSingleFile } from "../../src/pipelines/single_file.ts";
import { writeSingleFile } from "../../src/pipelines/single_file_writer.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { StableDiffusionXLImg2ImgPipeline } from "../../src/pipelines/stable_diffusion_xl_img2img_pipeline.ts";
import { StableDiffusionXLInpaintPipeline } from "../../src/pipelines/stable_diffusion_xl_inpaint_pipeline.ts";
import { StableDiffusionXLPipeline } from "../../src/pipelines/stable_diffusion_xl_pipeline.ts";
import { EulerDiscreteScheduler } from "../../src/schedulers/index.ts";
import { testFolder } from "../support/folder.ts";
import { fixture, readGolden, readJsonFixture } from "../support/golden.ts";
import { weightsOf } from "../support/weights_of.ts";

const FOLDER = fixture("stable_diffusion/pipeline");
const folder = testFolder();
const backend = new ReferenceBackend();
const call = { prompt: "a castle", steps: 1, seed: 3, scheduler: "ddim", guidanceScale: 1 } as const;
const drawn = async (pipeline: StableDiffusionPipeline) => (await pipeline.generate(call)).data;
let pipeline: StableDiffusionPipeline;

beforeAll(async () => {
  pipeline = await StableDiffusionPipeline.fromPretrained(FOLDER, { backend });
});

/** A copy of a file with some tensors changed. */
async function changed(from: string, name: string, change: (tensors: Map<string, TensorEntry>) => void) {
  const tensors: Map<string, TensorEntry> = new Map(await readSafetensors(from));
  change(tensors);
  await writeSafetensors(folder(name), tensors);
  return folder(name);
}

test.each(["v1", "v2"] as const)("a file of %s draws the same pictures", async (version) => {
  const path = folder(`${version}.safetensors`);
  await pipeline.saveSingleFile(path, { version });
  const again = await StableDiffusionPipeline.fromSingleFile(path, { config: FOLDER, backend });
  expect(await drawn(again)).toEqual(await drawn(pipeline));
  expect((await readSingleFile(path, { config: FOLDER })).version).toBe(version);
});

test("files in 16 bits hold the rounded weights", async () => {
  for (const [dtype, most] of [
    ["fp16", 2 ** -10],
    ["bf16", 2 ** -7],
  ] as const) {
    const path = folder(`${dtype}.safetensors`);
    await pipeline.saveSingleFile(path, { dtype });
    const stored = await readSafetensors(path);
    expect(new Set([...stored.values()].map((tensor) => tensor.dtype))).toEqual(
      new Set([dtype === "fp16" ? "F16" : "BF16"]),
    );
    const { unet } = await readSingleFile(path, { config: FOLDER });
    const own = await weightsOf(pipeline.unet);
    for (const [name, { data }] of unet.stateDict()) {
      const exact = own.get(name)?.data ?? new Float32Array();
      expect(data.every((x, i) => Math.abs(x - exact[i]) <= most * Math.abs(exact[i]) + 1e-7)).toBe(true);
    }
  }
});

describe("what files have besides", async () => {
  const path = () => folder("v2.safetensors");
  const extra = (name: string): [string, TensorEntry] => [name, { shape: [1], data: new Float32Array(1) }];

  test("tables, averages and CLIP's other tensors are left out", async () => {
    const more = await changed(path(), "more.safetensors", (tensors) => {
      for (const name of [
        "model_ema.decay",
        "betas",
        "cond_stage_model.model.logit_scale",
        "cond_stage_model.model.text_projection",
        "cond_stage_model.model.transformer.resblocks.23.ln_1.bias",
        "first_stage_model.loss.logvar",
      ]) {
        tensors.set(...extra(name));
      }
    });
    const again = await StableDiffusionPipeline.fromSingleFile(more, { config: FOLDER, backend });
    expect(await drawn(again)).toEqual(await drawn(pipeline));
  });

  test("names of the text encoder may be without text_model", async () => {
    const bare = await changed(folder("v1.safetensors"), "bare.safetensors", (tensors) => {
      for (const [name, tensor] of [...tensors]) {
        if (!name.includes(".text_model.")) continue;
        tensors.delete(name);
        tensors.set(name.replace(".text_model.", "."), tensor);
      }
    });
    const again = await StableDiffusionPipeline.fromSingleFile(bare, { config: FOLDER, backend });
    expect(await drawn(again)).toEqual(await drawn(pipeline));
  });

  test("attention of the autoencoder may be linear", async () => {
    const linear = await changed(path(), "linear.safetensors", (tensors) => {
      for (const [name, { shape, data }] of [...tensors]) {
        if (name.includes(".attn_1.") && shape.length === 4)
          tensors.set(name, { shape: shape.slice(0, 2), data });
      }
    });
    const { vae } = await readSingleFile(linear, { config: FOLDER });
    expect(vae.stateDict().size).toBeGreaterThan(0);
  });

  test("a prediction is the caller's, the file's or the version's", async () => {
    const scheduler = new EulerDiscreteScheduler();
    expect((await readSingleFile(path(), { config: FOLDER, scheduler })).scheduler).toBe(scheduler);
    const predictionType = "v_prediction";
    const told = await readSingleFile(path(), { config: FOLDER, predictionType });
    expect(told.scheduler.toConfig()).toMatchObject({ prediction_type: "v_prediction" });
  });
});

test("a file of XL is written and read with both text encoders", async () => {
  const model = async <M extends Module>(file: string, fromConfig: (json: unknown) => M) => {
    const config = await readJsonFixture(`stable_diffusion/${file}.config.json`);
    const golden = await readGolden(`stable_diffusion/${file}.safetensors`);
    return { config, model: fromConfig(config).loadStateDict(golden.stateDict("param.")) };
  };
  const unet = await model("unet_sdxl", UNet2DConditionModel.fromConfig);
  const vae = await model("vae", AutoencoderKL.fromConfig);
  const text = await model("clip_text_quick_gelu", CLIPTextModel.fromConfig);
  const text2 = await model("clip_text_projection", CLIPTextModelWithProjection.fromConfig);
  const config = folder("xl");
  await cp(FOLDER, config, { recursive: true });
  for (const [name, { config: json }] of Object.entries({
    unet,
    vae,
    text_encoder: text,
    text_encoder_2: text2,
  })) {
    await mkdir(join(config, name), { recursive: true });
    await writeFile(join(config, name, "config.json"), JSON.stringify(json));
  }
  const textEncoders = new Map([
    ["text_encoder", text.model],
    ["text_encoder_2", text2.model],
  ]);
  const path = folder("xl_model.safetensors");
  await writeSingleFile(path, { unet: unet.model, vae: vae.model, textEncoders });
  const read = await readSingleFile(path, { config, tokenizer: join(config, "tokenizer") });
  expect(read.version).toBe("xl");
  expect(read.unet.stateDict()).toEqual(unet.model.stateDict());
  expect(read.vae.stateDict()).toEqual(vae.model.stateDict());
  expect([...read.textEncoders.keys()]).toEqual(["text_encoder", "text_encoder_2"]);
  for (const [name, encoder] of textEncoders) {
    expect(read.textEncoders.get(name)?.stateDict()).toEqual(encoder.stateDict());
  }
  await expect(StableDiffusionPipeline.fromSingleFile(path, { config })).rejects.toThrow(
    "a file of Stable Diffusion XL, where one of Stable Diffusion 1 or 2 was expected",
  );
});

describe("files of XL as pipelines", () => {
  let config = "";
  let path = "";
  let whole: StableDiffusionXLPipeline;
  beforeAll(async () => {
    config = folder("pipeline_xl");
    path = folder("pipeline_xl.safetensors");
    await cp(FOLDER, config, { recursive: true });
    await cp(fixture("stable_diffusion/pipeline_xl"), config, { recursive: true });
    whole = await StableDiffusionXLPipeline.fromPretrained(config, { backend });
    await whole.saveSingleFile(path);
  });

  test("draw the same pictures, with the config's tokenizers or one vocabulary for both", async () => {
    const guided = { ...call, guidanceScale: 3 };
    const { data: expected } = await whole.generate(guided);
    for (const more of [{}, { tokenizer: join(config, "tokenizer") }]) {
      const again = await StableDiffusionXLPipeline.fromSingleFile(path, { config, backend, ...more });
      expect((await again.generate(guided)).data).toEqual(expected);
    }
    expect(await loadPipeline(path, { config, backend })).toBeInstanceOf(StableDiffusionXLPipeline);
  });

  test("start from images, and draw a part of them anew", async () => {
    const image = { data: new Uint8Array(16 * 16 * 3).fill(90), width: 16, height: 16, channels: 3 } as const;
    const start = { ...call, steps: 2, strength: 0.5, image };
    const options = { config, backend };
    const near = await StableDiffusionXLImg2ImgPipeline.fromPretrained(config, { backend });
    const nearAgain = await StableDiffusionXLImg2ImgPipeline.fromSingleFile(path, options);
    expect((await nearAgain.generate(start)).data).toEqual((await near.generate(start)).data);
    const masked = { ...start, maskImage: { ...image, data: new Uint8Array(16 * 16 * 3).fill(255) } };
    const inpainting = await StableDiffusionXLInpaintPipeline.fromPretrained(config, { backend });
    const inpaintingAgain = await StableDiffusionXLInpaintPipeline.fromSingleFile(path, options);
    expect((await inpaintingAgain.generate(masked)).data).toEqual((await inpainting.generate(masked)).data);
  });

  test("go from the empty text where the config's pipeline says so", async () => {
    const index = join(config, "model_index.json");
    const written = await readFile(index, "utf8");
    await writeFile(
      index,
      written.replace(/"force_zeros_for_empty_prompt": true/, '"force_zeros_for_empty_prompt": false'),
    );
    const guided = { ...call, guidanceScale: 3 };
    const again = await StableDiffusionXLPipeline.fromSingleFile(path, { config, backend });
    await writeFile(index, written);
    const { data } = await again.generate(guided);
    expect(data).not.toEqual((await whole.generate(guided)).data);
    expect(data).toEqual((await whole.generate({ ...guided, negativePrompt: "" })).data);
  });

  test("are refused where they are of another version", async () => {
    const load = (file: string) => StableDiffusionXLPipeline.fromSingleFile(file, { config, backend });
    await expect(load(folder("v1.safetensors"))).rejects.toThrow(
      "a file of Stable Diffusion 1, where one of Stable Diffusion XL was expected",
    );
  });
});

describe("refused in one line", () => {
  const path = () => folder("v1.safetensors");
  const load = (file: string, options = {}) =>
    StableDiffusionPipeline.fromSingleFile(file, { config: FOLDER, backend, ...options });

  test("a file without the tokenizer's folder", async () => {
    await expect(StableDiffusionPipeline.fromSingleFile(path(), { backend })).rejects.toThrow(
      "the vocabulary is not in such a file; give the folder of the tokenizer as tokenizer",
    );
  });

  test("a model of another size than the published ones", async () => {
    const tokenizer = join(FOLDER, "tokenizer");
    await expect(StableDiffusionPipeline.fromSingleFile(path(), { tokenizer })).rejects.toThrow(
      /the tensors are not those of the models: .* missing; .*; of a model of another size, give a folder/,
    );
  });

  test("missing, unknown and wrong tensors", async () => {
    const name = "model.diffusion_model.out.2.bias";
    const without = await changed(path(), "without.safetensors", (tensors) => tensors.delete(name));
    await expect(load(without)).rejects.toThrow(`"${name}" missing`);
    const strange = await changed(path(), "strange.safetensors", (tensors) => {
      tensors.set("model.diffusion_model.out.3.bias", { shape: [1], data: new Float32Array(1) });
    });
    await expect(load(strange)).rejects.toThrow('"model.diffusion_model.out.3.bias" not expected');
    const short = await changed(path(), "short.safetensors", (tensors) => {
      tensors.set(name, { shape: [3], data: new Float32Array(3) });
    });
    await expect(load(short)).rejects.toThrow("conv_out.bias is [3], expected [4]");
    const infinite = await changed(path(), "nan.safetensors", (tensors) => {
      tensors.set(name, { shape: [4], data: new Float32Array(4).fill(Number.NaN) });
    });
    await expect(load(infinite)).rejects.toThrow("where finite numbers were expected");
  });

  test("pickles, folders, files that are not there, and one model of diffusers", async () => {
    const pickle = folder("model.ckpt");
    await writeFile(
      pickle,
      Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(26), Buffer.from("archive/data.pkl")]),
    );
    await expect(load(pickle)).rejects.toThrow(
      "this is a pickle of PyTorch, which can run code and is not read",
    );
    await expect(load(FOLDER)).rejects.toThrow(/^\S+: /);
    await expect(load(folder("none.safetensors"))).rejects.toThrow("none.safetensors");
    await expect(load(join(FOLDER, "unet/diffusion_pytorch_model.safetensors"))).rejects.toThrow(
      "this is no file of a whole Stable Diffusion in the original layout",
    );
  });

  test("a version that the pipeline is not of", async () => {
    await expect(pipeline.saveSingleFile(folder("no.safetensors"), { version: "xl" })).rejects.toThrow(
      "the pipeline has no text_encoder_2, which files of xl have",
    );
    const unknown: object = { version: "v3" };
    await expect(pipeline.saveSingleFile(folder("no.safetensors"), unknown)).rejects.toThrow(
      'version is "v3", expected one of v1, v2, xl, xl-refiner',
    );
  });

  test("a single file where a folder was expected", async () => {
    await expect(StableDiffusionPipeline.fromPretrained(path())).rejects.toThrow(
      "this is a file, expected the folder of a run or a pipeline; StableDiffusionPipeline.fromSingleFile loads",
    );
  });

  test("a config's folder without configs", async () => {
    const config = folder("half");
    await cp(FOLDER, config, { recursive: true });
    await rm(join(config, "vae/config.json"));
    await expect(load(path(), { config })).rejects.toThrow("vae/config.json");
    expect(await readdir(config)).toContain("vae");
  });
});
