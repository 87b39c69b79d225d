import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSafetensors, type TensorEntry, writeSafetensors } from "../../src/io/safetensors.ts";
import { type HostWeight, readStateDict, type StateDict, writeStateDict } from "../../src/io/state_dict.ts";
import { fixture, temporaryFolder } from "./fixtures.ts";

const SHARDED = fixture("saved_by_diffusers", "sharded");
const HALF = fixture("saved_by_diffusers", "fp16");
const WHOLE = "diffusion_pytorch_model.safetensors";
const INDEX = "diffusion_pytorch_model.safetensors.index.json";

async function expected(folder: string): Promise<StateDict> {
  const weights: StateDict = new Map();
  for (const [name, { data, shape }] of await readSafetensors(join(folder, "expected.safetensors"))) {
    if (!(data instanceof Float32Array)) throw new Error(`${name} is not float32`);
    weights.set(name, { data, shape });
  }
  return weights;
}

/** The same names, in any order, with the same weights. */
function expectSame(a: StateDict, b: StateDict): void {
  expect(Object.fromEntries(a)).toEqual(Object.fromEntries(b));
}

const small = (): Map<string, HostWeight> =>
  new Map([
    ["conv_in.weight", { shape: [2, 1, 1, 1], data: new Float32Array([1, 2]) }],
    ["conv_in.bias", { shape: [2], data: new Float32Array([3, 4]) }],
    ["norm.weight", { shape: [4], data: new Float32Array([5, 6, 7, 8]) }],
  ]);

describe("folders diffusers saved", () => {
  test("shards are read as one model", async () => {
    expectSame(await readStateDict(join(SHARDED, "unet")), await expected(SHARDED));
  });

  test("the fp16 variant is read as float32, exactly", async () => {
    expectSame(await readStateDict(join(HALF, "unet"), { variant: "fp16" }), await expected(HALF));
  });

  test("names and shapes of a reference model are torch's", async () => {
    const weights = await readStateDict(join(SHARDED, "unet"));
    expect(weights.get("conv_in.weight")!.shape).toEqual([4, 3, 3, 3]);
    expect(weights.get("down_blocks.1.attentions.0.to_out.0.weight")!.shape).toEqual([8, 8]);
  });
});

describe("writing", () => {
  test("a model is read back the same: one file, shards, half precision", async () => {
    const weights = await expected(SHARDED);
    const folder = temporaryFolder();
    await writeStateDict(folder, weights);
    expect(readdirSync(folder)).toEqual([WHOLE]);
    expectSame(await readStateDict(folder), weights);

    await writeStateDict(folder, weights, { maxShardSize: 20_000 });
    const files = readdirSync(folder).sort();
    expect(files).toHaveLength(4);
    expect(files).toContain("diffusion_pytorch_model-00001-of-00003.safetensors");
    expect(files).toContain(INDEX);
    expectSame(await readStateDict(folder), weights);

    await writeStateDict(folder, weights);
    expect(readdirSync(folder)).toEqual([WHOLE]);

    const half = await expected(HALF);
    await writeStateDict(folder, half, { variant: "fp16", dtype: "F16", maxShardSize: 10_000 });
    expect(readdirSync(folder)).toContain("diffusion_pytorch_model.safetensors.index.fp16.json");
    expectSame(await readStateDict(folder, { variant: "fp16" }), half);
    expectSame(await readStateDict(folder), weights);
  });

  test("the files are diffusers', byte for byte, when the weights come in its order", async () => {
    const order = Object.keys(JSON.parse(readFileSync(join(SHARDED, "unet", INDEX), "utf8")).weight_map);
    const weights = await readStateDict(join(SHARDED, "unet"));
    expect(order.sort()).toEqual([...weights.keys()].sort());
    const folder = temporaryFolder();
    await writeStateDict(folder, weights);
    expect(
      readFileSync(join(folder, WHOLE)).equals(readFileSync(join(SHARDED, "expected.safetensors"))),
    ).toBe(true);
  });

  test("tensors are put into shards in order; a larger one gets its own", async () => {
    const folder = temporaryFolder();
    await writeStateDict(folder, small(), { maxShardSize: 15 });
    const index = JSON.parse(readFileSync(join(folder, INDEX), "utf8"));
    expect(index).toEqual({
      metadata: { total_size: 32 },
      weight_map: {
        "conv_in.weight": "diffusion_pytorch_model-00001-of-00003.safetensors",
        "conv_in.bias": "diffusion_pytorch_model-00003-of-00003.safetensors",
        "norm.weight": "diffusion_pytorch_model-00002-of-00003.safetensors",
      },
    });
    expectSame(await readStateDict(folder), small());
  });

  test("text models have transformers' names, beside which those of diffusers stay", async () => {
    const folder = temporaryFolder();
    const library = "transformers";
    await writeStateDict(folder, small());
    await writeStateDict(folder, small(), { library });
    expect(readdirSync(folder).sort()).toEqual([WHOLE, "model.safetensors"]);
    await writeStateDict(folder, small(), { library, variant: "fp16", maxShardSize: 15 });
    await writeStateDict(folder, small(), { library, maxShardSize: 15 });
    expect(readdirSync(folder).sort()).toEqual([
      WHOLE,
      "model-00001-of-00003.safetensors",
      "model-00002-of-00003.safetensors",
      "model-00003-of-00003.safetensors",
      "model.fp16-00001-of-00003.safetensors",
      "model.fp16-00002-of-00003.safetensors",
      "model.fp16-00003-of-00003.safetensors",
      "model.safetensors.index.fp16.json",
      "model.safetensors.index.json",
    ]);
    expectSame(await readStateDict(folder, { library }), small());
    expectSame(await readStateDict(folder, { library, variant: "fp16" }), small());
    await expect(readStateDict(folder, { library, variant: "bf16" })).rejects.toThrow(
      "there is no model.bf16.safetensors, only the variant fp16 (--variant fp16) and the weights without a variant",
    );
    await expect(readStateDict(temporaryFolder(), { library })).rejects.toThrow(
      "there is no model.safetensors: choose a folder in which transformers saved a model",
    );
  });

  test("the token places of old text models are left out", async () => {
    const folder = temporaryFolder();
    const places = { data: BigInt64Array.of(0n, 1n), shape: [1, 2], dtype: "I64" } as const;
    const weight = { data: Float32Array.of(1, 2), shape: [2], dtype: "F32" } as const;
    await writeSafetensors(
      join(folder, "model.safetensors"),
      new Map<string, TensorEntry>([
        ["text_model.embeddings.position_ids", places],
        ["text_model.final_layer_norm.bias", weight],
      ]),
    );
    const read = await readStateDict(folder, { library: "transformers" });
    expect([...read.keys()]).toEqual(["text_model.final_layer_norm.bias"]);
  });

  test("options out of range are refused", async () => {
    const folder = temporaryFolder();
    await expect(writeStateDict(folder, small(), { maxShardSize: 0 })).rejects.toThrow(/maxShardSize is 0/);
    await expect(writeStateDict(folder, small(), { variant: "../x" })).rejects.toThrow(/variant "..\/x"/);
    await expect(readStateDict(folder, { variant: "a/b" })).rejects.toThrow(/variant "a\/b"/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

test("attention weights of old checkpoints come under today's names", async () => {
  const folder = temporaryFolder();
  const data = new Float32Array(1);
  const names: [string, string][] = [
    ["mid_block.attentions.0.query.weight", "mid_block.attentions.0.to_q.weight"],
    ["mid_block.attentions.0.key.bias", "mid_block.attentions.0.to_k.bias"],
    ["down_blocks.1.attentions.12.value.weight", "down_blocks.1.attentions.12.to_v.weight"],
    ["attentions.0.proj_attn.bias", "attentions.0.to_out.0.bias"],
    ["mid_block.attentions.0.group_norm.weight", "mid_block.attentions.0.group_norm.weight"],
    ["decoder.query.weight", "decoder.query.weight"],
  ];
  const old = new Map(names.map(([name], i) => [name, { shape: [1], data: data.map(() => i) }]));
  await writeSafetensors(join(folder, WHOLE), old);
  const weights = await readStateDict(folder);
  expect([...weights.keys()].sort()).toEqual(names.map(([, name]) => name).sort());
  for (const [i, [, name]] of names.entries()) expect(weights.get(name)!.data[0]).toBe(i);

  old.set("mid_block.attentions.0.to_q.weight", { shape: [1], data });
  await writeSafetensors(join(folder, WHOLE), old);
  await expect(readStateDict(folder)).rejects.toThrow(
    /gives mid_block.attentions.0.to_q.weight a second time/,
  );
});

describe("what is wrong with a folder is said in one line", () => {
  test("no folder, a file, an empty folder, another variant, a pickle", async () => {
    const folder = temporaryFolder();
    await expect(readStateDict(join(folder, "none"))).rejects.toThrow(
      /cannot read the folder: no such file or folder/,
    );
    await expect(readStateDict(folder)).rejects.toThrow(
      /there is no diffusion_pytorch_model.safetensors: choose/,
    );
    writeFileSync(join(folder, "diffusion_pytorch_model.bin"), "");
    await expect(readStateDict(folder)).rejects.toThrow(/pickle file .*safe_serialization=True/);
    await expect(readStateDict(join(folder, "diffusion_pytorch_model.bin"))).rejects.toThrow(
      /this is a file/,
    );
    await writeStateDict(folder, small(), { variant: "fp16" });
    await expect(readStateDict(folder)).rejects.toThrow(
      "there is no diffusion_pytorch_model.safetensors, only the variant fp16 (--variant fp16)",
    );
    await expect(readStateDict(folder, { variant: "bf16" })).rejects.toThrow("only the variant fp16");
    await writeStateDict(folder, small());
    await expect(readStateDict(folder, { variant: "bf16" })).rejects.toThrow(
      "there is no diffusion_pytorch_model.bf16.safetensors, only the variant fp16 (--variant fp16) and the weights without a variant (leave it out)",
    );
  });

  test("shards without their index", async () => {
    const folder = temporaryFolder();
    await writeStateDict(folder, small(), { maxShardSize: 20 });
    rmSync(join(folder, INDEX));
    await expect(readStateDict(folder)).rejects.toThrow(
      `there are shards of the weights, but not the index that says what is in them (${INDEX})`,
    );
  });

  test("weights that are whole numbers", async () => {
    const folder = temporaryFolder();
    await writeSafetensors(join(folder, WHOLE), new Map([["ids", { shape: [1], data: new Int32Array(1) }]]));
    await expect(readStateDict(folder)).rejects.toThrow(/tensor ids is I32, where a floating-point type/);
  });

  async function withIndex(index: unknown): Promise<string> {
    const folder = join(temporaryFolder(), "unet");
    mkdirSync(folder);
    await writeSafetensors(join(folder, "..", "outside.safetensors"), small());
    await writeSafetensors(join(folder, "shard.safetensors"), small());
    writeFileSync(join(folder, INDEX), JSON.stringify(index));
    return folder;
  }

  test.each([
    "../outside.safetensors",
    "/etc/passwd",
    "sub/shard.safetensors",
    "..\\outside.safetensors",
    ".hidden.safetensors",
    "shard.bin",
    "shard.safetensors\u0000",
    "",
  ])("an index that points to %j", async (file) => {
    const folder = await withIndex({ weight_map: { "conv_in.bias": file } });
    await expect(readStateDict(folder)).rejects.toThrow(
      /where the name of a .safetensors file in this folder/,
    );
  });

  test("an index that is empty, malformed, or does not agree with its shards", async () => {
    await expect(readStateDict(await withIndex({ weight_map: {} }))).rejects.toThrow(/weight_map is empty/);
    await expect(readStateDict(await withIndex({}))).rejects.toThrow(/weight_map: /);
    await expect(readStateDict(await withIndex({ weight_map: { a: 3 } }))).rejects.toThrow(/weight_map\.a: /);
    const file = "shard.safetensors";
    const names = [...small().keys()];
    const map = (keys: string[]) => ({ weight_map: Object.fromEntries(keys.map((key) => [key, file])) });
    await expect(readStateDict(await withIndex(map([...names, "more"])))).rejects.toThrow(
      /tensor more is in this file, but it is not/,
    );
    await expect(readStateDict(await withIndex(map(names.slice(1))))).rejects.toThrow(
      /the index does not say so/,
    );
    const missing = { weight_map: { "conv_in.bias": "shard-2.safetensors" } };
    await expect(readStateDict(await withIndex(missing))).rejects.toThrow(
      /shard-2.safetensors: cannot open the file: no such file/,
    );
    expectSame(await readStateDict(await withIndex(map(names))), small());
  });

  test("a lost shard", async () => {
    const folder = temporaryFolder();
    for (const name of readdirSync(join(SHARDED, "unet")).filter((file) => !file.includes("00002-of"))) {
      copyFileSync(join(SHARDED, "unet", name), join(folder, name));
    }
    await expect(readStateDict(folder)).rejects.toThrow(/00002-of-00004.safetensors: cannot open the file/);
    expect(existsSync(join(folder, INDEX))).toBe(true);
  });
});
