// UNet2DConditionModel: its config, its conditions, and what does not fit.

import { describe, expect, test } from "vitest";
import { input } from "../../src/engine/tensor.ts";
import { ModelConfigError } from "../../src/models/model_config.ts";
import {
  type UNet2DConditionOptions,
  unet2DConditionConfigs,
} from "../../src/models/unet_2d_condition_config.ts";
import { UNet2DConditionModel } from "../../src/models/unet_2d_condition_model.ts";
import { readJsonFixture } from "../support/golden.ts";

/** A small model to change one option of. */
const small: UNet2DConditionOptions = {
  blockOutChannels: [8, 16],
  downBlockTypes: ["CrossAttnDownBlock2D", "DownBlock2D"],
  upBlockTypes: ["UpBlock2D", "CrossAttnUpBlock2D"],
  layersPerBlock: 1,
  normNumGroups: 4,
  attentionHeadDim: 2,
  crossAttentionDim: 6,
};
const sizes: UNet2DConditionOptions = {
  additionEmbedType: "text_time",
  additionTimeEmbedDim: 4,
  projectionClassEmbeddingsInputDim: 30,
};

describe("reading a config", () => {
  test("gives diffusers' defaults for what is missing", () => {
    expect(unet2DConditionConfigs.resolve({})).toMatchObject({
      blockOutChannels: [320, 640, 1280, 1280],
      crossAttentionDim: 1280,
      attentionHeadDim: 8,
      useLinearProjection: false,
    });
  });

  test.each(["unet_sd1", "unet_sdxl", "unet_lcm"])(
    "knows every key of %s, and writes them back",
    async (name) => {
      const json = await readJsonFixture(`stable_diffusion/${name}.config.json`);
      const { config, ignored } = unet2DConditionConfigs.fromJson(json);
      expect(ignored).toEqual([]);
      expect(new UNet2DConditionModel(config).toConfig()).toEqual(json);
    },
  );

  test.each([
    [{ _class_name: "UNet2DModel" }, "for the class UNet2DModel; only UNet2DConditionModel is known"],
    [{ layers_per_block: 1_000_000_000 }, "layers_per_block: Invalid"],
    [{ transformer_layers_per_block: [1, 2, 1e9, 1] }, "transformer_layers_per_block"],
    [{ block_out_channels: [320, 1e8, 1280, 1280] }, "block_out_channels.1: Invalid value: Expected <=65536"],
    [{ block_out_channels: Array(13).fill(32) }, "block_out_channels: Invalid length: Expected <=12"],
    [
      { encoder_hid_dim_type: "text_proj" },
      'encoder_hid_dim_type: Invalid type: Expected null but received "text_proj"',
    ],
    [{ addition_embed_type: "image" }, "addition_embed_type"],
    [{ only_cross_attention: true }, "only_cross_attention"],
    [{ class_embed_type: "simple_projection" }, "class_embed_type"],
    [{ time_embedding_type: "fourier" }, 'time_embedding_type: Invalid type: Expected "positional"'],
    [{ mid_block_type: "UNetMidBlock2DSimpleCrossAttn" }, "mid_block_type"],
    [{ conv_in_kernel: 4 }, "conv_in_kernel: an odd number was expected"],
    ["x", "expected a JSON object"],
  ])("refuses %j", (json, message) => {
    const read = () => UNet2DConditionModel.fromConfig(json);
    expect(read).toThrow(ModelConfigError);
    expect(read).toThrow(message);
    expect(read).not.toThrow(/\n/);
  });
});

describe("options that do not fit are told in one line", () => {
  test.each<[UNet2DConditionOptions, string]>([
    [{ attentionHeadDim: [2] }, "2 block_out_channels want as many attention_head_dim, got 1"],
    [{ upBlockTypes: ["UpBlock2D"] }, "2 block_out_channels want as many up_block_types, got 1"],
    [
      { downBlockTypes: ["toString", "DownBlock2D"] },
      "unknown down block type toString; known are DownBlock2D, CrossAttnDownBlock2D",
    ],
    [{ upBlockTypes: ["UpBlock2D", "AttnUpBlock2D"] }, "unknown up block type AttnUpBlock2D"],
    [{ attentionHeadDim: 3 }, "8 channels cannot be shared out among 3 attention heads"],
    [{ normNumGroups: 3 }, "cannot cut 8 channels into 3 groups"],
    [{ crossAttentionDim: [6, 7] }, "cross_attention_dim differs from level to level"],
    [{ classEmbedType: "projection" }, "want projection_class_embeddings_input_dim"],
    [{ ...sizes, projectionClassEmbeddingsInputDim: null }, "want projection_class_embeddings_input_dim"],
    [{ ...sizes, additionTimeEmbedDim: null }, "wants addition_time_embed_dim"],
    [{ layersPerBlock: 32, transformerLayersPerBlock: 32 }, "make 2048 blocks of transformers"],
    [{ blockOutChannels: [65536, 65536] }, "M fit into memory"],
  ])("%j", (change, message) => {
    const build = () => new UNet2DConditionModel({ ...small, ...change });
    expect(build).toThrow(ModelConfigError);
    expect(build).toThrow(message);
    expect(build).not.toThrow(/\n/);
  });
});

describe("its conditions", () => {
  const shapesOf = (options: UNet2DConditionOptions, ...more: [{ tokens?: number; timeIds?: number }?]) => {
    const conditions = new UNet2DConditionModel({ ...small, ...options }).conditionsFor(3, ...more);
    return Object.fromEntries(Object.entries(conditions).map(([name, { shape }]) => [name, shape]));
  };

  test("are those of its config", () => {
    expect(shapesOf({})).toEqual({ encoderHiddenStates: [3, 77, 6] });
    expect(shapesOf({ numClassEmbeds: 4, timeCondProjDim: 5 }, { tokens: 9 })).toEqual({
      classLabels: [3],
      encoderHiddenStates: [3, 9, 6],
      timestepCond: [3, 5],
    });
    expect(shapesOf(sizes)).toEqual({ encoderHiddenStates: [3, 77, 6], textEmbeds: [3, 6], timeIds: [3, 6] });
    expect(shapesOf(sizes, { timeIds: 5 })).toMatchObject({ textEmbeds: [3, 10], timeIds: [3, 5] });
    expect(() => shapesOf(sizes, { timeIds: 8 })).toThrow(
      "8 time_ids of addition_time_embed_dim 4 leave nothing",
    );
  });

  test.each([
    [{}, {}, "wants encoderHiddenStates [2, 77, 6], got none"],
    [{}, { encoderHiddenStates: input([2, 5, 7]) }, "wants encoderHiddenStates [2, 5, 6], got [2, 5, 7]"],
    [
      {},
      { encoderHiddenStates: input([2, 5, 6]), timestepCond: input([2, 5]) },
      "its config has no place for timestepCond; leave it out",
    ],
    [
      sizes,
      { encoderHiddenStates: input([2, 5, 6]), textEmbeds: input([2, 6]) },
      "wants timeIds [2, 6], got none",
    ],
    [
      {},
      { encoderHiddenStates: input([2, 5, 6]), addedEmbedding: input([2, 3]) },
      "wants addedEmbedding [2, 32], got [2, 3]",
    ],
  ])("that do not fit are told in one line: %#", (options, inputs, message) => {
    const model = new UNet2DConditionModel({ ...small, ...options });
    expect(() => model.forward(input([2, 8, 8, 4]), input([2]), inputs)).toThrow(
      `UNet2DConditionModel: ${message}`,
    );
  });

  test("and neither do latents of another shape", () => {
    const model = new UNet2DConditionModel(small);
    const inputs = { encoderHiddenStates: input([2, 5, 6]) };
    expect(() => model.forward(input([2, 8, 8, 3]), input([2]), inputs)).toThrow("a sample [N, H, W, 4]");
    expect(() => model.forward(input([2, 7, 8, 4]), input([2]), inputs)).toThrow("multiples of 2");
    expect(() => model.forward(input([2, 8, 8, 4]), input([1]), inputs)).toThrow(
      "one timestep for each of 2",
    );
  });
});
