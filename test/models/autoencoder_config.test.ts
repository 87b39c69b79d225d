// Autoencoders: configs and inputs that do not fit, and the scale of latents.

import { describe, expect, test } from "vitest";
import { constant, input } from "../../src/engine/tensor.ts";
import { AutoencoderKL } from "../../src/models/autoencoder_kl.ts";
import { AutoencoderTiny } from "../../src/models/autoencoder_tiny.ts";
import { ModelConfigError } from "../../src/models/model_config.ts";
import { VQModel } from "../../src/models/vq_model.ts";
import { run } from "../support/run.ts";

const two = { down_block_types: ["DownEncoderBlock2D", "DownEncoderBlock2D"], block_out_channels: [32, 64] };
const up = ["UpDecoderBlock2D", "UpDecoderBlock2D"];

describe("configs that do not fit are told in one line", () => {
  test.each([
    [AutoencoderKL, { layers_per_block: 1e9 }, "layers_per_block: Invalid value: Expected <=32"],
    [AutoencoderKL, { block_out_channels: [1e9] }, "block_out_channels.0: Invalid value: Expected <=65536"],
    [AutoencoderKL, two, "2 block_out_channels want as many up_block_types, got 1"],
    [
      AutoencoderKL,
      { ...two, up_block_types: ["UpDecoderBlock2D", "AttnUpDecoderBlock2D"] },
      "unknown block type AttnUpDecoderBlock2D in up_block_types; known is UpDecoderBlock2D",
    ],
    [AutoencoderKL, { norm_num_groups: 5 }, "cannot cut 64 channels into 5 groups"],
    [AutoencoderKL, { latents_mean: [0, 0, 0, 0] }, "latents_mean and latents_std belong together"],
    [
      AutoencoderKL,
      { latents_mean: [0], latents_std: [1] },
      "latents_mean has 1 values, where 4 latent_channels want as many",
    ],
    [AutoencoderKL, { _class_name: "VQModel" }, "for the class VQModel; only AutoencoderKL is known"],
    [AutoencoderKL, { block_out_channels: [65536], norm_num_groups: 1 }, "M fit into memory"],
    [AutoencoderTiny, { num_encoder_blocks: [1, 2] }, "4 encoder_block_out_channels want as many"],
    [AutoencoderTiny, { num_decoder_blocks: [1, 1, 1, 1e9] }, "num_decoder_blocks.3: Invalid value"],
    [
      AutoencoderTiny,
      { decoder_block_out_channels: [64, 64, 32, 64] },
      "decoder_block_out_channels differ from level to level",
    ],
    [
      AutoencoderTiny,
      { num_encoder_blocks: [1, 1], encoder_block_out_channels: [8, 8] },
      "an encoder of 2 levels and a decoder of 4 do not fit together",
    ],
    [VQModel, { num_vq_embeddings: 1e9 }, "num_vq_embeddings"],
    [VQModel, { norm_type: "spatial" }, "norm_type"],
    [VQModel, { ...two, up_block_types: up.slice(1) }, "want as many up_block_types"],
  ])("%o %j", (Model, json, message) => {
    const read = () => Model.fromConfig(json);
    expect(read).toThrow(ModelConfigError);
    expect(read).toThrow(message);
    expect(read).not.toThrow(/\n/);
  });
});

describe("inputs that do not fit are told in one line", () => {
  const sizes = { ...two, up_block_types: up };
  test.each([AutoencoderKL, AutoencoderTiny, VQModel])("%o", (Model) => {
    const model = Model.fromConfig(Model === AutoencoderTiny ? {} : sizes);
    const { className, sizeFactor } = model;
    expect(() => model.encode(input([1, sizeFactor, 1, 3]))).toThrow(
      `${className}: wants images [N, H, W, 3] with H and W multiples of ${sizeFactor}, got [1, ${sizeFactor}, 1, 3]`,
    );
    expect(() => model.encode(input([1, 8, 8, 2]))).toThrow("images [N, H, W, 3]");
    expect(() => model.decode(input([1, 8, 8, 9]))).toThrow(`${className}: wants latents [N, h, w, `);
  });
});

describe("the scale of latents", () => {
  const z = constant(Float32Array.of(1, 2, -3, 5), [1, 1, 2, 2]);
  test.each([
    [{}, [0.18215, 0.3643, -0.54645, 0.91075]],
    [{ scalingFactor: 2, shiftFactor: 0.5 }, [1, 3, -7, 9]],
    [{ scalingFactor: 2, latentsMean: [1, -1], latentsStd: [4, 0.5] }, [0, 12, -2, 24]],
  ])("%j", async (options, expected) => {
    const model = new AutoencoderKL({ ...options, latentChannels: 2, normNumGroups: 8 });
    const scaled = model.scaleLatents(z);
    const [got, back] = await run([scaled, model.unscaleLatents(scaled)]);
    expect([...got]).toEqual(expected.map((value) => expect.closeTo(value, 6)));
    expect([...back]).toEqual([1, 2, -3, 5].map((value) => expect.closeTo(value, 6)));
  });
});
