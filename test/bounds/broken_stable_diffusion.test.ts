// Broken files of Stable Diffusion: folders, single files and LoRAs with damage of every kind are refused in one line that
// names the file, quickly and with little memory.

import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { createBackend } from "../../src/engine/backends/create.ts";
import { readStateDict, writeStateDict } from "../../src/io/state_dict.ts";
import { PipelineError } from "../../src/pipelines/errors.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { FileError } from "../../src/platform/errors.ts";
import { testFolder } from "../support/folder.ts";
import { fixture } from "../support/golden.ts";
import {
  type Change,
  fieldChanges,
  headerChanges,
  otherFormats,
  tensorChanges,
  truncations,
} from "./broken_safetensors.ts";
import { damage } from "./damage.ts";
import { fuzzed } from "./odd_values.ts";
import { type ExpectRefusal, refusalsFromNow } from "./refusal.ts";

const SOUND = fixture("stable_diffusion/pipeline");
const folder = testFolder();

let backend: Backend;
let sound: StableDiffusionPipeline;
let refusal: ExpectRefusal;
beforeAll(async () => {
  backend = await createBackend({ backend: "wasm", threads: 1 });
  sound = await StableDiffusionPipeline.fromPretrained(SOUND, { backend });
  await draw(sound);
  await sound.saveSingleFile(folder("sound.safetensors"));
  refusal = refusalsFromNow();
});
afterAll(() => backend.close());

const draw = (pipeline: StableDiffusionPipeline) =>
  pipeline.generate({
    prompt: "a cat",
    steps: 1,
    guidanceScale: 1,
    height: 16,
    width: 16,
    scheduler: "ddim",
  });

let copies = 0;

/** A copy of the sound pipeline. */
async function copied(): Promise<string> {
  const path = folder(`pipeline-${copies++}`);
  await cp(SOUND, path, { recursive: true });
  return path;
}

async function expectBroken(damage: (path: string) => Promise<unknown>, named = ""): Promise<void> {
  const path = await copied();
  await damage(path);
  const use = async () => draw(await StableDiffusionPipeline.fromPretrained(path, { backend }));
  await refusal(use, named);
  await rm(path, { recursive: true });
}

/** Damages one file of a pipeline. */
const expectBrokenFile = (file: string, change: Change, named = file.split("/")[0]) =>
  expectBroken(async (path) => {
    const at = join(path, file);
    await writeFile(at, change(await readFile(at)));
  }, named);

const UNET = "unet/diffusion_pytorch_model.safetensors";
const VAE = "vae/diffusion_pytorch_model.safetensors";
const TEXT = "text_encoder/model.safetensors";

describe.each([UNET, VAE, TEXT])("the weights %s", (file) => {
  const short = file !== UNET;
  const few = <T>(cases: readonly T[]) => (short ? cases.filter((_, i) => i % 3 === 0) : cases);

  test.each(few(truncations))("cut: %s", (_, change) => expectBrokenFile(file, change));
  test.each(few(headerChanges))("header: %s", (_, change) => expectBrokenFile(file, change));
  test.each(few(tensorChanges))("tensors: %s", (_, change) => expectBrokenFile(file, change));
  test.each(few(otherFormats))("%s in their place", (_, change) => expectBrokenFile(file, change));
});

describe("shards", () => {
  const INDEX = "diffusion_pytorch_model.safetensors.index.json";
  type Index = { weight_map: Record<string, unknown> };
  const sharded = async (path: string, change: (index: Index, unet: string) => unknown) => {
    const unet = join(path, "unet");
    await writeStateDict(unet, await readStateDict(unet), { maxShardSize: 40_000 });
    const index: Index = JSON.parse(await readFile(join(unet, INDEX), "utf8"));
    const changed = (await change(index, unet)) ?? index;
    if (changed !== false) {
      await writeFile(join(unet, INDEX), typeof changed === "string" ? changed : JSON.stringify(changed));
    }
  };
  const moved = (to: unknown) => (index: Index) => {
    const [name = ""] = Object.keys(index.weight_map);
    index.weight_map[name] = to;
  };
  const first = (index: Index): string => String(Object.values(index.weight_map)[0]);

  test.each<[string, (index: Index, unet: string) => unknown]>([
    ["a path upwards", moved("../vae/diffusion_pytorch_model.safetensors")],
    ["a path downwards", moved("a/b.safetensors")],
    ["an absolute path", moved("/etc/passwd")],
    ["a web address", moved("https://example.com/a.safetensors")],
    ["no name", moved("")],
    ["a hidden file", moved("..safetensors")],
    ["the index itself", moved(INDEX)],
    ["a pickle", moved("pytorch_model.bin")],
    ["a file that is not there", moved("other.safetensors")],
    ["a control character", moved("a\u0000.safetensors")],
    ["a number", moved(3)],
    ["a list", moved(["a.safetensors"])],
    ["another shard than the tensor's", (index) => moved(Object.values(index.weight_map).at(-1))(index)],
    ["a tensor that is nowhere", (index) => Object.assign(index.weight_map, { nowhere: first(index) })],
    ["no tensors", () => ({ weight_map: {} })],
    ["no map", () => ({ metadata: {} })],
    ["a map that is a list", () => ({ weight_map: [] })],
    ["a list", () => []],
    ["no JSON", () => '{"weight_map": '],
    ["NaN", () => '{"weight_map": NaN}'],
    [
      "half of the tensors",
      (index) => ({ weight_map: Object.fromEntries(Object.entries(index.weight_map).slice(0, 5)) }),
    ],
    ["a shard that is away", (index, unet) => rm(join(unet, first(index)))],
    [
      "a shard that is a link to itself",
      async (index, unet) => {
        await rm(join(unet, first(index)));
        await symlink(first(index), join(unet, first(index)));
      },
    ],
    [
      "a shard that is a folder",
      async (index, unet) => {
        await rm(join(unet, first(index)));
        await mkdir(join(unet, first(index)));
      },
    ],
    [
      "no index beside them",
      async (_, unet) => {
        await rm(join(unet, INDEX));
        return false;
      },
    ],
  ])("index: %s", (_, change) => expectBroken((path) => sharded(path, change), "unet"));
});

describe("configs", () => {
  const numbers = [0, -1, 1e9, 1e300, 4.5, "4", true, [], {}];
  const lists = [[], [0], [-8, 8], [1e9, 1e9], [65536, 65536], "x", [["8"]], 7];
  const unet = fieldChanges({
    in_channels: [...numbers, null],
    out_channels: numbers,
    block_out_channels: lists,
    down_block_types: [[], ["DownBlock2D"], ["Up", "Down"], [3, 4], "DownBlock2D"],
    mid_block_type: ["UNetMidBlock2D", 3],
    layers_per_block: [0, -1, 33, 1e9, [1], 2.5],
    attention_head_dim: [0, -1, 1e9, 3, [2], 0.5],
    cross_attention_dim: [0, -1, 1e12, 13, "x"],
    transformer_layers_per_block: [0, 1e9, [1, 1, 1, 1, 1]],
    norm_num_groups: [0, -1, 7, 1e9],
    norm_eps: [0, -1e-5, "x"],
    sample_size: [0, -1, 1e9, 2.5, [1, 2, 3]],
    time_embedding_type: ["fourier", 1],
    addition_embed_type: ["text_image", 3],
    class_embed_type: ["none", 1],
    encoder_hid_dim: [12],
    act_fn: ["swish2", 3],
    _class_name: ["UNet2DModel", "__proto__", "UNet2DConditionModel\n"],
  });
  test.each(unet)("unet: %s", (_, change) => expectBrokenFile("unet/config.json", change));

  const text = fieldChanges({
    hidden_size: [0, -1, 1e9, 13, "x"],
    intermediate_size: [0, 1e9],
    num_hidden_layers: [0, 4, 65, 1e9, "3"],
    num_attention_heads: [0, 5, -2],
    vocab_size: [0, -1, 10, 1e12],
    max_position_embeddings: [0, 76, 1e9],
    hidden_act: ["mish2", null],
    layer_norm_eps: [0, -1],
    model_type: ["bert", 3],
  });
  test.each(text)("text encoder: %s", (_, change) => expectBrokenFile("text_encoder/config.json", change));

  const vae = fieldChanges({
    latent_channels: [0, 3, -4, 1e9],
    in_channels: [0, 1e9, 4],
    block_out_channels: lists,
    scaling_factor: [0, -1, "x"],
    shift_factor: ["x", {}],
    norm_num_groups: [0, 7],
    layers_per_block: [0, 1e9],
    latents_mean: [[1], "x"],
    down_block_types: [["DownEncoderBlock2D", "X"], []],
    _class_name: ["AutoencoderKLX", "VQModel"],
  });
  test.each(vae)("autoencoder: %s", (_, change) => expectBrokenFile("vae/config.json", change));

  const scheduler = fieldChanges({
    num_train_timesteps: [0, -1, 1e9, "x", 1.5],
    beta_start: ["x", -1, []],
    beta_schedule: ["cubic", 3],
    trained_betas: ["x", [2]],
    prediction_type: ["z", 0],
    _class_name: ["NoScheduler", "toString", 3],
  });
  test.each(scheduler)("scheduler: %s", (_, change) =>
    expectBrokenFile("scheduler/scheduler_config.json", change),
  );

  const index = fieldChanges({
    _class_name: ["FluxPipeline", 3, null, [], "__proto__"],
    unet: [["diffusers", "UNet2DModel"], [null, null], "unet", ["diffusers"]],
    vae: [
      ["diffusers", "AutoencoderDC"],
      [null, null],
    ],
    text_encoder: [
      ["transformers", "T5EncoderModel"],
      [null, null],
    ],
    tokenizer: [
      ["transformers", "T5Tokenizer"],
      [null, null],
    ],
    scheduler: [[null, null], 3],
    controlnet: [["diffusers", "ControlNetModel"]],
    "../unet": [["diffusers", "UNet2DConditionModel"]],
    id2label: [{ a: "b" }, 3],
  });
  test.each(index)("model_index.json: %s", (_, change) => expectBrokenFile("model_index.json", change, ""));

  const texts: [string, Change][] = [
    ["nothing", () => ""],
    ["a list", () => "[]"],
    ["a number", () => "1e999"],
    ["null", () => "null"],
    ["half of it", (bytes) => bytes.subarray(0, bytes.length / 2)],
    ["no UTF-8", () => Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ["brackets", () => "[".repeat(1e6)],
    ["very many values", () => `[${"{},".repeat(2 ** 21)}0]`],
    ["17 MB", () => " ".repeat(17 * 2 ** 20)],
    ["HTML", () => "<!doctype html><html></html>"],
  ];
  const jsons = [
    "model_index.json",
    "unet/config.json",
    "text_encoder/config.json",
    "scheduler/scheduler_config.json",
  ];
  const files = [...jsons, "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"];
  describe.each(files)("%s", (file) => {
    test.each(texts)("%s", (_, change) => expectBrokenFile(file, change, file));
  });
});

describe("tokenizers", () => {
  const model = (change: object) => (bytes: Buffer) => {
    const json = JSON.parse(`${bytes}`);
    return JSON.stringify({ ...json, model: { ...json.model, ...change } });
  };
  test.each<[string, Change]>([
    ["another model", model({ type: "WordPiece" })],
    ["another end of words", model({ end_of_word_suffix: "" })],
    ["a vocabulary of texts", model({ vocab: { a: "b" } })],
    ["a negative number", model({ vocab: { a: -1 } })],
    ["a broken number", model({ vocab: { a: 0.5 } })],
    ["a huge number", model({ vocab: { a: 1e12 } })],
    ["a vocabulary that is a list", model({ vocab: ["a"] })],
    ["no vocabulary", model({ vocab: {} })],
    ["merges that are a text", model({ merges: "a b" })],
    ["merges of three tokens", model({ merges: ["a b c"] })],
    ["merges of unknown tokens", model({ merges: [["§§", "¶¶"]] })],
    [
      "added tokens without numbers",
      (bytes) => JSON.stringify({ ...JSON.parse(`${bytes}`), added_tokens: [{}] }),
    ],
    [
      "an added token that is nothing",
      (bytes) => JSON.stringify({ ...JSON.parse(`${bytes}`), added_tokens: [{ id: 1, content: "" }] }),
    ],
  ])("tokenizer.json: %s", (_, change) => expectBrokenFile("tokenizer/tokenizer.json", change));

  const settings = fieldChanges({
    bos_token: [3, "<|never|>", { content: 3 }],
    eos_token: [[], "<|never|>"],
    pad_token: ["<|never|>", true],
    model_max_length: ["77", {}],
  });
  test.each(settings)("settings: %s", (_, change) =>
    expectBrokenFile("tokenizer/tokenizer_config.json", change),
  );

  test("a vocabulary larger than the text encoder's", () =>
    expectBrokenFile(
      "tokenizer/tokenizer.json",
      (bytes) => `${bytes}`.replaceAll(/:\s*2012\b/g, ":90000"),
      "they are of different models",
    ));

  test.each<[string, string]>([
    ["merges.txt", "a b c\n"],
    ["merges.txt", "§§ ¶¶\n"],
    ["merges.txt", "\u0000"],
    ["vocab.json", "[]"],
    ["vocab.json", '{"a": -1}'],
    ["vocab.json", "{}"],
  ])("%s: %j", (file, content) =>
    expectBroken(async (path) => {
      const tokenizer = join(path, "tokenizer");
      await sound.tokenizer.save(tokenizer);
      await rm(join(tokenizer, "tokenizer.json"));
      await writeFile(join(tokenizer, file), content);
    }, "tokenizer"),
  );
});

describe("folders", () => {
  const parts = ["unet", "vae", "text_encoder", "tokenizer", "scheduler"];
  const weights = [
    UNET,
    VAE,
    TEXT,
    "unet/config.json",
    "tokenizer/tokenizer.json",
    "scheduler/scheduler_config.json",
  ];
  const all = [...parts, ...weights];

  test.each(all)("%s is away", (name) =>
    expectBroken((path) => rm(join(path, name), { recursive: true }), name.split("/")[0]),
  );
  test.each(parts)("%s is a file", (name) =>
    expectBroken(async (path) => {
      await rm(join(path, name), { recursive: true });
      await writeFile(join(path, name), "x");
    }, name),
  );
  test.each(all)("%s is a link to itself", (name) =>
    expectBroken(async (path) => {
      await rm(join(path, name), { recursive: true });
      await symlink(join(path, name), join(path, name));
    }, name.split("/")[0]),
  );
  test.each(weights)("%s is a folder", (name) =>
    expectBroken(async (path) => {
      await rm(join(path, name));
      await mkdir(join(path, name));
    }, name.split("/")[0]),
  );
  test("weights of another model", () =>
    expectBroken((path) => cp(join(path, VAE), join(path, UNET)), "unet"));
  test("pickles in place of weights", () =>
    expectBroken(async (path) => {
      await rm(join(path, UNET));
      await writeFile(join(path, dirname(UNET), "diffusion_pytorch_model.bin"), "PK");
    }, "the weights are a pickle file (.bin)"));
});

describe("single files", () => {
  const use = (file: string) => async () =>
    draw(await StableDiffusionPipeline.fromSingleFile(file, { config: SOUND, backend }));
  // What belongs to none of the models is left out.
  const inModels = tensorChanges.filter(([name]) => name !== "an empty one more");
  const cases = [...truncations, ...headerChanges, ...inModels, ...otherFormats];
  test.each(cases)("%s", async (_, change) => {
    const file = folder("broken.safetensors");
    await writeFile(file, change(await readFile(folder("sound.safetensors"))));
    await refusal(use(file), "broken.safetensors");
  });
});

describe("LoRAs", () => {
  const cases = [...truncations, ...headerChanges, ...tensorChanges, ...otherFormats];
  test.each(cases)("%s", async (_, change) => {
    const file = folder("broken_lora.safetensors");
    await writeFile(file, change(await readFile(fixture("stable_diffusion/lora/peft.safetensors"))));
    await refusal(() => sound.loadLoraWeights(file), "broken_lora.safetensors");
  });
});

test("random damage to any file is explained, or changes nothing that counts", async () => {
  const files = [
    ...[
      UNET,
      VAE,
      TEXT,
      "model_index.json",
      "unet/config.json",
      "vae/config.json",
      "text_encoder/config.json",
    ],
    ...["scheduler/scheduler_config.json", "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"],
  ];
  const path = await copied();
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...files), damage, async (file, damaged) => {
      const at = join(path, file);
      const bytes = await readFile(at);
      await writeFile(at, damaged(bytes));
      try {
        await StableDiffusionPipeline.fromPretrained(path, { backend });
      } catch (error) {
        expect(error instanceof PipelineError || error instanceof FileError, `${file}: ${error}`).toBe(true);
        expect(error instanceof Error && error.message).not.toMatch(/\p{Cc}/u);
      }
      await writeFile(at, bytes);
    }),
    fuzzed(300),
  );
});
