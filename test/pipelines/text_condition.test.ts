// A conditional UNet in a pipeline: its conditions reach it by their names, image by image, with guidance and without.

import { describe, expect, test } from "vitest";
import type { HostArray } from "../../src/engine/backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { numel } from "../../src/engine/shape.ts";
import { input } from "../../src/engine/tensor.ts";
import { type Conditions, type Denoiser, mapConditions } from "../../src/models/denoiser.ts";
import { UNet2DConditionModel } from "../../src/models/unet_2d_condition_model.ts";
import type { ClassOptions } from "../../src/pipelines/class_labels.ts";
import type { Condition, Conditioner, ImageRange } from "../../src/pipelines/conditioner.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { compileDenoiser } from "../../src/pipelines/denoiser_program.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { readJsonFixture } from "../support/golden.ts";

const backend = new ReferenceBackend();
const modelOf = async (name: string) =>
  UNet2DConditionModel.fromConfig(await readJsonFixture(`stable_diffusion/${name}.config.json`)).initialize(
    new TorchGenerator(1),
  );

/** Numbers of their own for each word, in place of a text model; none are zeros. */
class Words implements Conditioner<ClassOptions> {
  readonly settings = {};
  readonly components = [];
  readonly #model: Denoiser;

  constructor(model: Denoiser) {
    this.#model = model;
  }

  condition({ classLabels = "cat", guidanceScale = 1 }: ClassOptions): Condition {
    const words = [classLabels].flat().map(String);
    const inputs = async (images: ImageRange) => this.inputs(images, (image) => words[image % words.length]);
    const none = async (images: ImageRange) => this.inputs(images, () => "");
    const guidance = guidanceScale === 1 ? null : { scale: guidanceScale, rescale: 0, inputs: none };
    return { inputs, guidance };
  }

  inputs({ firstImage, count }: ImageRange, wordOf: (image: number) => string): Conditions<HostArray> {
    return mapConditions(this.#model.conditionsFor(1), ({ shape }) => {
      const width = numel(shape);
      const values = new Float32Array(count * width);
      for (let k = 0; k < count; k++) {
        const word = wordOf(firstImage + k);
        if (word !== "") values.set(new TorchGenerator(word.charCodeAt(0)).randn(width), k * width);
      }
      return values;
    });
  }
}

const call = { batchSize: 2, steps: 2, scheduler: "ddim", seed: 5 } as const;

describe.each(["unet_sd1", "unet_sdxl"])("%s", (name) => {
  test("draws for each word, in any batch", async () => {
    const model = await modelOf(name);
    const pipeline = new DDPMPipeline(model, new DDPMScheduler(), { backend, conditioner: new Words(model) });
    const images = async (words: string | string[], more: object = {}) => {
      const { data, shape } = await pipeline.generate({ ...call, classLabels: words, count: 2, ...more });
      const size = data.length / shape[0];
      return [data.slice(0, size), data.slice(size)];
    };
    const [cats, both] = [await images("cat"), await images(["cat", "dog"])];
    expect(both[0]).toEqual(cats[0]);
    expect(both[1]).not.toEqual(cats[1]);
    const [guided] = await images("cat", { guidanceScale: 3 });
    expect(guided).not.toEqual(cats[0]);
  });
});

test("guidance leads from the prediction without the word to that with it, and beyond", async () => {
  const model = await modelOf("unet_sdxl");
  model.upload(backend);
  const words = new Words(model);
  const shape = [1, 8, 8, 4] as const;
  const x = { data: new TorchGenerator(2).randn(256), shape: [...shape] };
  const predict = async (word: string, guidanceScale = 1) => {
    const condition = words.condition({ classLabels: word, guidanceScale });
    const program = await compileDenoiser(backend, model, shape, { isGuided: guidanceScale !== 1 });
    return (await (await program.forBatch(condition, 0)).denoise(x, 400)).data;
  };
  const [cond, uncond, guided] = [await predict("cat"), await predict(""), await predict("cat", 3)];
  const expected = cond.map((value, i) => uncond[i] + 3 * (value - uncond[i]));
  expect([...guided]).toEqual([...expected].map((value) => expect.closeTo(value, 4)));
  expect([...cond]).not.toEqual([...uncond].map((value) => expect.closeTo(value, 2)));
});

test("a condition that is not given is named", async () => {
  const model = await modelOf("unet_lcm");
  const program = await compileDenoiser(backend, model, [1, 8, 8, 4]);
  expect(program.executable).toBeDefined();
  await expect(program.forBatch(null, 0)).rejects.toThrow("the model is conditioned on classLabels");
  expect(() => model.forward(input([1, 8, 8, 4]), input([1]))).toThrow("wants classLabels [1], got none");
});
