import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";
import type { BackendName } from "../../src/engine/backends/create.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { DDPMScheduler, torchNoise } from "../../src/schedulers/index.ts";
import { backendNames } from "../support/backends.ts";
import { testFolder } from "../support/folder.ts";
import { tinyUNet } from "./support.ts";

const backend = "reference";
const folder = testFolder();

const pipeline = (name: BackendName = backend) =>
  new DDPMPipeline(tinyUNet(), new DDPMScheduler(), { backend: name });

describe("against diffusers", () => {
  // tests/pipelines/ddpm/test_ddpm.py::test_fast_inference: image[0, -3:, -3:, -1] after two steps of DDPM.
  test.each(backendNames)("DDPM, seed 0, two steps, on %s", async (name) => {
    const noise = torchNoise(new TorchGenerator(0));
    const { data, shape } = await pipeline(name).generate({ steps: 2, noise });
    expect(shape).toEqual([1, 8, 8, 3]);
    const corner = [5, 6, 7].flatMap((y) => [5, 6, 7].map((x) => data[(y * 8 + x) * 3 + 2]));
    const expected = [0.0, 0.9996672, 0.00329116, 1.0, 0.9995991, 1.0, 0.0060907, 0.00115037, 0.0];
    for (const [i, value] of expected.entries()) expect(Math.abs(corner[i] - value)).toBeLessThan(1e-2);
    for (const [i, value] of expected.entries()) expect(Math.abs(corner[i] - value)).toBeLessThan(1e-4);
  });
});

describe("images belong to their seed and number", () => {
  test("in any batch size, for DDPM and DDIM with noise", async () => {
    for (const options of [{ steps: 3 }, { steps: 3, scheduler: "ddim", eta: 0.5 }] as const) {
      const all = await pipeline().generate({ ...options, count: 5, seed: 7, batchSize: 5 });
      const split = await pipeline().generate({ ...options, count: 5, seed: 7, batchSize: 2 });
      expect(split.data).toEqual(all.data);
      const one = await pipeline().generate({ ...options, count: 1, seed: 7 });
      expect(one.data).toEqual(all.data.slice(0, 192));
    }
  });

  test("another seed gives other images", async () => {
    const a = await pipeline().generate({ steps: 2, seed: 1 });
    const b = await pipeline().generate({ steps: 2, seed: 2 });
    expect(a.data).not.toEqual(b.data);
  });
});

describe("two calls at once", () => {
  const calls = [
    { steps: 3, seed: 1 },
    { steps: 2, seed: 2 },
  ];

  test.each(backendNames)("draw what they draw one after the other, on %s", async (name) => {
    const alone = pipeline(name);
    const expected: Float32Array[] = [];
    for (const call of calls) expected.push((await alone.generate(call)).data);
    const together = pipeline(name);
    const drawn = await Promise.all(calls.map((call) => together.generate(call)));
    expect(drawn.map(({ data }) => data)).toEqual(expected);
    await Promise.all([alone.close(), together.close()]);
  });

  test("compile the model once, and again where that failed", async () => {
    const shared = new ReferenceBackend();
    const compile = vi.spyOn(shared, "compile").mockRejectedValueOnce(new Error("no memory"));
    const drawing = new DDPMPipeline(tinyUNet(), new DDPMScheduler(), { backend: shared });
    await expect(drawing.generate(calls[0])).rejects.toThrow("no memory");
    await Promise.all(calls.map((call) => drawing.generate(call)));
    expect(compile).toHaveBeenCalledTimes(2);
    await drawing.close();
  });
});

test("onStep sees every step of every batch", async () => {
  const seen: string[] = [];
  await pipeline().generate({
    count: 3,
    batchSize: 2,
    steps: 2,
    onStep: ({ step, steps, timestep, firstImage, count, sample, predOriginalSample }) => {
      expect(sample.shape).toEqual([2, 8, 8, 3]);
      expect(predOriginalSample.shape).toEqual([2, 8, 8, 3]);
      seen.push(`${firstImage}+${count} ${step}/${steps} t=${timestep}`);
    },
  });
  expect(seen).toEqual(["0+2 1/2 t=500", "0+2 2/2 t=0", "2+1 1/2 t=500", "2+1 2/2 t=0"]);
});

describe("folders", () => {
  test("what is saved is loaded, with the same bytes and images", async () => {
    const path = folder("saved");
    const saved = pipeline();
    await saved.savePretrained(path);
    const loaded = await DDPMPipeline.fromPretrained(path, { backend });
    const again = folder("again");
    await loaded.savePretrained(again);
    for (const file of [
      "model_index.json",
      "unet/config.json",
      "unet/diffusion_pytorch_model.safetensors",
      "scheduler/scheduler_config.json",
    ]) {
      expect(await readFile(join(again, file))).toEqual(await readFile(join(path, file)));
    }
    const options = { count: 2, steps: 2, seed: 3, scheduler: "ddim" } as const;
    expect((await loaded.generate(options)).data).toEqual((await saved.generate(options)).data);
  });

  test("what Python saved in half precision is loaded by its variant", async () => {
    const half = fileURLToPath(new URL("../fixtures/saved_by_diffusers/fp16", import.meta.url));
    await expect(DDPMPipeline.fromPretrained(half, { backend })).rejects.toThrow("only the variant fp16");
    const loaded = await DDPMPipeline.fromPretrained(half, { backend, variant: "fp16" });
    const { shape } = await loaded.generate({ steps: 1 });
    expect(shape).toEqual([1, 8, 8, 3]);
  });

  test("a folder of other things is not replaced", async () => {
    const path = folder("mine");
    await mkdir(path);
    await writeFile(join(path, "notes.txt"), "mine");
    await expect(pipeline().savePretrained(path)).rejects.toThrow(
      /mine: this folder holds other things than a pipeline.*choose a new folder/,
    );
    expect(await readFile(join(path, "notes.txt"), "utf8")).toBe("mine");
  });

  test("what is wrong is said in one line", async () => {
    const path = folder("broken");
    const load = () => DDPMPipeline.fromPretrained(path, { backend });
    await expect(load()).rejects.toThrow(/broken.*no such file or folder/);
    await pipeline().savePretrained(path);
    const weights = join(path, "unet", "diffusion_pytorch_model.safetensors");
    await truncate(weights, 30_000);
    await expect(load()).rejects.toThrow(/diffusion_pytorch_model.safetensors/);
    await pipeline().savePretrained(path);
    const config = join(path, "unet", "config.json");
    const text = await readFile(config, "utf8");
    await writeFile(config, text.replace("UNet2DModel", "UNet3DConditionModel"));
    await expect(load()).rejects.toThrow(/UNet3DConditionModel/);
    await writeFile(config, text.replace('"layers_per_block": 1', '"layers_per_block": 2'));
    await expect(load()).rejects.toThrow(/missing.*layer|missing .*resnets/);
    await writeFile(config, text.slice(0, 40));
    await expect(load()).rejects.toThrow(/not JSON/);
    await writeFile(folder("plain"), "");
    await expect(DDPMPipeline.fromPretrained(folder("plain"))).rejects.toThrow(/this is a file/);
    await expect(DDPMPipeline.fromPretrained(folder())).rejects.toThrow(/neither a pipeline.*nor a run/);
  });
});

test("options out of range are named", async () => {
  const generate = (options: object) => pipeline().generate(options);
  for (const count of [0, -1, 1.5]) {
    await expect(generate({ count })).rejects.toThrow(
      `count is ${count}, expected a whole number of at least 1`,
    );
  }
  await expect(generate({ steps: 1001 })).rejects.toThrow(
    "steps is 1001, expected a whole number from 1 to 1000",
  );
  await expect(generate({ scheduler: "euler!" })).rejects.toThrow(/scheduler is "euler!", expected ddpm/);
  await expect(generate({ seed: -1, steps: 1 })).rejects.toThrow(/seed is -1/);
});

test("parts of a call are the images of the whole", async () => {
  const own = { steps: 2, seed: 3, count: 5 };
  for (const given of [own, { ...own, seedCompat: "torch" as const }]) {
    const { data } = await pipeline().generate(given);
    const parts = [];
    for (const part of [
      { firstImage: 0, count: 2 },
      { firstImage: 2, count: 3 },
    ]) {
      const drawn = await pipeline().generate({ ...given, part });
      expect(drawn.shape).toEqual([part.count, 8, 8, 3]);
      parts.push(...drawn.data);
    }
    expect(parts).toEqual([...data]);
  }
  const call = (part: { firstImage: number; count: number }) => pipeline().generate({ count: 5, part });
  await expect(call({ firstImage: 4, count: 2 })).rejects.toThrow(
    "part: images 4 to 5 of 5; give whole numbers of a range within them",
  );
  await expect(call({ firstImage: 0, count: 0 })).rejects.toThrow("part: images 0 to -1 of 5");
  const noise = torchNoise(new TorchGenerator(0));
  await expect(pipeline().generate({ count: 5, part: { firstImage: 0, count: 1 }, noise })).rejects.toThrow(
    "part: one noise source is for all images",
  );
});
