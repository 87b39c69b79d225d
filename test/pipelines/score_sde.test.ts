// Folders of ScoreSdeVePipeline, whose models see pixels from 0 to 1: the images that diffusers draws (score_sde_images.py).

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { beforeAll, expect, test } from "vitest";
import { codecFromConfig } from "../../src/codecs/saved.ts";
import { unitRange } from "../../src/codecs/unit_range.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { ScoreSdeVeScheduler } from "../../src/schedulers/index.ts";
import { testFolder } from "../support/folder.ts";
import { readJsonFixture } from "../support/golden.ts";
import { tinyUNet } from "./support.ts";

const folder = testFolder();
const backend = new ReferenceBackend();
const schema = v.object({
  scheduler: v.record(v.string(), v.number()),
  rows: v.array(v.object({ steps: v.number(), seed: v.number(), pixels: v.string() })),
});
const { scheduler: options, rows } = v.parse(schema, await readJsonFixture("score_sde_images.json"));

/** Names the class in the folder of a pipeline. */
async function setClass(path: string, className: string): Promise<void> {
  const file = join(path, "model_index.json");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(/"_class_name": "\w+"/, `"_class_name": "${className}"`));
}

let pipeline: DDPMPipeline;
beforeAll(async () => {
  const scheduler = ScoreSdeVeScheduler.fromConfig(options);
  await new DDPMPipeline(tinyUNet(), scheduler).savePretrained(folder("plain"));
  await setClass(folder("plain"), "ScoreSdeVePipeline");
  pipeline = await DDPMPipeline.fromPretrained(folder("plain"), { backend });
});

test.each(rows)("$steps steps of seed $seed", async ({ steps, seed, pixels }) => {
  const { data } = await pipeline.generate({ steps, seed, seedCompat: "torch" });
  const expected = Buffer.from(pixels, "base64");
  const near = data.filter((x, i) => Math.abs(Math.round(x * 255) - expected[i]) <= 1);
  expect(near.length / expected.length).toBeGreaterThanOrEqual(0.999);
});

test("are drawn in diffusers' steps with its seeds, and saved under their class", async () => {
  expect(await pipeline.generate({ seedCompat: "torch", seed: 5 })).toEqual(
    await pipeline.generate({ seedCompat: "torch", seed: 5, steps: 40 }),
  );
  await pipeline.savePretrained(folder("again"));
  const index: unknown = JSON.parse(await readFile(join(folder("again"), "model_index.json"), "utf8"));
  expect(index).toMatchObject({ _class_name: "ScoreSdeVePipeline", unet: ["diffusers", "UNet2DModel"] });
  const again = await DDPMPipeline.fromPretrained(folder("again"), { backend });
  const call = { steps: 2, seed: 1 };
  expect(await again.generate(call)).toEqual(await pipeline.generate(call));
});

test("their values are those of images, moved", async () => {
  const images = hostTensor(Float32Array.of(-1, 0, 0.5, 1), [1, 2, 2, 1]);
  const latents = await unitRange.encode(images, backend);
  expect(latents.data).toEqual(Float32Array.of(0, 0.5, 0.75, 1));
  expect(await unitRange.decode(latents, backend)).toEqual(images);
  expect(codecFromConfig({ _class_name: unitRange.saved?.className })).toBe(unitRange);
});
