// Files of the original layout have the tensors that diffusers reads from them (tools/python/single_file_layouts.py): the
// names and shapes of the published models, and the values of tiny ones, both ways.

import { createHash } from "node:crypto";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import type { StateDict, WeightDtype } from "../../src/io/state_dict.ts";
import { AutoencoderKL } from "../../src/models/autoencoder_kl.ts";
import { CLIPTextModel, CLIPTextModelWithProjection } from "../../src/models/clip_text_model.ts";
import { originalAutoencoder } from "../../src/models/original/autoencoder.ts";
import { ORIGINAL_LAYOUTS, originalVersion } from "../../src/models/original/layouts.ts";
import {
  fromOriginal,
  type OriginalForm,
  type OriginalPlaces,
  toOriginal,
} from "../../src/models/original/places.ts";
import { originalTextModel } from "../../src/models/original/text_model.ts";
import { originalUNet } from "../../src/models/original/unet.ts";
import { UNet2DConditionModel } from "../../src/models/unet_2d_condition_model.ts";
import { readGolden, readJsonFixture } from "../support/golden.ts";
import { sha256Of } from "../support/sha256_of.ts";

const CLASSES = { AutoencoderKL, CLIPTextModel, CLIPTextModelWithProjection, UNet2DConditionModel };
const layout = v.picklist(["", "clip", "openclip"]);
const className = v.picklist([
  "AutoencoderKL",
  "CLIPTextModel",
  "CLIPTextModelWithProjection",
  "UNet2DConditionModel",
]);
const fixtureSchema = v.object({
  published: v.record(v.string(), v.object({ layout, tensors: v.number(), sha256: v.string() })),
  values: v.array(v.object({ file: v.string(), class: className, layout, sha256: v.string() })),
});
const { published, values } = v.parse(
  fixtureSchema,
  await readJsonFixture("stable_diffusion/single_files.json"),
);
const modelSchema = v.record(
  v.string(),
  v.object({ class: v.string(), config: v.record(v.string(), v.unknown()) }),
);
const models = v.parse(modelSchema, await readJsonFixture("stable_diffusion/published.json"));

type Model = InstanceType<(typeof CLASSES)[keyof typeof CLASSES]>;

function placesOf(model: Model, layout: "" | "clip" | "openclip"): OriginalPlaces {
  if (model instanceof UNet2DConditionModel) return originalUNet(model);
  if (model instanceof AutoencoderKL) return originalAutoencoder(model);
  const isClip = layout === "clip";
  const prefix = isClip ? "cond_stage_model.transformer." : "conditioner.embedders.1.model.";
  return originalTextModel(model, isClip ? "clip" : "openclip", prefix);
}

/** The shape of a tensor of the file. */
function shapeThere(shape: readonly number[], form: OriginalForm): readonly number[] {
  if (form === "same") return shape;
  if (form === "pixel") return [...shape, 1, 1];
  if (form === "transposed") return shape.toReversed();
  const [rows = 0, ...row] = shape;
  return [3 * rows, ...row];
}

test.each(Object.entries(published))("%s: names and shapes", (name, { layout, tensors, sha256 }) => {
  const { class: of, config } = models[name] ?? {};
  const model = CLASSES[v.parse(className, of)].fromConfig(config);
  const parameters = model.namedParameters();
  const lines = new Set(
    [...placesOf(model, layout)].map(([own, place]) => {
      const shape = shapeThere(parameters.get(own)?.torchShape ?? [], place.form);
      return `${place.name} ${shape.join(",")}\n`;
    }),
  );
  expect(lines.size).toBe(tensors);
  expect(
    createHash("sha256")
      .update([...lines].sort().join(""))
      .digest("hex"),
  ).toBe(sha256);
});

/** The bits of 16-bit elements lie as float32 does. */
const bitsOf = (data: Float32Array | Uint16Array) =>
  Uint16Array.from(data, (x) => Math.round(Math.abs(x) * 1000));

test.each(values)("$file as $layout: values, both ways", async ({ file, class: of, layout, sha256 }) => {
  const golden = await readGolden(`stable_diffusion/${file}.safetensors`);
  const weights = golden.stateDict("param.");
  const config = await readJsonFixture(`stable_diffusion/${file}.config.json`);
  const places = placesOf(CLASSES[of].fromConfig(config), layout);
  const sources = new Map(
    [...weights].map(([name, { data, shape }]) => [
      name,
      { shape, read: async (dtype: WeightDtype) => (dtype === "F32" ? data : bitsOf(data)) },
    ]),
  );
  const tensors: StateDict = new Map();
  for (const [name, { shape, read }] of toOriginal(places, sources)) {
    const data = Float32Array.from(await read("F32"));
    tensors.set(name, { data, shape });
    expect(await read("F16")).toEqual(bitsOf(data));
  }
  expect(sha256Of(tensors)).toBe(sha256);
  let reads = 0;
  const read = async (name: string) => {
    reads++;
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(name);
    return tensor;
  };
  const back: StateDict = new Map();
  for await (const [name, { data, shape }] of fromOriginal(places, read)) {
    back.set(name, { data: Float32Array.from(data), shape });
  }
  expect(reads).toBe(tensors.size);
  expect(sha256Of(back)).toBe(sha256Of(weights));
  const halves = fromOriginal(places, async (name) => {
    const { data, shape } = await read(name);
    return { data: bitsOf(data), shape };
  });
  for await (const [name, { data, shape }] of halves) {
    expect({ data, shape }).toEqual({ ...back.get(name), data: bitsOf(back.get(name)?.data ?? data) });
  }
});

describe("the version of a file", () => {
  const around = ["model.diffusion_model.out.2.bias", "first_stage_model.quant_conv.bias"];

  test.each(Object.entries(ORIGINAL_LAYOUTS))(
    "%s is told by its text encoders",
    (version, { textEncoders }) => {
      const names = textEncoders.map(({ prefix }) => `${prefix}ln_final.weight`);
      expect(originalVersion([...around, ...names])).toEqual({ version });
    },
  );

  test.each([
    [[], "this is no file of a whole Stable Diffusion"],
    [["unet.conv_in.lora_A.weight"], "this is a LoRA, where a file of a whole model was expected"],
    [around, "the file is without a text encoder"],
    [
      ["cond_stage_model.model.ln_final.weight"],
      "the file is without a UNet (model.diffusion_model.*) and an",
    ],
  ])("other files say what they lack, %#", (names, problem) => {
    expect(originalVersion(names)).toEqual({ problem: expect.stringContaining(problem) });
  });
});

test("the refiner of XL is told an aesthetic score", () => {
  expect(ORIGINAL_LAYOUTS["xl-refiner"].settings).toEqual({
    force_zeros_for_empty_prompt: false,
    requires_aesthetics_score: true,
  });
});

test.each([
  [{ timeCondProjDim: 8 }, "without time_cond_proj_dim"],
  [{ layersPerBlock: [1, 2] }, "with one layers_per_block for all levels"],
])("UNets that original files do not have are refused, %j", (options, message) => {
  const model = new UNet2DConditionModel({
    blockOutChannels: [8, 8],
    normNumGroups: 4,
    downBlockTypes: ["CrossAttnDownBlock2D", "DownBlock2D"],
    upBlockTypes: ["UpBlock2D", "CrossAttnUpBlock2D"],
    ...options,
  });
  expect(() => originalUNet(model)).toThrow(message);
});
