// What a diffusion transformer's config and inputs may be, and where its dropout is.

import { describe, expect, test } from "vitest";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { constant, input } from "../../src/engine/tensor.ts";
import type { DiTTransformer2DOptions } from "../../src/models/dit_transformer_2d_config.ts";
import { DiTTransformer2DModel } from "../../src/models/dit_transformer_2d_model.ts";
import { ModelConfigError } from "../../src/models/unet_2d_config.ts";
import { RandomStream } from "../../src/nn/forward_context.ts";
import { relativeError } from "../support/compare.ts";
import { run } from "../support/run.ts";

const SMALL = { numAttentionHeads: 2, attentionHeadDim: 4, numLayers: 2, sampleSize: 4, numEmbedsAdaNorm: 3 };

describe("a config that does not fit is refused", () => {
  test.each<[DiTTransformer2DOptions, string]>([
    [{ attentionHeadDim: 3 }, "tokens of 6 channels have no place embedding, which takes a multiple of 4"],
    [{ sampleSize: 5 }, "sample_size 5 is not a multiple of patch_size 2"],
    [
      { sampleSize: 1026 },
      "sample_size 1026 has 513 patches of patch_size 2 along a side, where 512 are possible",
    ],
    [{ numAttentionHeads: 300, attentionHeadDim: 300 }, "make 90000 channels, where 65536 are possible"],
    [
      { numAttentionHeads: 256, attentionHeadDim: 256 },
      /its weights are \d+ M values, where 8589 M fit/.source,
    ],
    [{ numLayers: 33 }, "numLayers: Invalid value: Expected <=32 but received 33"],
  ])("%j", (options, message) => {
    const make = () => new DiTTransformer2DModel({ ...SMALL, ...options });
    expect(make).toThrow(ModelConfigError);
    expect(make).toThrow(new RegExp(message.replaceAll(/[()]/g, "\\$&")));
  });

  test("of the former class, if it is of another kind of transformer", () => {
    const former = { _class_name: "Transformer2DModel", num_layers: 1 };
    const { config } = DiTTransformer2DModel.fromConfig({ ...former, norm_type: "ada_norm_zero" });
    expect(config).toMatchObject({ numLayers: 1, attentionBias: true, activationFn: "gelu-approximate" });
    expect(() => DiTTransformer2DModel.fromConfig(former)).toThrow(
      'the config is for a Transformer2DModel without norm_type; only those of "ada_norm_zero" are known',
    );
    expect(() => DiTTransformer2DModel.fromConfig({ ...former, norm_type: "layer_norm" })).toThrow(
      "norm_type: ",
    );
    expect(() => DiTTransformer2DModel.fromConfig([])).toThrow("expected a JSON object");
  });
});

test("it takes one class an image, and latents of whole patches", () => {
  const model = new DiTTransformer2DModel(SMALL);
  expect(model).toMatchObject({ outChannels: 4, sizeFactor: 2, sampleSize: { height: 4, width: 4 } });
  expect(model.classEmbedding).toEqual({ type: "table", rows: 4, nullClass: 3 });
  expect(model.withoutValues().config).toEqual(model.config);
  const x = input([2, 4, 6, 4]);
  const t = input([2]);
  const classLabels = input([2], "i32");
  expect(model.forward(x, t, { classLabels }).shape).toEqual([2, 4, 6, 4]);
  for (const [wrong, message] of [
    [() => model.forward(x, t), "wants classLabels [2], got none"],
    [() => model.forward(x, t, { classLabels: input([3], "i32") }), "wants classLabels [2], got [3]"],
    [() => model.forward(x, input([1]), { classLabels }), "wants one timestep for each of 2 images, got [1]"],
    [
      () => model.forward(input([2, 4, 4, 3]), t, { classLabels }),
      "wants a sample [N, H, W, 4], got [2, 4, 4, 3]",
    ],
    [() => model.forward(input([2, 4, 5, 4]), t, { classLabels }), "latents of 4x5 do not fit"],
    [() => model.forward(x, t, { classLabels, timeIds: t }), "has no place for timeIds; leave it out"],
  ] as const) {
    expect(wrong).toThrow(`DiTTransformer2DModel: ${message}`);
  }
});

describe("dropout", () => {
  const labels = constant(Int32Array.of(1), [1]);
  const x = constant(new TorchGenerator(1).randn(64), [1, 4, 4, 4]);
  const t = constant(Float32Array.of(5), [1]);
  const made = (dropout: number) =>
    new DiTTransformer2DModel({ ...SMALL, dropout }).initialize(new TorchGenerator(0));
  const key = constant(Int32Array.of(1, 2, 3), [3]);
  const training = () => ({ training: true, random: new RandomStream(key) });

  test("takes place in training alone", async () => {
    const model = made(0.5);
    const none = made(0);
    const [drawn, trained, expected] = await run(
      [
        model.forward(x, t, { classLabels: labels }),
        model.forward(x, t, { classLabels: labels, context: training() }),
        none.forward(x, t, { classLabels: labels, context: training() }),
      ],
      model,
      none,
    );
    expect(drawn).toEqual(expected);
    expect(trained).not.toEqual(drawn);
    expect(() => model.forward(x, t, { classLabels: labels, context: { training: true } })).toThrow(
      "dropout of 0.5 in training needs random numbers",
    );
  });

  test("of everything leaves nothing of attention, and the last bias of the feed-forward layer", async () => {
    const model = made(1 - 1e-9);
    const without = made(0);
    const state = without.stateDict();
    for (const [name, weight] of state) {
      if (/attn1\.to_out|net\.2\.weight/.test(name))
        state.set(name, { ...weight, data: new Float32Array(weight.data.length) });
    }
    without.loadStateDict(state);
    const [dropped, expected] = await run(
      [
        model.forward(x, t, { classLabels: labels, context: training() }),
        without.forward(x, t, { classLabels: labels }),
      ],
      model,
      without,
    );
    expect(relativeError(dropped, expected)).toBeLessThan(1e-6);
  });
});
