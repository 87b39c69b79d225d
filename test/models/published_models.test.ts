// The published models of latents have the weights that Python's classes have: names and shapes of all. Nothing
// of their values is allocated.

import { createHash } from "node:crypto";
import * as v from "valibot";
import { expect, test } from "vitest";
import { AutoencoderKL } from "../../src/models/autoencoder_kl.ts";
import { AutoencoderTiny } from "../../src/models/autoencoder_tiny.ts";
import { CLIPTextModel, CLIPTextModelWithProjection } from "../../src/models/clip_text_model.ts";
import { DiTTransformer2DModel } from "../../src/models/dit_transformer_2d_model.ts";
import { UNet2DConditionModel } from "../../src/models/unet_2d_condition_model.ts";
import { VQModel } from "../../src/models/vq_model.ts";
import { readJsonFixture } from "../support/golden.ts";

const CLASSES = {
  AutoencoderKL,
  AutoencoderTiny,
  CLIPTextModel,
  CLIPTextModelWithProjection,
  DiTTransformer2DModel,
  UNet2DConditionModel,
  VQModel,
};
const schema = v.record(
  v.string(),
  v.object({
    class: v.picklist([
      "AutoencoderKL",
      "AutoencoderTiny",
      "CLIPTextModel",
      "CLIPTextModelWithProjection",
      "DiTTransformer2DModel",
      "UNet2DConditionModel",
      "VQModel",
    ]),
    config: v.record(v.string(), v.unknown()),
    tensors: v.number(),
    parameters: v.number(),
    sha256: v.string(),
  }),
);
const published = v.parse(schema, await readJsonFixture("stable_diffusion/published.json"));

test.each(Object.entries(published))("%s", (_, { class: name, config, tensors, parameters, sha256 }) => {
  const before = process.memoryUsage().arrayBuffers;
  const model = CLASSES[name].fromConfig(config);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  const shapes = [...model.namedParameters()].map(
    ([key, { torchShape }]) => `${key} ${torchShape.join(",")}\n`,
  );
  expect(shapes).toHaveLength(tensors);
  expect(model.parameterCount).toBe(parameters);
  expect(createHash("sha256").update(shapes.sort().join("")).digest("hex")).toBe(sha256);
});
