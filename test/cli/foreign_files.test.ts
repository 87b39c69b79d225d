// Files whose content does not match their name: reported immediately with advice, and never used.

import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { DDPMPipeline, DDPMScheduler } from "../../src/index.ts";
import { readSafetensors, type TensorEntry, writeSafetensors } from "../../src/io/safetensors.ts";
import { png } from "../data/support.ts";
import { zip } from "../io/zip_writer.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { failure, imagoProcess, said, workFolder } from "./support.ts";

const work = workFolder();
const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${"4d7a".repeat(16)}\nsize 34123456\n`;
const IS_POINTER =
  "a Git LFS pointer, not the file itself (34.1 MB); fetch it with `git lfs pull`, or download it again";
const WEIGHTS = "unet/diffusion_pytorch_model.safetensors";

let model: string;
beforeAll(async () => {
  model = work.path("pipeline");
  await new DDPMPipeline(tinyUNet(), new DDPMScheduler()).savePretrained(model);
});

let copies = 0;
/** A copy of a pipeline in which files hold something else. */
async function pipelineWith(
  files: Readonly<Record<string, string | Uint8Array>>,
  of = model,
): Promise<string> {
  const copy = work.path(`copy-${copies++}`);
  await cp(of, copy, { recursive: true });
  for (const [file, content] of Object.entries(files)) await writeFile(join(copy, file), content);
  return copy;
}

/** The line in which a command says what is wrong with what it is given. */
async function refusal(...args: readonly string[]): Promise<string> {
  const { code, line } = await failure(args);
  expect(code).toBe(2);
  expect(line).not.toMatch(/\p{Cc}|internal error/u);
  return line;
}

const sample = (folder: string, ...more: string[]) =>
  refusal("sample", folder, "--count", "1", "--steps", "1", "--out", work.path("none.png"), ...more);

test("a Git LFS pointer in place of any file of a model", async () => {
  for (const file of [WEIGHTS, "model_index.json", "unet/config.json", "scheduler/scheduler_config.json"]) {
    const folder = await pipelineWith({ [file]: POINTER });
    expect(await sample(folder)).toBe(`${join(folder, file)}: this is ${IS_POINTER}`);
  }
  const sharded = fileURLToPath(new URL("../fixtures/saved_by_diffusers/sharded", import.meta.url));
  const index = "unet/diffusion_pytorch_model.safetensors.index.json";
  const { weight_map } = JSON.parse(await readFile(join(sharded, index), "utf8"));
  const shards = Object.values<string>(weight_map).map((name) => `unet/${name}`);
  for (const file of [index, shards.at(-1) ?? ""]) {
    const folder = await pipelineWith({ [file]: POINTER }, sharded);
    expect(await sample(folder)).toBe(`${join(folder, file)}: this is ${IS_POINTER}`);
  }
  const folder = await pipelineWith({ [WEIGHTS]: POINTER });
  const { code, stderr } = await imagoProcess("sample", folder, "--out", work.path("none.png"));
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: `imago: ${join(folder, WEIGHTS)}: this is ${IS_POINTER}\n`,
  });
});

test("a Git LFS pointer in place of images, archives, tables and lists", async () => {
  const put = async (name: string, content: string | Uint8Array): Promise<string> => {
    await mkdir(join(work.path(name), ".."), { recursive: true });
    await writeFile(work.path(name), content);
    return work.path(name);
  };
  const info = (source: string) => refusal("data", "preview", source, "--out", work.path("none.png"));
  for (const name of ["a.parquet", "a.zip", "list.txt"]) {
    const file = await put(name, POINTER);
    expect(await info(file)).toBe(`${file}: this is ${IS_POINTER}`);
  }
  const image = await put("images/a.png", POINTER);
  expect(await info(work.path("images"))).toContain(`"a.png" (${IS_POINTER})`);
  expect(await sample(model, "--image", image, "--mask", image)).toContain(`${image}: ${IS_POINTER}`);
  const archive = await put("b.zip", zip([{ name: "a.png", content: POINTER }]));
  expect(await info(archive)).toContain(`"a.png" (${IS_POINTER})`);
  // Labels that cannot be had are no reason not to look at the images, but are not passed over.
  await put("labelled/a.png", await png([10, 200, 30]));
  await put("labelled/metadata.csv", POINTER);
  const { stderr } = await said(["data", "preview", work.path("labelled"), "--out", work.path("seen.png")]);
  expect(stderr).toContain(`metadata.csv: this is ${IS_POINTER}; the images are read without labels`);
  expect(await refusal("data", "info", work.path("labelled"), "--label-column", "label")).toContain(
    `metadata.csv: this is ${IS_POINTER}`,
  );
});

test("pickles, pages, archives and texts under another name", async () => {
  const pickle = Buffer.concat([Buffer.from([0x80, 2, 0x8a, 10]), Buffer.alloc(200, "l")]);
  const torch = zip([{ name: "archive/data.pkl", content: pickle, stored: true }]);
  const isPickle =
    /this is a pickle of PyTorch, which can run code and is not read, where a safetensors file was expected; convert it in Python: .*safe_serialization=True/;
  for (const [content, message] of [
    [pickle, isPickle],
    [torch, isPickle],
    [zip([{ name: "weights.bin", content: "x" }]), /this is a zip archive, where .* expected; unpack it/],
    ["<!DOCTYPE html><html><title>Sign in</title>", /this is a page of HTML .*; download it again/],
    [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), /this is a file packed with gzip, .*; unpack it/],
    ["Entry not found\x0a", /this is text \("Entry not found"\), where a safetensors file was expected/],
    [await png([1, 2, 3]), /this is an image, where a safetensors file was expected; check the file's name/],
    ["", /this is an empty file, where a safetensors file was expected; copy or download it again/],
  ] as const) {
    expect(await sample(await pipelineWith({ [WEIGHTS]: content }))).toMatch(message);
  }
  const weights = await readFile(join(model, WEIGHTS));
  expect(await sample(await pipelineWith({ "unet/config.json": weights }))).toContain(
    "config.json: this is a safetensors file, where JSON text was expected; check the file's name",
  );
  expect(await sample(await pipelineWith({ "model_index.json": "<html>busy</html>" }))).toContain(
    "model_index.json: this is a page of HTML",
  );
});

test("weights that are NaN or infinite, by the name of the tensor", async () => {
  const name = "mid_block.resnets.1.conv2.weight";
  const tensors = new Map<string, TensorEntry>(await readSafetensors(join(model, WEIGHTS)));
  const { data, shape } = tensors.get(name) ?? { data: new Float32Array(0), shape: [] };
  for (const [dtype, value, told] of [
    ["F32", Number.NaN, "NaN"],
    ["F32", Number.NEGATIVE_INFINITY, "-Infinity"],
    ["F16", 1e6, "Infinity"],
    ["F16", Number.NaN, "NaN"],
    ["BF16", Number.POSITIVE_INFINITY, "Infinity"],
    ["F64", 1e300, "Infinity"],
  ] as const) {
    const broken = dtype === "F64" ? Float64Array.from(data, Number) : Float32Array.from(data, Number);
    broken[7] = value;
    const folder = await pipelineWith({});
    await writeSafetensors(join(folder, WEIGHTS), new Map(tensors).set(name, { data: broken, shape, dtype }));
    expect(await sample(folder), `${dtype} ${value}`).toContain(
      `${WEIGHTS}: tensor ${name} is broken: its element 7 of ${data.length} is ${told}, where finite numbers were expected; take weights saved before training diverged`,
    );
  }
});

const withIndex = async (change: (index: Record<string, unknown>) => void): Promise<string> => {
  const index = JSON.parse(await readFile(join(model, "model_index.json"), "utf8"));
  change(index);
  return pipelineWith({ "model_index.json": JSON.stringify(index) });
};

test("pipelines of another class, or with parts that are not known, are not drawn from", async () => {
  for (const [change, message] of [
    [
      { _class_name: "DanceDiffusionPipeline" },
      "a pipeline of the class DanceDiffusionPipeline, expected a UNet2DModel and a scheduler alone: DDPMPipeline",
    ],
    [
      { _class_name: "LDMPipeline", vqvae: ["diffusers", "VQModel"] },
      "vqvae/config.json: cannot read the file",
    ],
    [{ _class_name: "StableDiffusionPipeline" }, "--prompt is missing: "],
    [{ _class_name: "a\x1b[31m\nb" }, 'a pipeline of the class "a\\u001b[31m\\nb", expected'],
    [
      { vqvae: ["diffusers", "VQModel"] },
      "the pipeline has a vqvae (VQModel), without which its images would be wrong",
    ],
    [{ vae: ["diffusers", "\x9bVAE"] }, 'the pipeline has a vae ("\\u009bVAE"), without'],
    [{ "a\x1b": ["diffusers", "B"] }, 'component "a\\u001b" is not the name of a subfolder'],
    [{ unet: ["diffusers", "\x1b[2J"] }, 'the model is a "\\u001b[2J", expected a UNet2DModel'],
    [{ _class_name: "x".repeat(1e6) }, `a pipeline of the class "${"x".repeat(99)}..., expected`],
  ] as const) {
    expect(await sample(await withIndex((index) => Object.assign(index, change)))).toContain(message);
  }
});

test("pipelines of a UNet and a scheduler alone are, with absent parts and plain settings", async () => {
  for (const _class_name of ["DDIMPipeline", "PNDMPipeline", "ConsistencyModelPipeline", "RePaintPipeline"]) {
    const folder = await withIndex((index) =>
      Object.assign(index, { _class_name, safety_checker: [null, null], requires_safety_checker: true }),
    );
    expect((await DDPMPipeline.fromPretrained(folder)).imageSize.channels).toBe(3);
  }
});

test("a model of latents is refused before anything is drawn", async () => {
  const folder = work.path("latents");
  const unet = tinyUNet(0, { inChannels: 16, outChannels: 16 });
  await new DDPMPipeline(unet, new DDPMScheduler()).savePretrained(folder);
  expect(await sample(folder)).toBe("images of 16 channels cannot be drawn; expected 1, 3 or 4");
});
