// DiTPipeline against the pictures that diffusers draws with the same folder and seed (tools/python/make_dit.py), and what
// it takes and refuses.

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { createBackend } from "../../src/engine/backends/create.ts";
import { DiTTransformer2DModel } from "../../src/models/dit_transformer_2d_model.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import type { BatchStep } from "../../src/pipelines/diffusion_pipeline.ts";
import { DiTPipeline } from "../../src/pipelines/dit_pipeline.ts";
import { LDMPipeline } from "../../src/pipelines/ldm_pipeline.ts";
import { loadPipeline } from "../../src/pipelines/load_pipeline.ts";
import { RePaintPipeline } from "../../src/pipelines/repaint_pipeline.ts";
import { schedulerNames, schedulers } from "../../src/schedulers/index.ts";
import { backends } from "../support/backends.ts";
import { testFolder } from "../support/folder.ts";
import { fixture, readJsonFixture } from "../support/golden.ts";

const FOLDER = fixture("dit/pipeline");
const rowSchema = v.object({
  scheduler: v.string(),
  seed: v.number(),
  options: v.strictObject({
    num_inference_steps: v.number(),
    class_labels: v.array(v.number()),
    guidance_scale: v.exactOptional(v.number()),
  }),
  shape: v.array(v.number()),
  pixels: v.string(),
});
const rows = v
  .parse(v.array(rowSchema), await readJsonFixture("dit/pictures.json"))
  .flatMap((row) =>
    schedulerNames
      .filter((name) => schedulers[name].className === row.scheduler)
      .map((name) => ({ ...row, name })),
  );

describe.each(backends)(
  "with seedCompat torch a seed gives diffusers' images on $name",
  ({ name, create }) => {
    let backend: Backend;
    let pipeline: DiTPipeline;
    beforeAll(async () => {
      backend = await create();
      pipeline = await DiTPipeline.fromPretrained(FOLDER, { backend });
    });
    afterAll(() => backend.close());

    // Schedulers are the same on every backend.
    test.each(name === "webgpu" ? rows.slice(0, 1) : rows)("$name: $options", async (row) => {
      const { num_inference_steps: steps, class_labels: classLabels, guidance_scale: scale } = row.options;
      const expected = Buffer.from(row.pixels, "base64");
      const asked = {
        ...({ scheduler: row.name, seed: row.seed, seedCompat: "torch", steps, classLabels } as const),
        ...{ count: classLabels.length, ...(scale !== undefined && { guidanceScale: scale }) },
      };
      for (const batchSize of name === "native" ? [3, 2] : [3]) {
        const { data, shape } = await pipeline.generate({ ...asked, batchSize });
        expect(shape).toEqual(row.shape);
        const near = data.filter((x, i) => Math.abs(Math.round(x * 255) - expected[i]) <= 1);
        expect(near.length / data.length).toBeGreaterThanOrEqual(0.999);
      }
    });
  },
);

describe("a folder", () => {
  const folder = testFolder();
  let backend: Backend;
  let sound: DiTPipeline;
  beforeAll(async () => {
    backend = await createBackend({ backend: "wasm", threads: 1 });
    sound = await DiTPipeline.fromPretrained(FOLDER, { backend });
  });
  afterAll(() => backend.close());

  let copies = 0;
  /** A copy with some entries of its JSON files changed; those that are undefined are taken out. */
  async function changed(changes: Readonly<Record<string, object>>): Promise<string> {
    const path = folder(`changed-${copies++}`);
    await cp(FOLDER, path, { recursive: true });
    for (const [file, change] of Object.entries(changes)) {
      const json: object = JSON.parse(await readFile(join(path, file), "utf8"));
      await writeFile(join(path, file), JSON.stringify({ ...json, ...change }));
    }
    return path;
  }
  const INDEX = "model_index.json";
  const CONFIG = "transformer/config.json";
  const small = { steps: 1, seed: 3, scheduler: "ddim" } as const;

  test("has the class of its index, and is of no other", async () => {
    expect(await loadPipeline(FOLDER, { backend })).toBeInstanceOf(DiTPipeline);
    expect(sound.imageSize).toEqual({ height: 16, width: 16, channels: 3 });
    expect(sound.transformer).toBeInstanceOf(DiTTransformer2DModel);
    for (const Pipeline of [DDPMPipeline, LDMPipeline, RePaintPipeline]) {
      await expect(Pipeline.fromPretrained(FOLDER)).rejects.toThrow(
        "a pipeline of the class DiTPipeline, expected a UNet2DModel",
      );
    }
    await expect(DiTPipeline.fromPretrained(fixture("stable_diffusion/pipeline_ldm"))).rejects.toThrow(
      "a pipeline of the class LDMPipeline, expected a DiTTransformer2DModel or Transformer2DModel with a scheduler and an AutoencoderKL (vae): DiTPipeline",
    );
  });

  test("may name the newer class", async () => {
    const path = await changed({
      [INDEX]: { transformer: ["diffusers", "DiTTransformer2DModel"] },
      [CONFIG]: { _class_name: "DiTTransformer2DModel" },
    });
    const pipeline = await DiTPipeline.fromPretrained(path, { backend });
    expect(await pipeline.generate(small)).toEqual(await sound.generate(small));
  });

  test("names classes, with commas between the names of one; of a name of several it is the last", async () => {
    expect(
      sound.getLabelIds(["Tinca tinca", "golden retriever", "missile", "projectile, missile", 3]),
    ).toEqual([0, 207, 744, 744, 3]);
    expect(sound.classes).toMatchObject({ count: 1000, nullClass: 1000 });
    expect(() => sound.getLabelIds("tabby")).toThrow('there is no class "tabby"; of the model\'s 10 names');
    expect(() => sound.getLabelIds(1000)).toThrow(
      "there is no class 1000; the model has the classes 0 to 999",
    );
    const nameless = await DiTPipeline.fromPretrained(await changed({ [INDEX]: { id2label: null } }), {
      backend,
    });
    const asked = { ...small, classLabels: 1, guidanceScale: 3 };
    expect(await nameless.generate(asked)).toEqual(
      await sound.generate({ ...asked, classLabels: "goldfish" }),
    );
    const renamed = await DiTPipeline.fromPretrained(FOLDER, { backend, id2label: { 5: "pike" } });
    expect([...renamed.labels]).toEqual([["pike", 5]]);
    await expect(DiTPipeline.fromPretrained(FOLDER, { id2label: { 1000: "none" } })).rejects.toThrow(
      "id2label names a class 1000, but the model has 0 to 999",
    );
  });

  test("is guided by 4, and by nothing at 1 and below", async () => {
    const last = async (asked: object): Promise<Float32Array> =>
      (await sound.generate({ ...small, ...asked })).data;
    expect(await last({})).toEqual(await last({ guidanceScale: 4 }));
    expect(await last({})).not.toEqual(await last({ guidanceScale: 3 }));
    expect(await last({ guidanceScale: 0 })).toEqual(await last({ guidanceScale: 1 }));
    expect(await last({ guidanceRescale: 0.7 })).not.toEqual(await last({}));
    await expect(last({ guidanceScale: 1, guidanceRescale: 0.7 })).rejects.toThrow(
      "a guidance rescale counts beside a guidance scale above 1; give both or neither",
    );
    await expect(last({ guidanceScale: -1 })).rejects.toThrow("the guidance scale is -1, expected 0 .. 1000");
  });

  test("draws image k alike in any batch, in 50 steps for another library's seed", async () => {
    const asked = { ...small, steps: 2, count: 3, classLabels: [1, "tench"] };
    const together = await sound.generate(asked);
    expect(await sound.generate({ ...asked, batchSize: 2 })).toEqual(together);
    let steps = 0;
    const onStep = (step: BatchStep): void => {
      steps = step.steps;
    };
    await sound.generate({ seedCompat: "torch", classLabels: 0, onStep });
    expect(steps).toBe(50);
  });

  test.each([
    ["a model that predicts too much", { [CONFIG]: { out_channels: 9 } }, /proj_out_2|predicts 9 channels/],
    ["latents of another autoencoder", { [CONFIG]: { in_channels: 3 } }, /pos_embed\.proj\.weight/],
    ["cross-attention", { [CONFIG]: { norm_type: "ada_norm_single" } }, /norm_type: .*"ada_norm_zero"/],
    [
      "another class",
      { [CONFIG]: { _class_name: "SD3Transformer2DModel" } },
      /only DiTTransformer2DModel is known/,
    ],
    [
      "another class in the index",
      { [INDEX]: { transformer: ["diffusers", "UNet2DModel"] } },
      /the model is a UNet2DModel/,
    ],
    [
      "no autoencoder",
      { [INDEX]: { vae: null } },
      /a DiTPipeline without vae, expected a pipeline of a DiTTransformer2DModel/,
    ],
    ["no model", { [INDEX]: { transformer: null } }, /a DiTPipeline without transformer, expected/],
    [
      "a part more",
      { [INDEX]: { unet: ["diffusers", "UNet2DModel"] } },
      /the pipeline has a unet \(UNet2DModel\)/,
    ],
  ])("is refused with %s", async (_, changes, message) => {
    await expect(DiTPipeline.fromPretrained(await changed(changes))).rejects.toThrow(message);
  });

  test("of parts that do not belong together is refused", () => {
    const { scheduler, codec } = sound;
    const options = { numAttentionHeads: 1, attentionHeadDim: 4, numLayers: 1, numEmbedsAdaNorm: 2 };
    const transformer = new DiTTransformer2DModel({ ...options, outChannels: 9 });
    expect(() => new DiTPipeline({ transformer, scheduler, codec })).toThrow(
      "the transformer predicts 9 channels for 4, expected as many, or twice as many with a learned variance",
    );
    const three = new DiTTransformer2DModel({ ...options, inChannels: 3 });
    expect(() => new DiTPipeline({ transformer: three, scheduler, codec })).toThrow(
      "a model of 3 channels does not see the 4",
    );
  });
});
