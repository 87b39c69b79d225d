// A pipeline whose files are of 16 bits: it draws what the same weights in 32 bits draw, to the last bit, and holds
// them in half the memory.

import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readStateDict, type WeightDtype, writeStateDict } from "../../src/io/state_dict.ts";
import type { WeightsLibrary } from "../../src/io/weight_names.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { backends } from "../support/backends.ts";
import { testFolder } from "../support/folder.ts";
import { fixture } from "../support/golden.ts";

const SOURCE = fixture("stable_diffusion/pipeline");
const folder = testFolder();
const MODELS: Readonly<Record<string, WeightsLibrary>> = {
  unet: "diffusers",
  vae: "diffusers",
  text_encoder: "transformers",
};

const WEIGHTS = ["unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"];

/** Copies the pipeline, with its weights in another type. */
async function rewrite(from: string, name: string, dtype: WeightDtype): Promise<string> {
  const to = folder(name);
  await cp(from, to, { recursive: true });
  for (const [model, library] of Object.entries(MODELS)) {
    const weights = await readStateDict(join(from, model), { library });
    await writeStateDict(join(to, model), weights, { library, dtype });
  }
  return to;
}

describe.each(["F16", "BF16"] as const)("%s", (dtype) => {
  let halves: string;
  let wide: string;
  beforeAll(async () => {
    halves = await rewrite(SOURCE, dtype, dtype);
    wide = await rewrite(halves, `${dtype} widened`, "F32");
  });

  test.each(backends)("on $name", async ({ name, create }) => {
    const backend = await create();
    const draw = async (source: string) => {
      const pipeline = await StableDiffusionPipeline.fromPretrained(source, { backend });
      const call = { prompt: ["a castle", "a cat"], steps: 2, seed: 3, height: 16, width: 16 };
      const first = await pipeline.generate(call);
      // The weights are on the backend by now, and only there.
      expect([...pipeline.unet.namedParameters().values()].some(({ hasValue }) => hasValue)).toBe(false);
      expect(await pipeline.generate(call)).toEqual(first);
      const dtypes = [...pipeline.unet.namedParameters().values()].map(({ tensor }) => tensor.dtype);
      return { first, dtypes: new Set(dtypes), pipeline };
    };
    try {
      const [half, full] = [await draw(halves), await draw(wide)];
      expect(half.first).toEqual(full.first);
      const type = dtype === "F16" ? "f16" : "bf16";
      const kept = backend.capabilities.dtypes.includes(type) ? type : "f32";
      expect([half.dtypes, full.dtypes]).toEqual([new Set([kept]), new Set(["f32"])]);
      // They are saved from there, bit for bit, and stay there.
      const saved = folder(`${dtype} of ${name}`);
      await half.pipeline.savePretrained(saved, { dtype: dtype === "F16" ? "fp16" : "bf16" });
      for (const file of WEIGHTS) {
        expect(await readFile(join(saved, file))).toEqual(await readFile(join(halves, file)));
      }
      expect([...half.pipeline.unet.namedParameters().values()].some(({ hasValue }) => hasValue)).toBe(false);
    } finally {
      await backend.close();
    }
  });
});

test("after its backend is closed, a pipeline says that its weights went with it", async () => {
  const pipeline = await StableDiffusionPipeline.fromPretrained(SOURCE, { backend: "wasm", threads: 1 });
  const call = { prompt: "a castle", steps: 1, height: 16, width: 16 };
  await pipeline.generate(call);
  await pipeline.close();
  await expect(pipeline.generate(call)).rejects.toThrow(
    /have moved to a backend that is no longer used; load/,
  );
});
