// Pipelines at web addresses: folders and archives, whole or in shards, and what servers answer in their place.

import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  DDPMPipeline,
  DDPMScheduler,
  type FetchProgress,
  StableDiffusionPipeline,
  zipFolder,
} from "../../src/index.ts";
import { writeStateDict } from "../../src/io/state_dict.ts";
import { fixture } from "../support/golden.ts";
import { openSite, type Site } from "../support/site.ts";
import { tinyUNet } from "./support.ts";

let folder: string;
let site: Site;
let saved: DDPMPipeline;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "imago-url-"));
  saved = new DDPMPipeline(tinyUNet(), new DDPMScheduler());
  const butterflies = join(folder, "a b", "butterflies");
  await saved.savePretrained(butterflies);
  await writeFile(join(folder, "butterflies.zip"), await zipFolder(butterflies));
  const sharded = join(folder, "sharded");
  await saved.savePretrained(sharded);
  await writeStateDict(join(sharded, "unet"), saved.unet.stateDict(), { maxShardSize: 20_000 });
  site = await openSite({ folder });
});
afterAll(async () => {
  await site?.close();
  await rm(folder, { recursive: true, force: true });
});

const leftovers = async () =>
  (await readdir(tmpdir())).filter((name) => /^imago-[0-9a-f]{8}-\d+-/.test(name));

test.each([
  ["a folder", "/a%20b/butterflies"],
  ["a folder with a slash", "/a%20b/butterflies/"],
  ["an archive", "/butterflies.zip"],
  ["weights in shards", "/sharded"],
])("%s gives the pipeline, and leaves nothing behind", async (_, path) => {
  const before = await leftovers();
  const progress: FetchProgress[] = [];
  const loaded = await DDPMPipeline.fromPretrained(`${site.url}${path}`, {
    onDownload: (done) => progress.push(done),
  });
  expect(loaded.unet.stateDict()).toEqual(saved.unet.stateDict());
  expect(loaded.scheduler.config).toEqual(saved.scheduler.config);
  const { bytes, totalBytes } = progress.at(-1) ?? {};
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBe(totalBytes);
  expect(await leftovers()).toEqual(before);
});

test("what is not there is named; a site of one page, which answers with it always, has no pipeline either", async () => {
  await expect(DDPMPipeline.fromPretrained(`${site.url}/none`)).rejects.toThrow(
    `${site.url}/none: there is no model_index.json there; expected the address of a folder that savePretrained or diffusers wrote, or of a .zip of one`,
  );
  site.put("/page/model_index.json", "<!doctype html>", { type: "text/html" });
  await expect(DDPMPipeline.fromPretrained(`${site.url}/page`)).rejects.toThrow(
    /there is no model_index\.json/,
  );
  await expect(DDPMPipeline.fromPretrained(`${site.url}/none.zip`)).rejects.toThrow(
    `${site.url}/none.zip: there is no such file on the server; check the address`,
  );
  const weights = join(folder, "sharded", "unet", "diffusion_pytorch_model.safetensors.index.json");
  await rename(weights, `${weights}.away`);
  await expect(DDPMPipeline.fromPretrained(`${site.url}/sharded`)).rejects.toThrow(
    `${site.url}/sharded: there is no unet/diffusion_pytorch_model.safetensors on the server; check the address`,
  );
  await rename(`${weights}.away`, weights);
});

test("a server that is not there, a revision, a stop", async () => {
  await expect(DDPMPipeline.fromPretrained("http://127.0.0.1:1/x")).rejects.toThrow(
    /^http:\/\/127\.0\.0\.1:1\/x\/model_index\.json: cannot be fetched \(.+\); check the address$/,
  );
  await expect(DDPMPipeline.fromPretrained(`${site.url}/sharded`, { revision: "main" })).rejects.toThrow(
    /a web address has no revision "main"/,
  );
  const reason = new Error("enough");
  await expect(
    DDPMPipeline.fromPretrained(`${site.url}/sharded`, { signal: AbortSignal.abort(reason) }),
  ).rejects.toBe(reason);
});

test.each([
  ["the tokenizer in one file", "whole"],
  ["the tokenizer in parts, with settings", "parts"],
])("a folder of Stable Diffusion, %s", async (_, name) => {
  const from = fixture("stable_diffusion/pipeline");
  const path = join(folder, name);
  await cp(from, path, { recursive: true });
  const own = await StableDiffusionPipeline.fromPretrained(from);
  if (name === "parts") {
    await rm(join(path, "tokenizer"), { recursive: true });
    await own.tokenizer.save(join(path, "tokenizer"));
    await rm(join(path, "tokenizer", "tokenizer.json"));
    const settings = join(path, "tokenizer", "tokenizer_config.json");
    await writeFile(
      settings,
      (await readFile(settings, "utf8")).replace(/"pad_token": "[^"]*"/, '"pad_token": "!"'),
    );
  }
  const loaded = await StableDiffusionPipeline.fromPretrained(`${site.url}/${name}`);
  expect(loaded.textEncoder.stateDict()).toEqual(own.textEncoder.stateDict());
  const { tokenizer } = await StableDiffusionPipeline.fromPretrained(path);
  expect(loaded.tokenizer.encode(["a cat"])).toEqual(tokenizer.encode(["a cat"]));
});
