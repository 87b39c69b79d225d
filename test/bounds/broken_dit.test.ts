// Broken folders of diffusion transformers are refused in one line that names the file, quickly and with little memory.

import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { createBackend } from "../../src/engine/backends/create.ts";
import { DiTPipeline } from "../../src/pipelines/dit_pipeline.ts";
import { testFolder } from "../support/folder.ts";
import { fixture } from "../support/golden.ts";
import {
  type Change,
  fieldChanges,
  headerChanges,
  tensorChanges,
  truncations,
} from "./broken_safetensors.ts";
import { type ExpectRefusal, refusalsFromNow } from "./refusal.ts";

const SOUND = fixture("dit/pipeline");
const folder = testFolder();
let backend: Backend;
let refusal: ExpectRefusal;
beforeAll(async () => {
  backend = await createBackend({ backend: "wasm", threads: 1 });
  await draw(SOUND);
  refusal = refusalsFromNow();
});
afterAll(() => backend.close());

const draw = async (path: string) => {
  const pipeline = await DiTPipeline.fromPretrained(path, { backend });
  return pipeline.generate({ steps: 1, classLabels: 0, guidanceScale: 1 });
};

/** Damages one file of a pipeline. */
async function expectBroken(file: string, change: Change, named = file.split("/")[0]): Promise<void> {
  const path = folder("broken");
  await cp(SOUND, path, { recursive: true });
  const at = join(path, file);
  await writeFile(at, change(await readFile(at)));
  await refusal(() => draw(path), named);
  await rm(path, { recursive: true });
}

const cases = [...truncations, ...headerChanges, ...tensorChanges].filter((_, i) => i % 3 === 0);
test.each(cases)("weights: %s", (_, change) =>
  expectBroken("transformer/diffusion_pytorch_model.safetensors", change),
);

describe("configs", () => {
  const config = fieldChanges({
    num_layers: [0, -1, 1, 3, 33, 1e9, 2.5, "2", [2], null],
    num_attention_heads: [0, -1, 3, 1e9, "x", []],
    attention_head_dim: [0, -1, 3, 65536, 1e9, 0.5, null],
    in_channels: [0, 3, 1e9, null],
    out_channels: [0, 4, 9, 1e9, "x"],
    num_embeds_ada_norm: [0, -1, 10, 1e9, null, "1000"],
    sample_size: [0, -2, 7, 16384, 1e9, [8, 8], null],
    patch_size: [0, 1, 3, 16384, 1e9, null],
    dropout: [-0.1, 1, "x"],
    activation_fn: ["swiglu", "geglu", 3, null],
    attention_bias: [false, "yes", null],
    norm_elementwise_affine: [true, 1],
    norm_eps: [0, -1, "x"],
    norm_type: ["ada_norm_single", "layer_norm", undefined, null],
    _class_name: ["SD3Transformer2DModel", "PixArtTransformer2DModel", 3, "__proto__"],
  });
  test.each(config)("transformer: %s", (_, change) => expectBroken("transformer/config.json", change));

  const index = fieldChanges({
    transformer: [["diffusers", "SD3Transformer2DModel"], [null, null], "transformer", 3],
    vae: [
      ["diffusers", "VQModel"],
      [null, null],
    ],
    id2label: [{ a: "b" }, { 1000: "none" }, { 0: 3 }, 3],
  });
  test.each(index)("model_index.json: %s", (_, change) => expectBroken("model_index.json", change, ""));
});
