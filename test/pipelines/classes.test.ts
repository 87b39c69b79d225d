// Images of classes, with and without guidance, against diffusers (tools/python/guided_images.py).

import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { afterAll, describe, expect, test } from "vitest";
import type { BackendName } from "../../src/engine/backends/create.ts";
import type { Pixels } from "../../src/io/image/index.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import type { BatchStep } from "../../src/pipelines/diffusion_pipeline.ts";
import { RePaintPipeline } from "../../src/pipelines/repaint_pipeline.ts";
import { DDPMScheduler, samplerNames, schedulerNames, schedulers } from "../../src/schedulers/index.ts";
import { backendNames } from "../support/backends.ts";
import { testFolder } from "../support/folder.ts";
import { tinyUNet } from "./support.ts";

const rowSchema = v.object({
  scheduler: v.string(),
  steps: v.number(),
  guidance_scale: v.number(),
  guidance_rescale: v.number(),
  learned: v.boolean(),
  seed: v.number(),
  classes: v.array(v.number()),
  pixels: v.string(),
});
const fixture = new URL("../fixtures/guided_images.json", import.meta.url);
const names = schedulerNames;
const rows = v
  .parse(v.array(rowSchema), JSON.parse(readFileSync(fixture, "utf8")))
  .flatMap((row) =>
    names.filter((name) => schedulers[name].className === row.scheduler).map((name) => ({ ...row, name })),
  );

/** Three classes, and a row for none. */
const id2label = { 0: "azure", 1: "orange-tip, flambé", 2: "tiger" };
const made = (backend: BackendName, learned = false) =>
  new DDPMPipeline(
    tinyUNet(0, { numClassEmbeds: 4, outChannels: learned ? 6 : 3 }),
    new DDPMScheduler({ varianceType: learned ? "learned_range" : "fixed_small" }),
    { backend, threads: 1, id2label },
  );
const plain = made("wasm");
const learned = made("wasm", true);
afterAll(async () => {
  await plain.close();
  await learned.close();
});

describe("with seedCompat torch a seed gives diffusers' images", () => {
  test.each(rows)(
    "$name, guidance $guidance_scale, rescale $guidance_rescale, learned variance $learned, seed $seed",
    async (row) => {
      const { name: scheduler, steps, seed, classes, guidance_scale: guidanceScale } = row;
      const expected = Buffer.from(row.pixels, "base64");
      for (const batchSize of [3, 2]) {
        const { data } = await (row.learned ? learned : plain).generate({
          ...{ scheduler, steps, seed, seedCompat: "torch", count: 3, batchSize },
          ...{ classLabels: classes, guidanceScale },
          ...(row.guidance_rescale > 0 && { guidanceRescale: row.guidance_rescale }),
        });
        expect(data.length).toBe(expected.length);
        const near = data.filter((x, i) => Math.abs(Math.round(x * 255) - expected[i]) <= 1);
        expect(near.length / data.length).toBeGreaterThanOrEqual(0.999);
      }
    },
  );
});

const all = { count: 5, steps: 3, seed: 7, scheduler: "ddim", eta: 0.5 } as const;
const imageOf = ({ data }: { data: Float32Array }, k: number) => data.slice(k * 192, (k + 1) * 192);

describe.each(backendNames)("on %s", (backend) => {
  const pipeline = made(backend);
  afterAll(() => pipeline.close());

  test("image k of a seed is of the k-th class in turn, and the same in any batch", async () => {
    for (const guidanceScale of backend === "wasm" ? [1, 2.5] : [2.5]) {
      const asked = { ...all, guidanceScale, steps: backend === "wasm" ? 3 : 1 };
      const together = await pipeline.generate({ ...asked, batchSize: 5 });
      expect(await pipeline.generate({ ...asked, batchSize: 2 })).toEqual(together);
      const inTurn = { ...asked, classLabels: ["azure", "orange-tip", 2] };
      expect(await pipeline.generate(inTurn)).toEqual(together);
      expect(imageOf(await pipeline.generate({ ...asked, count: 1 }), 0)).toEqual(imageOf(together, 0));
      const other = await pipeline.generate({ ...asked, classLabels: "tiger" });
      expect(imageOf(other, 0)).not.toEqual(imageOf(together, 0));
      expect(imageOf(other, 2)).toEqual(imageOf(together, 2));
    }
  });
});

test("a guidance of 1 is the plain answer, 0 that without a class; both lie on one line with 2", async () => {
  const one = { ...all, count: 1, steps: 1, eta: 0, classLabels: 1 };
  const [none, given, more, near] = await Promise.all(
    [0, 1, 2, 1 + 1e-6].map(async (guidanceScale) => {
      let sample: Float32Array = new Float32Array();
      const onStep = (step: BatchStep) => {
        sample = step.sample.data;
      };
      const pipeline = made("reference");
      await pipeline.generate({ ...one, guidanceScale, onStep });
      await pipeline.close();
      return sample;
    }),
  );
  for (const [i, x] of given.entries()) {
    expect(Math.abs(x - near[i])).toBeLessThan(1e-4);
    expect(Math.abs(2 * x - none[i] - more[i])).toBeLessThan(1e-4 * (1 + Math.abs(more[i])));
  }
  expect(none).not.toEqual(given);
});

test("samplers that choose their own steps are guided too", async () => {
  for (const scheduler of samplerNames) {
    const loose = scheduler === "pc" ? { steps: 3 } : { rtol: 1, atol: 0.5 };
    const asked = { scheduler, count: 3, seed: 3, classLabels: ["tiger", "azure"], ...loose };
    const guided = await plain.generate({ ...asked, guidanceScale: 3, batchSize: 3 });
    expect(await plain.generate({ ...asked, guidanceScale: 3, batchSize: 2 })).toEqual(guided);
    expect(await plain.generate(asked)).not.toEqual(guided);
  }
});

test("a part of an image is drawn anew as of a class", async () => {
  const pipeline = new RePaintPipeline(plain.unet, new DDPMScheduler(), { backend: "reference", id2label });
  const rgb = (level: (i: number) => number): Pixels => ({
    data: Uint8Array.from({ length: 192 }, (_, i) => level(i)),
    width: 8,
    height: 8,
    channels: 3,
  });
  const image = rgb((i) => (i * 37) % 256);
  const mask = rgb((i) => (i < 96 ? 255 : 0));
  const asked = { image, mask, steps: 3, jumpNSample: 1, seed: 1, classLabels: "tiger" };
  const [one, three] = [
    await pipeline.generate(asked),
    await pipeline.generate({ ...asked, guidanceScale: 3 }),
  ];
  expect(three.data.slice(0, 96)).toEqual(one.data.slice(0, 96));
  expect(three.data.slice(96)).not.toEqual(one.data.slice(96));
  expect(() => pipeline.checkOptions({ ...asked, classLabels: "lion" })).toThrow('no class "lion"');
});

describe("names", () => {
  const folder = testFolder();

  test("travel with the pipeline, as in diffusers' DiTPipeline", async () => {
    const path = folder("named");
    await plain.savePretrained(path);
    const index = JSON.parse(await readFile(join(path, "model_index.json"), "utf8"));
    expect(index).toMatchObject({ _class_name: "DDPMPipeline", id2label });
    const loaded = await DDPMPipeline.fromPretrained(path);
    expect(Object.fromEntries(loaded.labels)).toEqual({
      azure: 0,
      flambé: 1,
      "orange-tip": 1,
      "orange-tip, flambé": 1,
      tiger: 2,
    });
    expect(loaded.getLabelIds(["flambé", "tiger", "0"])).toEqual([1, 2, 0]);
    expect(loaded.classes).toMatchObject({ count: 3, nullClass: 3 });
    const again = folder("again");
    await loaded.savePretrained(again);
    expect(await readFile(join(again, "model_index.json"))).toEqual(
      await readFile(join(path, "model_index.json")),
    );
    expect((await RePaintPipeline.fromPretrained(path)).classes?.count).toBe(3);
  });

  test.each([
    ['{"0": 5}', /id2label\.0: .*string/],
    ['{"first": "a"}', "the numbers of classes were expected as keys"],
    ['{"4": "a"}', "id2label names a class 4, but the model has 0 to 3"],
  ])("that cannot be are refused: %s", async (json, message) => {
    const path = folder("wrong");
    await plain.savePretrained(path);
    const file = join(path, "model_index.json");
    const index = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...index, id2label: JSON.parse(json) }));
    await expect(DDPMPipeline.fromPretrained(path)).rejects.toThrow(message);
  });

  test("of a model without classes are refused", () => {
    expect(() => new DDPMPipeline(tinyUNet(), new DDPMScheduler(), { id2label })).toThrow(
      "id2label names classes, but the model is not class-conditional",
    );
  });
});

test("a model of others, without names and without a row for none, draws by number", async () => {
  const options = { backend: "reference" } as const;
  const model = tinyUNet(0, { numClassEmbeds: 4 });
  const pipeline = new DDPMPipeline(model, new DDPMScheduler(), options);
  const drawn = await pipeline.generate({ steps: 1, count: 2, classLabels: [3, 0] });
  expect(drawn.shape).toEqual([2, 8, 8, 3]);
  await expect(pipeline.generate({ guidanceScale: 2 })).rejects.toThrow(
    "the model was not trained without classes, which guidance compares with",
  );
  await expect(pipeline.generate({ classLabels: 4 })).rejects.toThrow(
    "there is no class 4; the model has the classes 0 to 3",
  );
  await expect(pipeline.generate({ classLabels: "tiger" })).rejects.toThrow(
    'there is no class "tiger": the model\'s classes have no names; give numbers',
  );

  const byTime = new DDPMPipeline(tinyUNet(0, { classEmbedType: "timestep" }), new DDPMScheduler(), options);
  expect((await byTime.generate({ steps: 1, classLabels: 1000 })).shape).toEqual([1, 8, 8, 3]);
  await expect(byTime.generate()).rejects.toThrow("the model takes any number as a class; say which");
  const embedded = new DDPMPipeline(tinyUNet(0, { classEmbedType: "identity" }), new DDPMScheduler());
  await expect(embedded.generate({ classLabels: 0 })).rejects.toThrow("class_embed_type identity");
});

test("what is wrong is told in one line, with the names that are near", async () => {
  for (const [wrong, message] of [
    [{ classLabels: "Tigre" }, 'there is no class "Tigre"; of the model\'s 5 names the nearest are: tiger, '],
    [{ classLabels: "tip" }, "the nearest are: orange-tip"],
    [{ classLabels: ["azure", 3] }, "there is no class 3; the model has the classes 0 to 2"],
    [{ classLabels: -1 }, "there is no class -1"],
    [{ classLabels: [] }, "no class was given, expected at least one"],
    [{ guidanceScale: -1 }, "the guidance scale is -1, expected 0 .. 1000"],
    [{ guidanceScale: 1e25 }, "the guidance scale is 1e+25, expected 0 .. 1000"],
    [{ guidanceScale: Number.NaN }, "the guidance scale is NaN"],
    [{ guidanceScale: 2, guidanceRescale: 1.5 }, "the guidance rescale is 1.5, expected 0 .. 1"],
    [{ guidanceRescale: 0.7 }, "counts beside a guidance scale other than 1; give both or neither"],
  ] as const) {
    expect(() => plain.checkOptions(wrong)).toThrow(message);
  }
  const without = new DDPMPipeline(tinyUNet(), new DDPMScheduler());
  for (const asked of [{ classLabels: 0 }, { guidanceScale: 2 }, { guidanceRescale: 0.5 }]) {
    await expect(without.generate(asked)).rejects.toThrow(
      "the model is not class-conditional; leave out classes and guidance",
    );
  }
});
