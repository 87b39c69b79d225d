// Pipelines whose autoencoder divides its work: on demand, and where memory is short.

import { afterAll, beforeAll, expect, test } from "vitest";
import { autoencoder } from "../../src/codecs/autoencoder.ts";
import { type Backend, MemoryError } from "../../src/engine/backend.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { VQModel } from "../../src/models/vq_model.ts";
import { readStableDiffusion } from "../../src/pipelines/stable_diffusion_parts.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { fixture } from "../support/golden.ts";

const FOLDER = fixture("stable_diffusion/pipeline");
const CALL = { prompt: "a castle", height: 96, width: 80, steps: 1, seed: 3, guidanceScale: 1 } as const;

let backend: Backend;
beforeAll(() => {
  backend = new WasmBackend({ threads: 1 });
});
afterAll(() => backend.close());

test("tiles are asked for and given up, for large images only", async () => {
  const pipeline = await StableDiffusionPipeline.fromPretrained(FOLDER, { backend });
  const whole = await pipeline.generateImages(CALL);
  const small = await pipeline.generateImages({ ...CALL, height: 16, width: 16 });
  pipeline.enableVaeTiling();
  const tiled = await pipeline.generateImages(CALL);
  expect(tiled).not.toEqual(whole);
  expect(await pipeline.generateImages({ ...CALL, height: 16, width: 16 })).toEqual(small);
  pipeline.disableVaeTiling();
  expect(await pipeline.generateImages(CALL)).toEqual(whole);
});

async function drawnOn(own: WasmBackend, change?: (pipeline: StableDiffusionPipeline) => void) {
  try {
    const pipeline = await StableDiffusionPipeline.fromPretrained(FOLDER, { backend: own });
    change?.(pipeline);
    return { images: await pipeline.generateImages(CALL), usedBytes: own.usedBytes };
  } finally {
    await own.close();
  }
}

test("an image that does not fit into memory is drawn in tiles where that is wanted, which is told", async () => {
  const tiled = await drawnOn(new WasmBackend({ threads: 1 }), (pipeline) => pipeline.enableVaeTiling());
  const whole = await drawnOn(new WasmBackend({ threads: 1 }));
  // The most memory that is too little for the whole image, nearly.
  let [memoryLimit, enough] = [0, whole.usedBytes];
  for (let k = 0; k < 8; k++) {
    const between = Math.floor((memoryLimit + enough) / 2);
    const attempt = await drawnOn(new WasmBackend({ threads: 1, memoryLimit: between })).catch(
      (error: unknown) => error,
    );
    if (attempt instanceof MemoryError) memoryLimit = between;
    else enough = between;
  }

  await expect(drawnOn(new WasmBackend({ threads: 1, memoryLimit }))).rejects.toThrow(MemoryError);
  const short = new WasmBackend({ threads: 1, memoryLimit });
  try {
    const warnings: string[] = [];
    const dividing = await StableDiffusionPipeline.fromPretrained(FOLDER, {
      ...{ backend: short, tilesWhereNeeded: true, warn: (text: string) => warnings.push(text) },
    });
    expect(await dividing.generateImages(CALL)).toEqual(tiled.images);
    expect(await dividing.generateImages(CALL)).toEqual(tiled.images);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^program AutoencoderKL decode 1x48x40x4 needs .* images are encoded and decoded in tiles/,
    );
  } finally {
    await short.close();
  }
});

test("an autoencoder that does not divide its work says so", async () => {
  const [parts] = await readStableDiffusion(FOLDER, {});
  const codec = autoencoder(new VQModel({ latentChannels: 4, normNumGroups: 4 }));
  const pipeline = new StableDiffusionPipeline({ ...parts, codec }, { backend });
  expect(() => pipeline.enableVaeTiling()).toThrow(
    "the pipeline's VQModel does not divide its work; an AutoencoderKL does",
  );
});
