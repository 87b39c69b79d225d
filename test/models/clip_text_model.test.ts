// CLIP's text models: names of weights, configs and inputs that do not fit.

import { describe, expect, test } from "vitest";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { input } from "../../src/engine/tensor.ts";
import type { CLIPTextOptions } from "../../src/models/clip_text_config.ts";
import { CLIPTextModel, CLIPTextModelWithProjection } from "../../src/models/clip_text_model.ts";
import { ModelConfigError } from "../../src/models/model_config.ts";

const small: CLIPTextOptions = {
  vocabSize: 20,
  hiddenSize: 8,
  intermediateSize: 12,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  maxPositionEmbeddings: 5,
};

describe("weights", () => {
  test("are taken under the names of transformers 5, too", () => {
    const state = new CLIPTextModel(small).initialize(new TorchGenerator(0)).stateDict();
    const bare = new Map([...state].map(([name, value]) => [name.replace("text_model.", ""), value]));
    expect(bare.has("final_layer_norm.bias")).toBe(true);
    expect(new CLIPTextModel(small).loadStateDict(bare).stateDict()).toEqual(state);
    bare.delete("final_layer_norm.bias");
    expect(() => new CLIPTextModel(small).loadStateDict(bare)).toThrow(
      "the weights do not fit this CLIPTextModel: missing text_model.final_layer_norm.bias",
    );
  });
});

describe("configs", () => {
  test("read back as they were written", () => {
    const model = new CLIPTextModelWithProjection({ ...small, hiddenAct: "gelu", projectionDim: 7 });
    expect(model.toConfig()).toMatchObject({
      architectures: ["CLIPTextModelWithProjection"],
      model_type: "clip_text_model",
      hidden_act: "gelu",
      projection_dim: 7,
    });
    expect(CLIPTextModelWithProjection.fromConfig(model.toConfig()).config).toEqual(model.config);
  });

  test.each([
    [{ num_hidden_layers: 1e9 }, "num_hidden_layers: Invalid value: Expected <=64"],
    [{ hidden_size: 1e7 }, "hidden_size: Invalid value: Expected <=65536"],
    [{ num_attention_heads: 3 }, "a hidden_size of 512 cannot be shared out among 3 num_attention_heads"],
    [{ hidden_act: "tanh" }, "hidden_act"],
    [{ attention_dropout: 0.1 }, "attention_dropout"],
    [{ eos_token_id: [1, 2] }, "eos_token_id"],
    [{ model_type: "t5" }, "the config is for the model_type t5; only clip_text_model is known"],
    [{ hidden_size: 65536, vocab_size: 1_000_000, intermediate_size: 65536 }, "M fit into memory"],
    [[], "expected a JSON object"],
  ])("refuses %j", (json, message) => {
    const read = () => CLIPTextModel.fromConfig(json);
    expect(read).toThrow(ModelConfigError);
    expect(read).toThrow(message);
  });

  test("a projection wants its width", () => {
    expect(() => new CLIPTextModelWithProjection({ ...small, projectionDim: null })).toThrow(
      "projection_dim",
    );
  });
});

test.each([
  [input([2, 6], "i32"), "i32 [2, 6]"],
  [input([2], "i32"), "i32 [2]"],
  [input([2, 5]), "f32 [2, 5]"],
])("tokens that do not fit are told in one line", (ids, given) => {
  expect(() => new CLIPTextModel(small).forward(ids)).toThrow(
    `CLIPTextModel: wants i32 tokens [N, T] with T at most 5, got ${given}`,
  );
});
