// Inpainting against diffusers' RePaintPipeline (tools/python/repaint_images.py).

import { readFileSync } from "node:fs";
import * as v from "valibot";
import { afterAll, describe, expect, test } from "vitest";
import type { Pixels } from "../../src/io/image/index.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { RePaintPipeline } from "../../src/pipelines/repaint_pipeline.ts";
import {
  DDIMScheduler,
  DDPMScheduler,
  FlowMatchEulerDiscreteScheduler,
  RePaintScheduler,
} from "../../src/schedulers/index.ts";
import { tinyUNet } from "./support.ts";

const SIDE = 8;
const rowSchema = v.object({
  steps: v.number(),
  jump_length: v.number(),
  jump_n_sample: v.number(),
  eta: v.number(),
  seed: v.number(),
  timesteps: v.array(v.number()),
  timestep_count: v.number(),
  pixels: v.string(),
});
const fixture = new URL("../fixtures/repaint_images.json", import.meta.url);
const rows = v.parse(v.array(rowSchema), JSON.parse(readFileSync(fixture, "utf8")));

function rgb(levelsOf: (x: number, y: number, channel: number) => number): Pixels {
  const data = new Uint8Array(SIDE * SIDE * 3);
  for (const i of data.keys()) {
    const pixel = Math.floor(i / 3);
    data[i] = levelsOf(pixel % SIDE, Math.floor(pixel / SIDE), i % 3);
  }
  return { data, width: SIDE, height: SIDE, channels: 3 as const };
}
const isKept = (x: number, y: number) => (x * y) % 3 > 0;
const image = rgb((x, y, channel) => (((y * SIDE + x) * 3 + channel) * 37) % 256);
const mask = rgb((x, y) => (isKept(x, y) ? 255 : 0));
/** The values that are kept, and those that are drawn. */
const places = Array.from({ length: SIDE * SIDE * 3 }, (_, i) => i);
const keptAt = (i: number) => isKept(Math.floor(i / 3) % SIDE, Math.floor(i / 3 / SIDE));

const options = { backend: "wasm", threads: 1 } as const;
const pipeline = new RePaintPipeline(tinyUNet(), new DDPMScheduler(), options);
afterAll(() => pipeline.close());

const asked = { image, mask, steps: 12, jumpLength: 4, jumpNSample: 2, seed: 3 };

describe("with seedCompat torch", () => {
  test.each(rows)(
    "$steps steps, jumps of $jump_length x $jump_n_sample, eta $eta, seed $seed",
    async (row) => {
      const { steps, jump_length: jumpLength, jump_n_sample: jumpNSample, eta, seed } = row;
      const scheduler = new RePaintScheduler();
      scheduler.setTimesteps({ numInferenceSteps: steps, jumpLength, jumpNSample });
      expect(scheduler.timesteps.slice(0, 40)).toEqual(row.timesteps);
      expect(scheduler.timesteps).toHaveLength(row.timestep_count);

      const jumps = { steps, jumpLength, jumpNSample, eta };
      const { data, shape } = await pipeline.generate({ image, mask, seed, seedCompat: "torch", ...jumps });
      expect(shape).toEqual([1, SIDE, SIDE, 3]);
      const expected = Buffer.from(row.pixels, "base64");
      const near = data.filter((x, i) => Math.abs(Math.round(x * 255) - expected[i]) <= 1);
      expect(near).toHaveLength(expected.length);
    },
  );
});

test("the light part stays, the dark part is another in each image, and image k is the same in any batch", async () => {
  const steps: string[] = [];
  const one = await pipeline.generate({
    ...asked,
    count: 3,
    batchSize: 1,
    onStep: ({ step, steps: all, firstImage, count }) => steps.push(`${firstImage} ${step}/${all} ${count}`),
  });
  const all = await pipeline.generate({ ...asked, count: 3, batchSize: 3 });
  expect(all).toEqual(one);
  expect([steps[0], steps.at(-1)]).toEqual(["0 1/28 1", "2 28/28 1"]);

  const [first, second] = [0, 1].map((n) => all.data.subarray(n * places.length, (n + 1) * places.length));
  for (const drawn of [first, second]) {
    const kept = places.filter(keptAt);
    expect(kept.map((i) => Math.round(drawn[i] * 255))).toEqual(kept.map((i) => image.data[i]));
  }
  const other = places.filter((i) => !keptAt(i) && first[i] !== second[i]);
  expect(other.length).toBeGreaterThan(places.filter((i) => !keptAt(i)).length / 2);
});

test("a model that predicts v is understood, also where its last timestep is pure noise", async () => {
  const scheduler = new DDIMScheduler({
    predictionType: "v_prediction",
    rescaleBetasZeroSnr: true,
    timestepSpacing: "trailing",
  });
  const velocity = new RePaintPipeline(tinyUNet(), scheduler, options);
  const epsilon = await pipeline.generate(asked);
  const drawn = await velocity.generate({ ...asked, steps: 1000, jumpNSample: 1 });
  expect(drawn.data.every(Number.isFinite)).toBe(true);
  expect(drawn).not.toEqual(epsilon);
  expect(RePaintScheduler.fromConfig(scheduler).config).toMatchObject({
    predictionType: "v_prediction",
    rescaleBetasZeroSnr: true,
  });
  await velocity.close();
});

test("what is wrong is told in one line", async () => {
  const small = { data: new Uint8Array(12), width: 2, height: 2, channels: 3 as const };
  for (const [wrong, message] of [
    [{ image: small }, "image is 2 x 2, expected the model's 8 x 8"],
    [{ mask: small }, "mask is 2 x 2, expected the model's 8 x 8"],
    [{ steps: 1001 }, "numInferenceSteps is 1001"],
    [{ steps: 0 }, "steps is 0, expected a whole number of at least 1"],
    [{ jumpLength: 0 }, "jumpLength is 0, expected a whole number of at least 1"],
    [{ jumpNSample: 1.5 }, "jumpNSample is 1.5, expected a whole number of at least 1"],
    [{ eta: 2 }, "eta is 2, expected 0 .. 1"],
    [{ count: 0 }, "count is 0"],
  ] as const) {
    await expect(pipeline.generate({ ...asked, ...wrong })).rejects.toThrow(message);
    expect(() => pipeline.checkOptions({ ...asked, ...wrong })).toThrow(message);
  }
  const flow = new RePaintPipeline(tinyUNet(), new FlowMatchEulerDiscreteScheduler(), options);
  await expect(flow.generate(asked)).rejects.toThrow(
    "repaint draws with models over betas, which this one is not; use flow-match-euler",
  );
  const plain = new DDPMPipeline(tinyUNet(), new DDPMScheduler(), options);
  await expect(plain.generate({ scheduler: "repaint" })).rejects.toThrow(
    "give image and mask to a RePaintPipeline",
  );
});

test("an abort ends it at the next step", async () => {
  const abort = new AbortController();
  const work = pipeline.generate({
    ...asked,
    signal: abort.signal,
    onStep: ({ step }) => step === 2 && abort.abort(),
  });
  await expect(work).rejects.toMatchObject({ name: "AbortError" });
});
