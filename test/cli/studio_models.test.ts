// The models that the studio's server lists and sends, beside the runs of its folder.

import { once } from "node:events";
import { cp, mkdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeError } from "../../src/cli/errors.ts";
import { HttpError } from "../../src/cli/studio/http_error.ts";
import { Models } from "../../src/cli/studio/models.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { fixture } from "../support/golden.ts";
import { workFolder } from "./support.ts";

const work = workFolder();
const MODEL = fixture("stable_diffusion/pipeline");
const STYLE = fixture("stable_diffusion/lora/style.safetensors");
const at = (name: string) => work.path(`served/${name}`);
let models: Models;
const server = createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? "", "http://studio");
  models
    .send(response, searchParams.get("model") ?? "", searchParams.get("path") ?? "")
    .catch((error: unknown) => {
      response.writeHead(error instanceof HttpError ? error.status : 500);
      response.end(describeError(error).line);
    });
});
let url = "";

beforeAll(async () => {
  models = new Models(work.path("served"));
  await cp(MODEL, at("sd/castles"), { recursive: true });
  await cp(`${MODEL}/tokenizer`, at("tokenizer"), { recursive: true });
  await mkdir(at("deep/runs/one"), { recursive: true });
  await mkdir(at("deep/empty/tokenizer"), { recursive: true });
  await mkdir(at(".hidden"));
  const pipeline = await StableDiffusionPipeline.fromPretrained(MODEL);
  await pipeline.saveSingleFile(at("castles.safetensors"));
  await pipeline.close();
  await cp(at("castles.safetensors"), at("deep/alone.safetensors"));
  await cp(at("castles.safetensors"), at(".hidden/model.safetensors"));
  await cp(STYLE, at("deep/style.safetensors"));
  // What is none, a run's, damaged, or elsewhere.
  await cp(`${MODEL}/vae/diffusion_pytorch_model.safetensors`, at("vae.safetensors"));
  await writeFile(at("deep/runs/one/config.json"), "{}");
  await cp(STYLE, at("deep/runs/one/state.safetensors"));
  await cp(STYLE, at("damaged.safetensors"));
  await truncate(at("damaged.safetensors"), 100);
  await writeFile(work.path("secret.safetensors"), "secret");
  await symlink(work.path("secret.safetensors"), at("link.safetensors"));
  await symlink(work.path("secret.safetensors"), at("sd/castles/link.safetensors"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  url = `http://127.0.0.1:${address.port}/`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

test("pipelines, single files with the tokenizer beside them, and LoRAs; no runs, and nothing else", async () => {
  const files = ["tokenizer.json", "tokenizer_config.json"];
  const { files: single, loras, pipelines, tokenizers } = await models.list();
  expect(pipelines.map(({ name }) => name)).toEqual(["sd/castles"]);
  expect(pipelines[0].files.toSorted()).toEqual([
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    ...files.map((name) => `tokenizer/${name}`),
    "unet/config.json",
    "vae/config.json",
  ]);
  expect(single.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
    { name: "castles.safetensors", title: "Stable Diffusion 1", tokenizer: "tokenizer" },
    { name: "deep/alone.safetensors", title: "Stable Diffusion 1", tokenizer: null },
  ]);
  expect(loras).toEqual(["deep/style.safetensors"]);
  expect(tokenizers.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
    { name: "sd/castles/tokenizer", files },
    { name: "tokenizer", files },
  ]);
});

test("nothing where there is no folder, and itself where the folder is a pipeline's", async () => {
  const none = { pipelines: [], files: [], loras: [], tokenizers: [] };
  expect(await new Models(work.path("absent")).list()).toEqual(none);
  expect(await new Models(at("sd/castles")).list()).toMatchObject({
    pipelines: [{ name: "./" }],
    tokenizers: [{ name: "tokenizer" }],
  });
});

test("a file that changes is looked at again", async () => {
  await cp(STYLE, at("changes.safetensors"));
  expect((await models.list()).loras).toContain("changes.safetensors");
  await cp(at("castles.safetensors"), at("changes.safetensors"));
  const { loras, files } = await models.list();
  expect(loras).not.toContain("changes.safetensors");
  expect(files.map(({ name }) => name)).toContain("changes.safetensors");
  await rm(at("changes.safetensors"));
});

const ask = async (model: string, path: string): Promise<[number, Buffer]> => {
  const answer = await fetch(`${url}?model=${encodeURIComponent(model)}&path=${encodeURIComponent(path)}`);
  return [answer.status, Buffer.from(await answer.arrayBuffer())];
};

test.each([
  ["sd/castles", "model_index.json", `${MODEL}/model_index.json`],
  ["sd/castles", "vae/config.json", `${MODEL}/vae/config.json`],
  ["sd/castles/tokenizer", "tokenizer.json", `${MODEL}/tokenizer/tokenizer.json`],
  ["deep/style.safetensors", "", STYLE],
])("sends of %s %s", async (model, path, file) => {
  const [status, body] = await ask(model, path);
  expect(status).toBe(200);
  expect(body.equals(await readFile(file))).toBe(true);
});

test.each([
  ["sd/castles", ""],
  ["sd/castles", "../../castles.safetensors"],
  ["sd/castles", "unet/../../../castles.safetensors"],
  ["sd/castles", "link.safetensors"],
  ["sd/castles", "unet/deeper/config.json"],
  ["sd/castles", "pipeline.py"],
  ["sd", "castles/model_index.json"],
  ["link.safetensors", ""],
  ["../secret.safetensors", ""],
  ["deep/runs/one", "config.json"],
  ["deep/runs/one/state.safetensors", ""],
  [".hidden/model.safetensors", ""],
  ["tokenizer", "../castles.safetensors"],
  ["castles.safetensors", "../secret.safetensors"],
  ["", ""],
  ["\0", "\0"],
])("sends nothing of %j %j", async (model, path) => {
  const [status, body] = await ask(model, path);
  expect(status).toBe(404);
  expect(body.toString()).not.toBe("secret");
});
