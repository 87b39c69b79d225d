// Pipelines whose model sees patches: saved, read, drawn, completed and measured as one of pixels would be.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { identity } from "../../src/codecs/identity.ts";
import { patches } from "../../src/codecs/patches.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { bitsPerDim, checkBitsPerDim } from "../../src/pipelines/bits_per_dim.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { RePaintPipeline } from "../../src/pipelines/repaint_pipeline.ts";
import { DDPMScheduler, shiftNoise } from "../../src/schedulers/index.ts";
import { testFolder } from "../support/folder.ts";
import { tinyUNet } from "./support.ts";

const folder = testFolder();
const backend = new ReferenceBackend();
const scheduler = shiftNoise(new DDPMScheduler({ predictionType: "sample" }), 2);
/** Images of 16 x 16 as 8 x 8 positions of 12 channels. */
const unet = tinyUNet(0, { inChannels: 12, outChannels: 12 });
const codec = patches(2);
const call = { count: 3, batchSize: 2, steps: 3, scheduler: "ddim", seed: 5 } as const;

test("a saved pipeline names its own class, which Python loads, and reads back to the same images", async () => {
  const pipeline = new DDPMPipeline(unet, scheduler, { backend, codec });
  expect(pipeline.imageSize).toEqual({ height: 16, width: 16, channels: 3 });
  const path = folder("saved");
  await pipeline.savePretrained(path);
  const index = JSON.parse(await readFile(join(path, "model_index.json"), "utf8"));
  expect(index).toMatchObject({ _class_name: ["pipeline", "PatchPipeline"], patch_size: 2 });
  expect(await readFile(join(path, "pipeline.py"), "utf8")).toContain("class PatchPipeline(DDPMPipeline):");
  const again = await DDPMPipeline.fromPretrained(path, { backend });
  expect(await again.generate(call)).toEqual(await pipeline.generate(call));
  // Once more into the same folder, which holds a pipeline and nothing else.
  await again.savePretrained(path);

  // As diffusers saves it again.
  await writeFile(join(path, "model_index.json"), JSON.stringify({ ...index, _class_name: "PatchPipeline" }));
  expect((await DDPMPipeline.fromPretrained(path)).codec.saved).toEqual(codec.saved);

  for (const [wrong, message] of [
    [{ patch_size: 3 }, "patch_size is 3, expected 2, 4, 8"],
    [{ _class_name: ["pipeline", "MyPipeline"] }, /of the class MyPipeline, expected .*PatchPipeline/],
    [{ _class_name: ["pipeline", "DDPMPipeline"] }, /of the class DDPMPipeline, expected/],
  ] as const) {
    await writeFile(join(path, "model_index.json"), JSON.stringify({ ...index, ...wrong }));
    await expect(DDPMPipeline.fromPretrained(path)).rejects.toThrow(message);
  }
});

test("draws the images whose patches the model draws", async () => {
  const images = await new DDPMPipeline(unet, scheduler, { backend, codec }).generate(call);
  const latents = await new DDPMPipeline(unet, scheduler, { backend }).generate(call);
  expect(await codec.decode(latents, backend)).toEqual(images);
});

test("RePaint keeps every single pixel that is to be kept", async () => {
  const side = 16;
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 37) % 256);
  const isKept = (pixel: number) => pixel % 5 !== 0;
  const mask = Uint8Array.from(data, (_, i) => (isKept(Math.floor(i / 3)) ? 255 : 0));
  const size = { width: side, height: side, channels: 3 as const };
  const repaint = new RePaintPipeline(unet, scheduler, { backend, codec });
  const options = { steps: 4, jumpLength: 2, jumpNSample: 1 };
  const [image] = await repaint.generateImages({
    image: { data, ...size },
    mask: { data: mask, ...size },
    ...options,
  });
  const changed = Array.from(data.keys()).filter((i) => image.data[i] !== data[i]);
  expect(changed.length).toBeGreaterThan(100);
  expect(changed.every((i) => !isKept(Math.floor(i / 3)))).toBe(true);
});

test("bits per dimension are those of the pixels", async () => {
  expect(() => checkBitsPerDim(unet, scheduler, codec)).not.toThrow();
  const images = hostTensor(
    Float32Array.from({ length: 2 * 16 * 16 * 3 }, (_, i) => ((i * 37) % 256) / 127.5 - 1),
    [2, 16, 16, 3],
  );
  const options = { backend, timesteps: 3 };
  const ofImages = await bitsPerDim(unet, scheduler, { ...options, images, codec });
  const latents = await codec.encode(images, backend);
  const ofLatents = await bitsPerDim(unet, scheduler, { ...options, images: latents, codec: identity });
  expect(ofImages).toEqual(ofLatents);
});
