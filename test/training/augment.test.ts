// Training on augmented images: the embedding of augmentations, and resumed runs.

import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { constant, grad, input } from "../../src/engine/tensor.ts";
import { DDPMPipeline, DDPMScheduler, synthetic, Trainer, type TrainerOptions } from "../../src/index.ts";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { adamwDefaults } from "../../src/nn/adamw.ts";
import { AugmentEmbedding } from "../../src/training/step/augment_embedding.ts";
import { buildTrainStep } from "../../src/training/step/train_step.ts";
import { contents } from "../cli/support.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { backends } from "../support/backends.ts";
import { relativeError } from "../support/compare.ts";
import { testFolder } from "../support/folder.ts";

const model = tinyUNet();
/** A layer that has learnt something. */
function trainedLayer(): AugmentEmbedding {
  const layer = new AugmentEmbedding(model.timeEmbedDim);
  const data = new TorchGenerator(1).randn(layer.shape[0] * layer.shape[1]);
  return layer.loadStateDict(new Map([["augment_embedding.weight", { data, shape: layer.shape }]]));
}
const sample = constant(new TorchGenerator(2).randn(2 * 8 * 8 * 3), [2, 8, 8, 3]);
const timesteps = constant(Float32Array.of(10, 500), [2]);
const told = Float32Array.from({ length: 18 }, (_, i) => Math.sin(i + 1));

describe("the layer", () => {
  test("has the same output and gradient on every backend", async () => {
    const results: Float32Array[][] = [];
    for (const { create } of backends) {
      const backend = await create();
      const layer = trainedLayer();
      const conditions = input([2, 9], "f32", "conditions");
      const prediction = model.forward(sample, timesteps, { addedEmbedding: layer.forward(conditions) });
      const [weight] = [...layer.namedParameters().values()];
      const gradients = grad(prediction.mul(prediction).mean(), [weight.tensor]);
      model.upload(backend);
      layer.upload(backend);
      const executable = await backend.compile({
        name: "told",
        inputs: [conditions],
        outputs: [prediction, ...gradients],
      });
      results.push(await executable.run([told]));
      await backend.close();
    }
    const [reference, wasm] = results;
    for (const [i, values] of wasm.entries()) expect(relativeError(values, reference[i])).toBeLessThan(1e-4);
    expect(reference[1].some((value) => Math.abs(value) > 1e-4)).toBe(true);
  });

  test.each(backends)("adds nothing at condition 0, to the bit: $name", async ({ create }) => {
    const backend = await create();
    const layer = trainedLayer();
    model.upload(backend);
    layer.upload(backend);
    const conditions = input([2, 9], "f32", "conditions");
    const withLayer = await backend.compile({
      name: "told nothing",
      inputs: [conditions],
      outputs: [model.forward(sample, timesteps, { addedEmbedding: layer.forward(conditions) })],
    });
    const alone = await backend.compile({
      name: "alone",
      inputs: [],
      outputs: [model.forward(sample, timesteps)],
    });
    const [[nothing], [plain], [something]] = [
      await withLayer.run([new Float32Array(18)]),
      await alone.run([]),
      await withLayer.run([told]),
    ];
    expect(nothing).toEqual(plain);
    expect(something).not.toEqual(plain);
    await backend.close();
  });

  test("is fed conditions in the training step, and refuses to go without", () => {
    const step = buildTrainStep({
      model,
      objective: { alphasCumprod: new DDPMScheduler().alphasCumprod, predictionType: "epsilon" },
      batchSize: 2,
      height: 8,
      width: 8,
      adamw: adamwDefaults,
      maxGradNorm: 1,
      ema: true,
      minSnrGamma: null,
      draws: "philox",
      augmentEmbedding: trainedLayer(),
    });
    expect(step.program.inputs.map(({ shape }) => shape)).toEqual([
      [2, 8, 8, 3],
      [3],
      [2, 9],
      [],
      [],
      [],
      [],
    ]);
    for (const part of [step.network, step.ema, step.expAvg]) {
      expect(part?.namedParameters().has("augment_embedding.weight")).toBe(true);
    }
    const given = {
      images: new Float32Array(384),
      key: new Int32Array(3),
      step: 0,
      learningRate: 1,
      emaDecay: 0,
    };
    expect(() => step.feeds(given)).toThrow("wants to be fed conditions");
    expect(() => model.forward(sample, timesteps, { addedEmbedding: sample })).toThrow(
      "wants addedEmbedding [2, 16], got [2, 8, 8, 3]",
    );
  });
});

describe("a run with every augmentation", () => {
  const folder = testFolder();

  const all = { randomCrop: 0.3, rotate: 20, translate: 0.1, colorJitter: 0.2, augmentProbability: 0.4 };
  const options = (name: string, more: Partial<TrainerOptions> = {}): TrainerOptions => ({
    model: tinyUNet(),
    scheduler: new DDPMScheduler(),
    data: synthetic({ count: 7, size: 8, flip: true }),
    batchSize: 4,
    steps: 6,
    learningRate: 1e-2,
    out: folder(name),
    sampleSteps: 2,
    sampleCount: 1,
    keepCheckpoints: 9,
    ...all,
    ...more,
  });
  const train = async (trainer: Trainer, until = 6) => {
    for await (const { step } of trainer.run()) if (step === until) trainer.stop();
  };

  test("goes on to the same bytes when resumed, for any number of threads", async () => {
    await train(new Trainer(options("whole", { threads: 1, checkpointEvery: 3 })));
    await train(new Trainer(options("parts", { threads: 2, checkpointEvery: 3 })), 3);
    await train(new Trainer(options("parts", { threads: 2, checkpointEvery: 3, resume: true })));
    const [whole, parts] = [await contents(folder("whole")), await contents(folder("parts"))];
    expect([...parts.keys()].toSorted()).toEqual([...whole.keys()].toSorted());
    for (const [file, digest] of whole) expect([file, parts.get(file)]).toEqual([file, digest]);
    expect(whole.has("checkpoints/step-000006/augment_embedding.safetensors")).toBe(true);
  });

  test("records what it does, learns the layer, and keeps it out of what diffusers loads", async () => {
    const config = JSON.parse(await readFile(folder("whole/config.json"), "utf8"));
    expect(config.training).toMatchObject({
      random_crop: 0.3,
      rotate: 20,
      translate: 0.1,
      color_jitter: 0.2,
      augment_probability: 0.4,
    });
    const checkpoint = folder("whole/checkpoints/step-000006");
    const layer = await readSafetensors(join(checkpoint, "augment_embedding.safetensors"));
    for (const name of ["weight", "weight_ema"]) {
      expect(layer.get(name)?.shape).toEqual([16, 9]);
      expect(layer.get(name)?.data).not.toEqual(new Float32Array(16 * 9));
    }
    const plain = [...tinyUNet().namedParameters().keys()].toSorted();
    for (const unet of ["unet", "unet_ema"]) {
      const weights = await readSafetensors(join(checkpoint, unet, "diffusion_pytorch_model.safetensors"));
      expect([...weights.keys()].toSorted()).toEqual(plain);
    }
    const pipeline = await DDPMPipeline.fromPretrained(folder("whole"));
    expect(Object.keys(pipeline.unet.config).toSorted()).toEqual(Object.keys(model.config).toSorted());
    expect([...pipeline.unet.namedParameters().keys()].toSorted()).toEqual(plain);
    await pipeline.close();
  });

  test("is resumed with the same augmentation only, and says so when its layer is lost", async () => {
    const resumed = (more: Partial<TrainerOptions>) =>
      new Trainer(options("again", { resume: true, ...more })).prepare();
    await cp(folder("whole"), folder("again"), { recursive: true });
    await rm(folder("again/samples.png"));
    await expect(resumed({ rotate: 21 })).rejects.toThrow("was begun with rotate 20, now it is 21");
    await expect(resumed({ augmentProbability: 0 })).rejects.toThrow("augment probability 0.4, now it is 0");
    const lost = folder("again/checkpoints/step-000006/augment_embedding.safetensors");
    await writeFile(lost, "");
    await expect(resumed({})).rejects.toThrow(/the checkpoint is damaged: .*augment_embedding.safetensors/);
    await rm(lost);
    await expect(resumed({})).rejects.toThrow(/the checkpoint is damaged: .*augment_embedding.safetensors/);
  });

  test("options out of range are named", () => {
    expect(() => new Trainer(options("never", { rotate: 200 }))).toThrow(/rotate/);
    expect(() => new Trainer(options("never", { augmentProbability: -0.1 }))).toThrow(/augmentProbability/);
  });

  test("configs of before, which do not name these options, mean none", async () => {
    const plain = {
      backend: "reference",
      randomCrop: 0,
      rotate: 0,
      translate: 0,
      colorJitter: 0,
      augmentProbability: 0,
    } as const;
    await train(new Trainer(options("old", { ...plain, steps: 2 })));
    const path = folder("old/config.json");
    const config = JSON.parse(await readFile(path, "utf8"));
    for (const name of ["random_crop", "rotate", "translate", "color_jitter", "augment_probability"]) {
      delete config.training[name];
    }
    await writeFile(path, JSON.stringify(config));
    const trainer = new Trainer(options("old", { ...plain, steps: 3, resume: true }));
    await trainer.prepare();
    expect(trainer.startStep).toBe(2);
    await trainer.close();
  });
});
