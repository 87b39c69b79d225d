// The initial weights of a run: those given with its model, the others from the seed.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  DDPMPipeline,
  DDPMScheduler,
  readStateDict,
  type StateDict,
  synthetic,
  Trainer,
  type TrainerOptions,
  UNet2DModel,
} from "../../src/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { testFolder } from "../support/folder.ts";

const folder = testFolder();

const { config } = tinyUNet();
/** A model without weights. */
const fresh = () => new UNet2DModel(config);
const data = synthetic({ count: 10, size: 8 });

const options = (name: string, more: Partial<TrainerOptions> = {}): TrainerOptions => ({
  model: fresh(),
  scheduler: new DDPMScheduler(),
  data,
  batchSize: 4,
  steps: 1,
  learningRate: 1e-3,
  seed: 7,
  out: folder(name),
  sampleSteps: 1,
  sampleCount: 1,
  backend: "reference",
  ...more,
});

async function run(given: TrainerOptions): Promise<number[]> {
  const losses = [];
  for await (const { loss } of new Trainer(given).run()) losses.push(loss);
  return losses;
}

/** A run that is ended before its first checkpoint. */
async function begun(given: TrainerOptions): Promise<void> {
  const trainer = new Trainer(given);
  await trainer.prepare();
  await trainer.close();
}

const recorded = async (name: string) => JSON.parse(await readFile(folder(name, "config.json"), "utf8")).init;
const checkpoint = (name: string, step: number, part = "unet") =>
  folder(name, `checkpoints/step-${String(step).padStart(6, "0")}`, part);

/** The greatest difference between two state dicts of the same tensors. */
function distance(a: StateDict, b: StateDict): number {
  expect([...a.keys()].sort()).toEqual([...b.keys()].sort());
  return Math.max(...[...a].map(([name, { data }]) => differenceOf(data, b.get(name)?.data)));
}
const differenceOf = (a: Float32Array, b: Float32Array = new Float32Array()): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

describe("a model without weights", () => {
  test("is drawn from the seed, to the bytes that it always was", async () => {
    const digests = [];
    for (const augmentProbability of [0, 0.5]) {
      const name = `fresh-${augmentProbability}`;
      await run(options(name, { backend: "wasm", steps: 3, augmentProbability }));
      const file = join(checkpoint(name, 3), "diffusion_pytorch_model.safetensors");
      digests.push(
        createHash("sha256")
          .update(await readFile(file))
          .digest("hex"),
      );
      expect(await recorded(name)).toBe(undefined);
    }
    expect(digests).toEqual([
      "f79dfcac3d976aea28ee275a048273a58354c5db19ede66027cdcbff5f76c6f2",
      "332f0d9afa41b38d623790bfa8f2e16ef25ac7ab29cd3827e8f227ab13074f59",
    ]);
  });

  test("is left as it was until the first checkpoint: another seed draws its own weights", async () => {
    const model = fresh();
    await begun(options("left", { model, seed: 1 }));
    expect([...model.namedParameters().values()].some(({ hasValue }) => hasValue)).toBe(false);
    const losses = await run(options("other-seed", { model, seed: 2 }));
    expect(losses).toEqual(await run(options("other-seed-alone", { seed: 2 })));
  });
});

describe("a model with weights", () => {
  test("is trained from them, and so is its average", async () => {
    const given = tinyUNet(3);
    await run(options("loaded", { model: tinyUNet(3), learningRate: 1e-9 }));
    for (const part of ["unet", "unet_ema"]) {
      const trained = await readStateDict(checkpoint("loaded", 1, part));
      expect(distance(trained, given.stateDict())).toBeLessThan(1e-7);
    }
    expect(await recorded("loaded")).toMatchObject({
      source: null,
      kept: given.namedParameters().size,
      drawn: [],
    });
  });

  test("goes on where an earlier Trainer left it, and that of a pipeline likewise", async () => {
    const model = fresh();
    await run(options("first", { model, steps: 3 }));
    const { unet } = await DDPMPipeline.fromPretrained(folder("first"));
    const last = await readStateDict(checkpoint("first", 3));
    await run(options("second", { model, learningRate: 1e-9 }));
    expect(distance(await readStateDict(checkpoint("second", 1)), last)).toBeLessThan(1e-7);

    const average = await readStateDict(checkpoint("first", 3, "unet_ema"));
    expect(distance(average, last)).toBeGreaterThan(1e-5);
    await run(options("third", { model: unet, learningRate: 1e-9, init: { source: "first", step: 3 } }));
    expect(distance(await readStateDict(checkpoint("third", 1)), average)).toBeLessThan(1e-7);
    expect(await recorded("third")).toMatchObject({ source: "first", step: 3, drawn: [] });
  });

  test("for some of its tensors keeps these, and the others are the seed's", async () => {
    const state = tinyUNet(3).stateDict();
    const missing = ["conv_in.weight", "mid_block.attentions.0.to_q.bias"];
    for (const name of missing) state.delete(name);
    const model = fresh().loadStateDict(state, { strict: false });
    const augmentProbability = 0.5;
    await run(options("part", { model, learningRate: 1e-9, augmentProbability }));
    const ofSeed = tinyUNet(7).stateDict();
    for (const name of missing) {
      const weight = ofSeed.get(name);
      if (weight) state.set(name, weight);
    }
    expect(distance(await readStateDict(checkpoint("part", 1)), state)).toBeLessThan(1e-7);
    expect(await recorded("part")).toMatchObject({
      kept: state.size - 2,
      drawn: [...missing, "augment_embedding.weight"],
    });
  });

  test("which are said to come from somewhere, but are not there, is refused", async () => {
    await expect(run(options("none", { init: { source: "runs/other" } }))).rejects.toThrow(
      "the weights were said to come from runs/other, but the model has none; load them first",
    );
  });
});

describe("a run that goes on", () => {
  test("needs the weights no more, and keeps what is known of them", async () => {
    await run(options("whole", { model: tinyUNet(3), steps: 2 }));
    await run(options("parts", { model: tinyUNet(3), steps: 1 }));
    const before = await recorded("parts");
    await run(options("parts", { steps: 2, resume: true }));
    expect(await recorded("parts")).toEqual(before);
    const [whole, parts] = ["whole", "parts"].map((name) => readStateDict(checkpoint(name, 2)));
    expect(distance(await whole, await parts)).toBe(0);
  });

  test("before its first checkpoint begins with the same weights, or not at all", async () => {
    const losses = await run(options("same", { model: tinyUNet(3) }));
    await begun(options("begun", { model: tinyUNet(3) }));
    for (const model of [fresh(), tinyUNet(4)]) {
      await expect(run(options("begun", { model, resume: true }))).rejects.toThrow(
        /begun has no checkpoint yet, and the weights that it began with \(given by a program\) are not those/,
      );
    }
    expect(await run(options("begun", { model: tinyUNet(3), resume: true }))).toEqual(losses);
  });

  test("before its first checkpoint, and begun with none, draws those of its seed", async () => {
    const losses = await run(options("seeded"));
    await begun(options("seeded-begun"));
    expect(await run(options("seeded-begun", { model: tinyUNet(3), resume: true }))).toEqual(losses);
    expect(await recorded("seeded-begun")).toBe(undefined);
  });
});
