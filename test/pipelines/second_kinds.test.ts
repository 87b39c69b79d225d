// Pipelines of a model, a codec and a conditioner of a second kind.

import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Film } from "../../src/cli/sample/film.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { type HostTensor, hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { checkBitsPerDim } from "../../src/pipelines/bits_per_dim.ts";
import { schedulerKind } from "../../src/pipelines/components.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import type { BatchStep } from "../../src/pipelines/diffusion_pipeline.ts";
import { UNCONDITIONAL } from "../../src/pipelines/families.ts";
import { readPipelineOf } from "../../src/pipelines/folders.ts";
import { toImages } from "../../src/pipelines/images.ts";
import { RePaintPipeline } from "../../src/pipelines/repaint_pipeline.ts";
import { unitRange } from "../../src/pipelines/sampling.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { testFolder } from "../support/folder.ts";
import { Hues, haar, haarKind, huesKind, TwoConvs, twoConvsKind } from "../support/second_kinds.ts";
import { tinyUNet } from "./support.ts";

const folder = testFolder();

const backend = new ReferenceBackend();
const scheduler = new DDPMScheduler();
const convs = (channels = 3, width = 0) => new TwoConvs(channels, 4, width).initialize(new TorchGenerator(0));
const call = { count: 3, batchSize: 2, steps: 3, scheduler: "ddim", seed: 5 } as const;

describe("a codec", () => {
  const latents = new DDPMPipeline(convs(12), scheduler, { backend });
  const pictures = new DDPMPipeline(convs(12), scheduler, { backend, codec: haar });

  test("decodes what the model draws, once, and as bytes too", async () => {
    const samples: HostTensor[] = [];
    const onStep = ({ step, sample }: BatchStep) => {
      if (step === 3) samples.push(sample);
    };
    expect(pictures.imageSize).toEqual({ height: 8, width: 8, channels: 3 });
    const drawn = await pictures.generate({ ...call, onStep });
    expect(drawn.shape).toEqual([3, 8, 8, 3]);
    expect(samples.map(({ shape }) => shape)).toEqual([
      [2, 4, 4, 12],
      [2, 4, 4, 12],
    ]);
    const all = new Float32Array(4 * 192);
    for (const [i, sample] of samples.entries()) all.set(sample.data, i * 2 * 192);
    const decoded = await haar.decode(hostTensor(all, [4, 4, 4, 12]), backend);
    unitRange(decoded.data, decoded.data);
    expect(drawn.data).toEqual(decoded.data.slice(0, 3 * 192));
    // The same noise and the same model: what differs is only the codec.
    const [first] = samples;
    const inModelSpace = await latents.generate({ ...call, count: 1 });
    const clipped = first.data.slice(0, 192);
    unitRange(clipped, clipped);
    expect(inModelSpace.data).toEqual(clipped);
    expect(await pictures.generateImages(call)).toEqual(toImages(drawn));
  });

  test("makes of 12 channels what can be drawn", async () => {
    await expect(latents.generateImages(call)).rejects.toThrow("images of 12 channels cannot be drawn");
    const film = new Film(10, (sample) => pictures.decode(sample));
    await pictures.generate({ ...call, onStep: (step) => film.add({ ...step, share: step.step / 3 }) });
    const { width, height } = await film.strip();
    expect(height).toBe(2 * 128 + 3 * 4);
    expect((width - 4) % (128 + 4)).toBe(0);
  });

  test("RePaint keeps the pixels of the places that are kept whole", async () => {
    const side = 8;
    const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 37) % 256);
    const isKept = (x: number, y: number) => !(x === 3 && y === 2) && x < 6;
    const mask = Uint8Array.from({ length: data.length }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return isKept(pixel % side, Math.floor(pixel / side)) ? 255 : 0;
    });
    const size = { width: side, height: side, channels: 3 as const };
    const repaint = new RePaintPipeline(convs(12), scheduler, { backend, codec: haar });
    const [image] = await repaint.generateImages({
      image: { data, ...size },
      mask: { data: mask, ...size },
      steps: 4,
      jumpLength: 2,
      jumpNSample: 1,
    });
    for (const [i, value] of data.entries()) {
      const [x, y] = [Math.floor(i / 3) % side, Math.floor(i / 3 / side)];
      const wholePlace = x < 6 && !(Math.floor(x / 2) === 1 && Math.floor(y / 2) === 1);
      if (wholePlace) expect(image.data[i]).toBe(value);
    }
    const drawnAnew = [2, 3].flatMap((y) => [2, 3].map((x) => (y * side + x) * 3));
    expect(drawnAnew.some((i) => image.data[i] !== data[i])).toBe(true);
  });

  test("its pixels have no bits per dimension", () => {
    expect(() => checkBitsPerDim(convs(12), scheduler, haar)).toThrow(
      "this model sees images through a Haar",
    );
    expect(() => checkBitsPerDim(convs(3), scheduler)).not.toThrow();
  });
});

describe("a conditioner", () => {
  const hues = new Hues(2);
  const pipeline = new DDPMPipeline(convs(3, 2), scheduler, { backend, conditioner: hues });

  test("gives the model its inputs, image by image, in any batch", async () => {
    const { data } = await pipeline.generate({ ...call, classLabels: ["red", "blue"] });
    const alone = await pipeline.generate({ ...call, count: 1, classLabels: "red" });
    expect(alone.data).toEqual(data.slice(0, alone.data.length));
    const other = await pipeline.generate({ ...call, count: 1, classLabels: "blue" });
    expect(other.data).not.toEqual(alone.data);
    expect([pipeline.classes, pipeline.labels.size]).toEqual([null, 0]);
  });

  test("and those without the condition for guidance", async () => {
    const guided = (guidanceScale: number, classLabels: string) =>
      pipeline.generate({ ...call, classLabels, guidanceScale });
    const none = await guided(0, "red");
    expect((await guided(0, "blue")).data).toEqual(none.data);
    expect((await guided(3, "red")).data).not.toEqual(none.data);
  });

  test("serves a UNet that wants an embedding for each class", async () => {
    const unet = tinyUNet(0, { classEmbedType: "identity" });
    const plain = new DDPMPipeline(unet, scheduler, { backend });
    await expect(plain.generate({ steps: 1, classLabels: 0 })).rejects.toThrow("class_embed_type identity");
    const given = new DDPMPipeline(unet, scheduler, { backend, conditioner: new Hues(unet.timeEmbedDim) });
    const [red, blue] = await Promise.all(
      ["red", "blue"].map((classLabels) => given.generate({ steps: 1, seed: 1, classLabels })),
    );
    expect(red.shape).toEqual([1, 8, 8, 3]);
    expect(red.data).not.toEqual(blue.data);
  });

  test("that gives nothing where the model wants something is refused", async () => {
    const silent = { components: [], settings: {}, condition: () => null };
    const refused = new DDPMPipeline(convs(3, 2), scheduler, { backend, conditioner: silent });
    await expect(refused.generate(call)).rejects.toThrow("conditioned on classLabels");
    expect(
      () => new DDPMPipeline(convs(3, 2), scheduler, { conditioner: hues, id2label: { 0: "a" } }),
    ).toThrow("leave it out");
  });
});

describe("a folder", () => {
  const conditioner = new Hues(2);
  const pipeline = new DDPMPipeline(convs(12, 2), scheduler, { backend, codec: haar, conditioner });
  const kinds = [schedulerKind, twoConvsKind, haarKind, huesKind];

  test("names the components, and each kind reads its own", async () => {
    const path = folder("whole");
    await pipeline.savePretrained(path);
    const { _diffusers_version, ...index } = JSON.parse(
      await readFile(join(path, "model_index.json"), "utf8"),
    );
    expect(index).toEqual({
      _class_name: "DDPMPipeline",
      unet: ["diffusers", "TwoConvs"],
      scheduler: ["diffusers", "DDPMScheduler"],
      vae: ["tests", "Haar"],
      hues: ["tests", "Hues"],
    });
    const {
      unet,
      scheduler: read,
      codec,
      conditioner: hues,
    } = await readPipelineOf({ ...UNCONDITIONAL, kinds }, path);
    if (codec === undefined || hues === undefined) throw new Error("not read");
    const again = new DDPMPipeline(unet, read, { backend, codec, conditioner: hues });
    const asked = { ...call, classLabels: "green" };
    expect(await again.generate(asked)).toEqual(await pipeline.generate(asked));
    // In its own place it may be saved again.
    await again.savePretrained(path);
    expect(existsSync(join(path, "hues", "config.json"))).toBe(true);
  });

  test("with a component that is not known is refused by its name", async () => {
    const path = folder("refused");
    await pipeline.savePretrained(path);
    await expect(DDPMPipeline.fromPretrained(path)).rejects.toThrow(
      "the model is a TwoConvs, expected a UNet2DModel",
    );
    for (const [known, message] of [
      [
        [schedulerKind, twoConvsKind, huesKind],
        "the pipeline has a vae (Haar), without which its images would be wrong",
      ],
      [[schedulerKind, twoConvsKind, haarKind], "the pipeline has a hues (Hues)"],
      [[schedulerKind, haarKind, huesKind, { ...twoConvsKind, className: "Other" }], "expected a Other"],
    ] as const) {
      await expect(readPipelineOf({ ...UNCONDITIONAL, kinds: known }, path)).rejects.toThrow(message);
    }
    const unet = new DDPMPipeline(tinyUNet(), scheduler, { backend, codec: haar });
    await rm(path, { recursive: true });
    await unet.savePretrained(path);
    await expect(DDPMPipeline.fromPretrained(path)).rejects.toThrow(
      "the pipeline has a vae (Haar), without which its images would be wrong; expected a UNet2DModel and a scheduler alone",
    );
  });
});
