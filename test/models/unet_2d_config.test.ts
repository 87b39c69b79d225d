// The config of UNet2DModel: diffusers' JSON in and out, the shapes of well-known models, and errors.

import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { input } from "../../src/engine/tensor.ts";
import { toPythonJson } from "../../src/io/diffusers_json.ts";
import {
  ModelConfigError,
  type UNet2DOptions,
  unet2DConfigs,
  unet2DFloatKeys,
} from "../../src/models/unet_2d_config.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { fixture, readJsonFixture } from "../support/golden.ts";

/** The diffusers that wrote the fixtures. */
const FIXTURE_VERSION = "0.40.0.dev0";

describe("well-known models", () => {
  test.each([
    ["butterflies32", 18_536_323],
    ["cifar10_32", 35_746_307],
    ["butterflies128", 113_673_219],
  ])("%s has diffusers' size, keys and shapes, and writes its config to the byte", async (name, size) => {
    const folder = `checkpoint_layout/${name}`;
    const text = await readFile(fixture(`${folder}/unet/config.json`), "utf8");
    const model = UNet2DModel.fromConfig(JSON.parse(text));
    const keys = (await readFile(fixture(`${folder}/keys.txt`), "utf8")).trim().split("\n");
    const own = [...model.namedParameters()].map(([key, p]) => `${key}\t[${p.torchShape.join(", ")}]`);
    expect(own.toSorted()).toEqual(keys.toSorted());
    expect(model.parameterCount).toBe(size);
    const json = { ...model.toConfig(), _diffusers_version: FIXTURE_VERSION };
    expect(toPythonJson(json, unet2DFloatKeys)).toBe(text);
  });
});

describe("reading a config", () => {
  test("leaves out private keys and names unknown ones", () => {
    const { config, ignored } = unet2DConfigs.fromJson({
      _diffusers_version: "0.1",
      in_channels: 1,
      colour: 3,
    });
    expect(config.inChannels).toBe(1);
    expect(ignored).toEqual(["colour"]);
  });

  test("gives diffusers' defaults for what is missing", () => {
    expect(unet2DConfigs.resolve({})).toMatchObject({
      blockOutChannels: [224, 448, 672, 896],
      layersPerBlock: 2,
      attentionHeadDim: 8,
      normEps: 1e-5,
    });
  });

  test.each([
    [
      { _class_name: "UNet2DConditionModel" },
      "for the class UNet2DConditionModel; only UNet2DModel is known",
    ],
    [{ layers_per_block: 1.5 }, "layers_per_block"],
    [{ layers_per_block: 1_000_000_000 }, "layers_per_block: Invalid value: Expected <=32"],
    [{ act_fn: "tanhshrink" }, "act_fn"],
    [{ block_out_channels: [] }, "block_out_channels"],
    [{ block_out_channels: [32, "64"] }, "block_out_channels.1"],
    [{ dropout: 1 }, "dropout"],
    [[], "expected a JSON object"],
    ["UNet2DModel", "expected a JSON object"],
  ])("refuses %j", (json, message) => {
    expect(() => unet2DConfigs.fromJson(json)).toThrow(ModelConfigError);
    expect(() => unet2DConfigs.fromJson(json)).toThrow(message);
  });
});

/** A small model to change one option of. */
const small: UNet2DOptions = {
  blockOutChannels: [8, 16],
  downBlockTypes: ["DownBlock2D", "AttnDownBlock2D"],
  upBlockTypes: ["AttnUpBlock2D", "UpBlock2D"],
  layersPerBlock: 1,
  normNumGroups: 4,
};

describe("options that do not fit are told in one line", () => {
  test.each([
    [{ downBlockTypes: ["DownBlock2D"] }, "2 block_out_channels want as many down_block_types"],
    [
      { downBlockTypes: ["DownBlock2D", "CrossAttnDownBlock2D"] },
      "unknown down block type CrossAttnDownBlock2D; known are DownBlock2D",
    ],
    [{ upBlockTypes: ["toString", "UpBlock2D"] }, "unknown up block type toString"],
    [{ midBlockType: "UNetMidBlock2DCrossAttn" }, "unknown mid block type"],
    [{ normNumGroups: 3 }, "cannot cut 8 channels into 3 groups"],
    [{ attentionHeadDim: 32 }, "wider than the block's 16"],
    [{ timeEmbeddingType: "learned" as const }, "wants num_train_timesteps"],
    [{ blockOutChannels: [2, 16], normNumGroups: 1, freqShift: 1 }, "has no frequencies"],
  ])("%j", (change, message) => {
    const build = () => new UNet2DModel({ ...small, ...change });
    expect(build).toThrow(ModelConfigError);
    expect(build).toThrow(message);
    expect(build).not.toThrow(/\n/);
  });
});

describe("inputs that do not fit are told in one line", () => {
  const model = new UNet2DModel(small);
  const classes = new UNet2DModel({ ...small, numClassEmbeds: 3 });
  const sample = input([2, 8, 8, 3]);
  const timestep = input([2], "i32");
  const classLabels = input([2], "i32");
  test.each([
    ["channels", () => model.forward(input([2, 8, 8, 1]), timestep), "wants a sample [N, H, W, 3]"],
    ["rank", () => model.forward(input([8, 8, 3]), timestep), "wants a sample [N, H, W, 3]"],
    ["size", () => model.forward(input([2, 8, 7, 3]), timestep), "multiples of 2"],
    ["timesteps", () => model.forward(sample, input([1], "i32")), "one timestep for each of 2 images"],
    ["labels unwanted", () => model.forward(sample, timestep, { classLabels }), "not class-conditional"],
    ["labels missing", () => classes.forward(sample, timestep), "wants classLabels [2], got none"],
  ] as const)("%s", (_, forward, message) => {
    expect(forward).toThrow(message);
  });
});

test("block types may carry the old prefix UNetRes", async () => {
  const model = new UNet2DModel({
    ...small,
    downBlockTypes: ["UNetResDownBlock2D", "UNetResAttnDownBlock2D"],
  });
  expect([...model.namedParameters().keys()]).toEqual([...new UNet2DModel(small).namedParameters().keys()]);
});

test("a model without a mid block has none of its keys", async () => {
  const model = new UNet2DModel({ ...small, midBlockType: null });
  expect([...model.namedParameters().keys()].filter((key) => key.startsWith("mid_block"))).toEqual([]);
  expect(model.forward(input([1, 8, 8, 3]), input([1])).shape).toEqual([1, 8, 8, 3]);
});

test("the fixtures' configs read and write back to the same", async () => {
  const json = await readJsonFixture("unet2d/scale_shift.config.json");
  const again = { ...UNet2DModel.fromConfig(json).toConfig(), _diffusers_version: FIXTURE_VERSION };
  expect(again).toEqual(json);
});
