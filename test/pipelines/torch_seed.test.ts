// The images that diffusers draws at a seed with torch's CPU generator (tools/python/torch_seed_images.py).

import { readFileSync } from "node:fs";
import * as v from "valibot";
import { afterAll, describe, expect, test } from "vitest";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { DDPMScheduler, schedulerNames, schedulers } from "../../src/schedulers/index.ts";
import { tinyUNet } from "./support.ts";

const rowSchema = v.object({
  scheduler: v.string(),
  steps: v.number(),
  seed: v.number(),
  count: v.number(),
  options: v.object({ eta: v.exactOptional(v.number()) }),
  pixels: v.string(),
});
const fixture = new URL("../fixtures/torch_seed_images.json", import.meta.url);
const names = schedulerNames;
const rows = v
  .parse(v.array(rowSchema), JSON.parse(readFileSync(fixture, "utf8")))
  .flatMap((row) =>
    names.filter((name) => schedulers[name].className === row.scheduler).map((name) => ({ ...row, name })),
  );

const pipeline = new DDPMPipeline(tinyUNet(), new DDPMScheduler(), { backend: "wasm", threads: 1 });
afterAll(() => pipeline.close());

describe("with seedCompat torch a seed gives diffusers' images", () => {
  test.each(rows)("$name, $steps steps, seed $seed, $options", async (row) => {
    const { name: scheduler, steps, seed, count, options } = row;
    const asked = { scheduler, steps, seed, count, seedCompat: "torch", ...options } as const;
    const expected = Buffer.from(row.pixels, "base64");
    // In batches of two, of which the last is not full, as well as all at once.
    for (const batchSize of [3, 2]) {
      const { data } = await pipeline.generate({ ...asked, batchSize });
      expect(data.length).toBe(expected.length);
      const near = data.filter((x, i) => Math.abs(Math.round(x * 255) - expected[i]) <= 1);
      expect(near.length / data.length).toBeGreaterThanOrEqual(0.999);
    }
  });
});

test("a library that is not known, and noise besides, are refused", async () => {
  const unknown: object = { seedCompat: "numpy" };
  await expect(pipeline.generate(unknown)).rejects.toThrow('seedCompat is "numpy", expected "torch"');
  const noise = { randn: () => expect.fail("noise was drawn") };
  await expect(pipeline.generate({ seedCompat: "torch", noise })).rejects.toThrow(
    "either noise or seedCompat",
  );
});

test("what a sampler cannot do is told in one line", async () => {
  await expect(pipeline.generate({ scheduler: "pndm", steps: 2 })).rejects.toThrow(
    "PNDMScheduler: numInferenceSteps is 2, expected at least 4",
  );
});
