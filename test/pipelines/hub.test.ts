import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { RePaintPipeline } from "../../src/pipelines/repaint_pipeline.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { TOKEN } from "../io/hub_server.ts";
import { fixture } from "../support/golden.ts";
import { filesOf, testHub } from "../support/hub.ts";
import { tinyUNet } from "./support.ts";

const hub = testHub();
let folder: string;
let files: Record<string, Buffer>;
beforeAll(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "imago-hub-pipeline-")), "pipeline");
  await new DDPMPipeline(tinyUNet(), new DDPMScheduler()).savePretrained(folder);
  files = await filesOf(folder);
});
afterAll(() => rm(join(folder, ".."), { recursive: true, force: true }));

const lines = (work: Promise<unknown>) =>
  work.then(
    () => "no error",
    (error: Error) => error.message,
  );
const downloaded = () =>
  hub.paths.filter((path) => /resolve/.test(path)).map((path) => path.replace(/.*\/[0-9a-f]{40}\//, ""));
const weights = (pipeline: DDPMPipeline | RePaintPipeline) =>
  [...pipeline.unet.stateDict().values()].map(({ data }) => data);

test("of a repository only what the pipeline needs is downloaded, once, and it is the same model", async () => {
  const more = {
    "README.md": "# Hi",
    "samples.png": "x".repeat(5000),
    "unet/diffusion_pytorch_model.bin": "x".repeat(5000),
    "unet/diffusion_pytorch_model.fp16.safetensors": "x".repeat(5000),
  };
  hub.add("me/butterflies", { ...files, ...more });
  const bytes: number[] = [];
  const pipeline = await DDPMPipeline.fromPretrained("me/butterflies", {
    onDownload: (progress) => bytes.push(progress.bytes),
  });
  const local = await DDPMPipeline.fromPretrained(folder);
  expect(weights(pipeline)).toEqual(weights(local));
  expect(pipeline.scheduler.toConfig()).toEqual(local.scheduler.toConfig());
  expect(downloaded().sort()).toEqual([
    "model_index.json",
    "scheduler/scheduler_config.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
  ]);
  expect(bytes.at(-1)).toBeGreaterThan(40_000);
  hub.forget();
  expect(weights(await RePaintPipeline.fromPretrained("hf:me/butterflies"))).toEqual(weights(local));
  expect(hub.paths).toEqual(["GET /api/models/me/butterflies/revision/main"]);
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  hub.forget();
  expect(weights(await DDPMPipeline.fromPretrained("me/butterflies"))).toEqual(weights(local));
  expect(await lines(DDPMPipeline.fromPretrained("me/butterflies", { variant: "fp16" }))).toContain(
    "is not in the cache",
  );
  expect(hub.paths).toEqual([]);
  vi.stubEnv("HF_HUB_OFFLINE", "");
});

test("the flat repositories of 2022, variants, shards, revisions and tokens", async () => {
  const flat = Object.entries(files).map(([path, data]) => [path.replace(/^(unet|scheduler)\//, ""), data]);
  hub.add("google/ddpm-tiny", {
    ...Object.fromEntries(flat),
    "diffusion_pytorch_model.bin": "x".repeat(5000),
  });
  expect(weights(await DDPMPipeline.fromPretrained("google/ddpm-tiny"))).toEqual(
    weights(await DDPMPipeline.fromPretrained(folder)),
  );

  const saved = (name: string) =>
    fileURLToPath(new URL(`../fixtures/saved_by_diffusers/${name}`, import.meta.url));
  for (const [name, options] of [
    ["fp16", { variant: "fp16" }],
    ["sharded", {}],
  ] as const) {
    hub.add(`me/${name}`, await filesOf(saved(name)));
    const [local, remote] = await Promise.all(
      [saved(name), `hf:me/${name}`].map((source) => DDPMPipeline.fromPretrained(source, options)),
    );
    expect(remote && weights(remote)).toEqual(local && weights(local));
  }

  const first = hub.add("me/versions", files, { isPrivate: true });
  hub.add("me/versions", { "model_index.json": "not JSON" });
  const token = TOKEN;
  await DDPMPipeline.fromPretrained("me/versions", { token, revision: first });
  await DDPMPipeline.fromPretrained(`hf:me/versions@${first}`, { token });
  expect(await lines(DDPMPipeline.fromPretrained("me/versions", { token }))).toContain(
    "this is not JSON text",
  );
  expect(await lines(DDPMPipeline.fromPretrained("me/versions"))).toContain(
    "there is no such repository, or it is private",
  );
  expect(
    await lines(DDPMPipeline.fromPretrained(`hf:me/versions@${first}`, { token, revision: "main" })),
  ).toBe(`hf:me/versions@${first} names one revision, and main is another; give one`);
  expect(await lines(DDPMPipeline.fromPretrained(folder, { revision: "main" }))).toContain(
    "a folder has no revision",
  );
});

test("what is no pipeline of ours is told before anything large comes", async () => {
  const index = files["model_index.json"]?.toString() ?? "";
  const bin = Object.entries(files).map(([path, data]) => [path.replace("safetensors", "bin"), data]);
  for (const [id, content, message] of [
    ["me/pickled", Object.fromEntries(bin), /^hf:me\/pickled\/unet: the weights are a pickle file \(\.bin\)/],
    ["me/data", { "train.csv": "a,b" }, /^hf:me\/data: there is no model_index.json in it/],
    [
      "me/sd",
      { ...files, "model_index.json": index.replaceAll("UNet2DModel", "UNet2DConditionModel") },
      /^hf:me\/sd: the model is a UNet2DConditionModel, expected a UNet2DModel$/,
    ],
    [
      "me/bare",
      { "model_index.json": index, "unet/config.json": "{}" },
      /^hf:me\/bare\/unet: there is no diffusion_pytorch_model.safetensors/,
    ],
    [
      "me/half",
      { ...files, "scheduler/scheduler_config.json": "[]" },
      /scheduler_config.json: an object was expected/,
    ],
  ] as const) {
    hub.add(id, content);
    hub.forget();
    expect(await lines(DDPMPipeline.fromPretrained(id))).toMatch(message);
    if (id !== "me/half") expect(hub.asked.filter(({ host }) => host === "cdn")).toEqual([]);
  }
  expect(await lines(DDPMPipeline.fromPretrained("me/nothing"))).toContain(
    "hf:me/nothing: there is no such repository",
  );
  expect(await lines(DDPMPipeline.fromPretrained("me/no/repo"))).toContain("no such file or folder");
});

test("of Stable Diffusion only the files of the variant are downloaded, of every component", async () => {
  const own = await StableDiffusionPipeline.fromPretrained(fixture("stable_diffusion/pipeline"));
  const path = join(folder, "..", "prompts");
  await own.savePretrained(path, { dtype: "fp16", variant: "fp16", maxShardSize: 100_000 });
  const half = await filesOf(path);
  const more = {
    "v1-5.ckpt": "x",
    "safety_checker/model.safetensors": "x",
    "vae/diffusion_pytorch_model.bin": "x",
  };
  hub.add("me/prompts", { ...(await filesOf(fixture("stable_diffusion/pipeline"))), ...half, ...more });
  hub.forget();
  const pipeline = await StableDiffusionPipeline.fromPretrained("me/prompts", { variant: "fp16" });
  const local = await StableDiffusionPipeline.fromPretrained(path, { variant: "fp16" });
  expect(pipeline.unet.stateDict()).toEqual(local.unet.stateDict());
  expect(pipeline.textEncoder.stateDict()).toEqual(local.textEncoder.stateDict());
  const stored = downloaded().filter((name) => /safetensors|\.bin|\.ckpt/.test(name));
  expect(stored.sort()).toEqual([
    "text_encoder/model.fp16.safetensors",
    "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors",
    "unet/diffusion_pytorch_model.fp16-00002-of-00002.safetensors",
    "unet/diffusion_pytorch_model.safetensors.index.fp16.json",
    "vae/diffusion_pytorch_model.fp16.safetensors",
  ]);
});
