// LoRAs in every spelling against the pictures that diffusers and PEFT draw with them (tools/python/lora_pictures.py).

import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import * as v from "valibot";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { createBackend } from "../../src/engine/backends/create.ts";
import { readSafetensors, type TensorEntry, writeSafetensors } from "../../src/io/safetensors.ts";
import type { StateDict } from "../../src/io/state_dict.ts";
import type { Module } from "../../src/nn/module.ts";
import { parseLoraName } from "../../src/pipelines/lora/names.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { type SchedulerName, schedulerNames, schedulers } from "../../src/schedulers/index.ts";
import { testFolder } from "../support/folder.ts";
import { fixture, readJsonFixture } from "../support/golden.ts";
import { weightsOf as allWeightsOf } from "../support/weights_of.ts";

const FOLDER = fixture("stable_diffusion/pipeline");
const lora = (name: string) => fixture(`stable_diffusion/lora/${name}.safetensors`);
const folder = testFolder();
const backend = await createBackend({ backend: "wasm" });
afterAll(() => backend.close());

const rowSchema = v.object({
  adapters: v.array(v.tuple([v.string(), v.number()])),
  active: v.array(v.string()),
  fused: v.nullable(v.number()),
  scheduler: v.string(),
  shape: v.array(v.number()),
  pixels: v.string(),
});
const rows = v.parse(v.array(rowSchema), await readJsonFixture("stable_diffusion/lora/pictures.json"));

/** The weights that the pipeline draws with. */
const weightsOf = async (of: StableDiffusionPipeline, model: Module): Promise<StateDict> => {
  await of.prepareWeights();
  return allWeightsOf(model);
};
const fresh = () => StableDiffusionPipeline.fromPretrained(FOLDER, { backend });
const pipeline = await fresh();
const own = {
  unet: await weightsOf(pipeline, pipeline.unet),
  text: await weightsOf(pipeline, pipeline.textEncoder),
};
const expectOwnWeights = async () => {
  expect(same(await weightsOf(pipeline, pipeline.unet), own.unet)).toBe(true);
  expect(same(await weightsOf(pipeline, pipeline.textEncoder), own.text)).toBe(true);
};
beforeEach(async () => {
  pipeline.unfuseLora();
  pipeline.unloadLoraWeights();
  await expectOwnWeights();
});

const same = (a: StateDict, b: StateDict): boolean =>
  [...a].every(([name, { data }]) => {
    const other = b.get(name)?.data;
    return other !== undefined && data.every((x, i) => Object.is(x, other[i]));
  });

const PROMPTS = ["a photo of a cat", "an oil painting of the castle"];
const drawn = (scheduler: SchedulerName = "ddim") =>
  pipeline.generate({
    prompt: PROMPTS,
    steps: 3,
    height: 16,
    width: 16,
    guidanceScale: 3,
    scheduler,
    seed: 7,
    seedCompat: "torch",
  });

const schedulerOf = (className: string): SchedulerName | undefined =>
  schedulerNames.find((name) => schedulers[name].className === className);

test.each(rows)(
  "$adapters, fused $fused, $scheduler: diffusers' pictures",
  async ({ adapters, active, fused, ...row }) => {
    const scheduler = schedulerOf(row.scheduler);
    if (scheduler === undefined) throw new Error(`there is no ${row.scheduler}`);
    for (const [name] of adapters) await pipeline.loadLoraWeights(lora(name), { adapterName: name });
    expect(pipeline.getActiveAdapters()).toEqual(active);
    const names = adapters.map(([name]) => name);
    const weights = adapters.map(([, weight]) => weight);
    if (weights.some((weight) => weight !== 1)) pipeline.setAdapters(names, weights);
    if (fused !== null) pipeline.fuseLora({ loraScale: fused });
    const { data, shape } = await drawn(scheduler);
    expect(shape).toEqual(row.shape);
    const pixels = Buffer.from(row.pixels, "base64");
    const near = data.filter((x, i) => Math.abs(Math.round(x * 255) - pixels[i]) <= 1);
    expect(near.length / data.length).toBeGreaterThanOrEqual(0.999);
  },
);

describe("LoRAs that come and go", () => {
  test("leave the weights as they were, bit for bit", async () => {
    await pipeline.loadLoraWeights(lora("kohya"), { adapterName: "a", weight: 0.7 });
    await pipeline.loadLoraWeights(lora("style"), { adapterName: "b" });
    pipeline.setAdapters(["a", "b"], [0.3, 0.9]);
    const both = await weightsOf(pipeline, pipeline.unet);
    pipeline.disableLora();
    await expectOwnWeights();
    pipeline.enableLora();
    expect(same(await weightsOf(pipeline, pipeline.unet), both)).toBe(true);
    pipeline.fuseLora();
    expect(same(await weightsOf(pipeline, pipeline.unet), both)).toBe(true);
    pipeline.setAdapters("a");
    expect(same(await weightsOf(pipeline, pipeline.unet), both)).toBe(true);
    pipeline.unfuseLora();
    pipeline.setAdapters([]);
    await expectOwnWeights();
  });

  test("may change while their weights are computed", async () => {
    await pipeline.loadLoraWeights(lora("kohya"), { adapterName: "a" });
    await pipeline.loadLoraWeights(lora("style"), { adapterName: "b" });
    pipeline.setAdapters("a", 0.5);
    const half = await weightsOf(pipeline, pipeline.unet);
    pipeline.setAdapters(["a", "b"]);
    const [first, second] = [pipeline.prepareWeights(), pipeline.prepareWeights()];
    await Promise.resolve();
    pipeline.setAdapters("a", 0.5);
    await Promise.all([first, second]);
    expect(same(await allWeightsOf(pipeline.unet), half)).toBe(true);
    pipeline.setAdapters("b");
    const third = pipeline.prepareWeights();
    await Promise.resolve();
    pipeline.disableLora();
    await third;
    await expectOwnWeights();
  });

  test("that are fused last, whether their weights were computed before or after the next LoRA", async () => {
    const weightsWhere = async (prepares: boolean) => {
      const other = await fresh();
      await other.loadLoraWeights(lora("kohya"));
      other.fuseLora();
      if (prepares) await other.prepareWeights();
      other.unloadLoraWeights();
      await other.loadLoraWeights(lora("style"));
      const both = await weightsOf(other, other.unet);
      other.unloadLoraWeights();
      return [both, await weightsOf(other, other.unet)];
    };
    const [both, fused] = await weightsWhere(true);
    const [bothLater, fusedLater] = await weightsWhere(false);
    expect(same(both, bothLater)).toBe(true);
    expect(same(fused, fusedLater)).toBe(true);
    await pipeline.loadLoraWeights(lora("kohya"));
    expect(same(fused, await weightsOf(pipeline, pipeline.unet))).toBe(true);
    expect(same(both, fused)).toBe(false);
  });

  test("are told by name, and deleted one by one", async () => {
    await pipeline.loadLoraWeights(lora("kohya"));
    const alone = await weightsOf(pipeline, pipeline.unet);
    await pipeline.loadLoraWeights(lora("style"));
    expect(pipeline.getListAdapters()).toEqual({
      unet: ["default_0", "default_1"],
      text_encoder: ["default_0"],
    });
    pipeline.setAdapters(["default_0", "default_1"]);
    pipeline.deleteAdapters("default_1");
    expect(pipeline.getActiveAdapters()).toEqual(["default_0"]);
    expect(same(await weightsOf(pipeline, pipeline.unet), alone)).toBe(true);
  });

  test("are saved as a part of the weights, and those that are fused stay", async () => {
    await pipeline.loadLoraWeights(lora("kohya"));
    const path = folder("saved");
    await pipeline.savePretrained(path);
    const saved = await StableDiffusionPipeline.fromPretrained(path, { backend });
    expect(same(await weightsOf(saved, saved.unet), await weightsOf(pipeline, pipeline.unet))).toBe(true);
    const other = await fresh();
    await other.loadLoraWeights(lora("kohya"));
    other.fuseLora();
    other.unloadLoraWeights();
    expect(other.getListAdapters()).toEqual({});
    expect(same(await weightsOf(other, other.unet), await weightsOf(pipeline, pipeline.unet))).toBe(true);
  });

  test("are found in a folder by diffusers' name", async () => {
    await mkdir(folder("usual"));
    await cp(lora("kohya"), folder("usual", "pytorch_lora_weights.safetensors"));
    await pipeline.loadLoraWeights(folder("usual"));
    expect(pipeline.getActiveAdapters()).toEqual(["default_0"]);
  });
});

test.each([
  ["unet.mid.attn1.processor.to_out_lora.down.weight", "unet", "mid.attn1.to_out.0", false, "down"],
  ["unet.mid.attn1.processor.to_q_lora.alpha", "unet", "mid.attn1.to_q", false, "alpha"],
  [
    "text_encoder.text_model.x.self_attn.to_out_lora.up.weight",
    "text_encoder",
    "text_model.x.self_attn.out_proj",
    false,
    "up",
  ],
  [
    "text_encoder_2.text_projection.lora_linear_layer.up.weight",
    "text_encoder_2",
    "text_projection",
    false,
    "up",
  ],
  ["lora_te1_text_model_x.lora_down.weight", "text_encoder", "text_model_x", true, "down"],
  ["lora_te2_text_model_x.alpha", "text_encoder_2", "text_model_x", true, "alpha"],
])("%s", (name, component, layer, isFlat, role) => {
  expect(parseLoraName(name)).toEqual({ component, layer, isFlat, role });
});

describe("settings", () => {
  const settings = { lora_alpha: 3, r: 2, use_rslora: false, alpha_pattern: {} };
  /** PEFT's own folder, with the layers of one model. */
  const saved = async (component: "unet" | "text_encoder", given: object): Promise<string> => {
    const path = folder(`peft-${component}`);
    await mkdir(path, { recursive: true });
    const own = [...(await readSafetensors(lora("peft")))].flatMap(
      ([name, tensor]): [string, TensorEntry][] =>
        name.startsWith(`${component}.`)
          ? [[`base_model.model.${name.slice(component.length + 1).replace("_A.", "_A.default.")}`, tensor]]
          : [],
    );
    await writeSafetensors(`${path}/adapter_model.safetensors`, new Map(own));
    await writeFile(`${path}/adapter_config.json`, JSON.stringify({ ...settings, ...given }));
    return path;
  };

  test.each([
    ["unet", 3],
    ["text_encoder", 1],
  ] as const)("PEFT's own folder of a %s", async (component, alpha) => {
    await pipeline.loadLoraWeights(lora("peft"), { adapterName: "both" });
    const model = component === "unet" ? pipeline.unet : pipeline.textEncoder;
    const expected = await weightsOf(pipeline, model);
    await pipeline.loadLoraWeights(await saved(component, { lora_alpha: alpha }));
    expect(pipeline.getListAdapters()[component]).toEqual(["both", "default_1"]);
    expect(same(await weightsOf(pipeline, model), expected)).toBe(true);
  });

  test("alpha of single layers, and divided by a root", async () => {
    const layer = "mid_block.resnets.0.conv1.weight";
    const changeBy = async (given: object): Promise<number> => {
      pipeline.unloadLoraWeights();
      await pipeline.loadLoraWeights(await saved("unet", given));
      const before = own.unet.get(layer)?.data ?? [];
      const after = (await weightsOf(pipeline, pipeline.unet)).get(layer)?.data ?? [];
      return after[0] - before[0];
    };
    const usual = await changeBy({});
    expect(await changeBy({ alpha_pattern: { "resnets.0.conv1": 6 } })).toBeCloseTo(2 * usual, 5);
    expect(await changeBy({ use_rslora: true })).toBeCloseTo(Math.SQRT2 * usual, 5);
  });

  test("what is not read is refused", async () => {
    const dora = await saved("unet", { use_dora: true });
    await expect(pipeline.loadLoraWeights(dora)).rejects.toThrow("use_dora: DoRA is not read");
    await writeFile(`${dora}/adapter_config.json`, '{"r": 2}');
    await expect(pipeline.loadLoraWeights(dora)).rejects.toThrow(
      "adapter_config.json: lora_alpha: Invalid key",
    );
    await rm(`${dora}/adapter_config.json`);
    await expect(pipeline.loadLoraWeights(dora)).rejects.toThrow("adapter_config.json: cannot read the file");
  });
});

/** A copy of a LoRA with some tensors changed. */
async function changed(name: string, change: (tensors: Map<string, TensorEntry>) => void): Promise<string> {
  const tensors: Map<string, TensorEntry> = new Map(await readSafetensors(lora("style")));
  change(tensors);
  await writeSafetensors(folder(name), tensors);
  return folder(name);
}

const DOWN = "lora_unet_mid_block_resnets_0_conv2.lora_down.weight";
const UP = DOWN.replace("down.", "up.");
const zeros = (...shape: number[]): TensorEntry => ({
  shape,
  data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
});

describe("refused in one line, and nothing is changed", () => {
  test.each<[string, (tensors: Map<string, TensorEntry>) => void, string]>([
    ["a layer without its other half", (t) => t.delete(UP), "is without its up matrix"],
    ["another rank", (t) => t.set(UP, zeros(16, 3, 1, 1)), "where [r, in] and [out, r] with r from 1"],
    ["no rank", (t) => t.set(UP, zeros(16, 0, 1, 1)) && t.set(DOWN, zeros(0, 16, 3, 3)), "with r from 1"],
    ["another size", (t) => t.set(UP, zeros(99, 2, 1, 1)), "it is of another version of Stable Diffusion"],
    [
      "an unknown layer",
      (t) =>
        t.set(`lora_unet_up${DOWN.slice(9)}`, zeros(2, 1)) &&
        t.set(`lora_unet_up${UP.slice(9)}`, zeros(1, 2)),
      "which this pipeline does not have",
    ],
    [
      "XL's text encoder",
      (t) =>
        t.set("lora_te2_a.lora_down.weight", zeros(2, 1)) && t.set("lora_te2_a.lora_up.weight", zeros(1, 2)),
      'changes "text_encoder_2 a"',
    ],
    ["DoRA", (t) => t.set("lora_unet_conv_in.dora_scale", zeros(1)), "is of a DoRA, which is not read"],
    ["LoHa", (t) => t.set("lora_unet_conv_in.hada_w1_a", zeros(1)), "is of a LoHa, which is not read"],
    ["three matrices", (t) => t.set("lora_unet_conv_in.lora_mid.weight", zeros(1)), "LoRA of three matrices"],
    ["biases", (t) => t.set("unet.conv_in.lora_B.bias", zeros(1)), "is of a LoRA with biases"],
    ["other tensors", (t) => t.set("conv_in.weight", zeros(1)), 'the tensor "conv_in.weight" is of no LoRA'],
    [
      "alpha as a list",
      (t) => t.set(DOWN.replace("lora_down.weight", "alpha"), zeros(2)),
      "where one number was expected",
    ],
    ["no layers", (t) => t.clear(), "there are no layers of a LoRA"],
    [
      "NaN",
      (t) => t.set(DOWN, { shape: [2, 16, 3, 3], data: new Float32Array(288).fill(Number.NaN) }),
      "finite numbers were expected",
    ],
  ])("%s", async (name, change, message) => {
    const path = await changed(`${name}.safetensors`, change);
    await expect(pipeline.loadLoraWeights(path)).rejects.toThrow(message);
    expect(pipeline.getListAdapters()).toEqual({});
    await expectOwnWeights();
  });

  test("pickles", async () => {
    await writeFile(folder("lora.pt"), Buffer.from([0x80, 2, 0x7d, 0x71, 0, 0x28, 0x58, 0, 0]));
    await expect(pipeline.loadLoraWeights(folder("lora.pt"))).rejects.toThrow("this is a pickle of PyTorch");
  });

  test("names and weights that do not fit", async () => {
    await pipeline.loadLoraWeights(lora("style"), { adapterName: "style" });
    await expect(pipeline.loadLoraWeights(lora("style"), { adapterName: "style" })).rejects.toThrow(
      'there is a LoRA called "style" already',
    );
    await expect(pipeline.loadLoraWeights(lora("style"), { weight: Number.NaN })).rejects.toThrow(
      "the weight of a LoRA is NaN, expected a number from -1000 to 1000",
    );
    expect(() => pipeline.setAdapters("kohya")).toThrow('no LoRA called "kohya", expected one of: "style"');
    expect(() => pipeline.setAdapters("style", [1, 2])).toThrow("2 weights were given for 1 LoRAs");
    expect(() => pipeline.deleteAdapters(["none"])).toThrow('no LoRA called "none"');
    expect(() => pipeline.fuseLora({ adapterNames: ["none"] })).toThrow('no LoRA called "none"');
  });
});
