// Parameters under state-dict names: in, out, to a backend and back.

import { describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from "../../src/engine/half.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import type { WeightDtype } from "../../src/io/weight_source.ts";
import { Conv2d } from "../../src/nn/conv2d.ts";
import { Embedding } from "../../src/nn/embedding.ts";
import { GroupNorm } from "../../src/nn/group_norm.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Module } from "../../src/nn/module.ts";
import { ModuleGroup } from "../../src/nn/module_group.ts";
import { Shadow } from "../../src/nn/shadow.ts";
import { GaussianFourierProjection } from "../../src/nn/timestep_embedding.ts";

class Pair extends Module {
  constructor() {
    super();
    this.child("conv", new Conv2d({ inChannels: 2, outChannels: 3, kernelSize: 3 }));
    this.child("inner", new Nested());
  }
}
class Nested extends Module {
  constructor() {
    super();
    this.child("linears.0", new Linear(2, 4));
    this.child("time_proj", new GaussianFourierProjection(2, 16));
  }
}

const built = () => new Pair().initialize(new TorchGenerator(0));

test("names are paths, in construction order", () => {
  expect([...new Pair().namedParameters().keys()]).toEqual([
    "conv.weight",
    "conv.bias",
    "inner.linears.0.weight",
    "inner.linears.0.bias",
    "inner.time_proj.weight",
  ]);
  expect(new Pair().parameterCount).toBe(54 + 3 + 8 + 4 + 2);
});

test("start values are torch's, drawn in torch's order", () => {
  const generator = new TorchGenerator(0);
  const state = built().stateDict();
  const uniform = (count: number, fanIn: number) =>
    Array.from(generator.rand(count), (u) => (2 * u - 1) / Math.sqrt(fanIn));
  const expected = [uniform(54, 18), uniform(3, 18), uniform(8, 2), uniform(4, 2)];
  for (const [i, { data }] of [...state.values()].slice(0, 4).entries()) {
    for (const [j, value] of expected[i].entries()) expect(data[j]).toBeCloseTo(value, 6);
  }
});

test("norms start as the identity, embeddings standard normal", () => {
  const norm = new GroupNorm({ groups: 1, channels: 2, eps: 1e-5 }).initialize(new TorchGenerator(0));
  expect([...norm.stateDict().values()].map(({ data }) => [...data])).toEqual([
    [1, 1],
    [0, 0],
  ]);
  const table = new Embedding(4, 4).initialize(new TorchGenerator(0)).stateDict().get("weight");
  expect(table?.data).toEqual(new TorchGenerator(0).randn(16));
});

test("what has a value is kept, and the rest is drawn as if nothing had one", () => {
  const state = built().stateDict();
  expect(new Pair().initializeMissing(new TorchGenerator(0))).toHaveLength(5);
  const others = new Pair().initialize(new TorchGenerator(1)).stateDict();
  const given = new Map(
    [...others].filter(([name]) => name !== "conv.bias" && name !== "inner.linears.0.bias"),
  );
  given.set("of.something.else", { data: new Float32Array(1), shape: [1] });
  expect(() => new Pair().loadStateDict(given)).toThrow(
    "missing conv.bias, inner.linears.0.bias; unexpected of.something.else",
  );
  const part = new Pair().loadStateDict(given, { strict: false });
  const drawn = part.initializeMissing(new TorchGenerator(0)).map(({ name }) => name);
  expect(drawn).toEqual(["conv.bias", "inner.linears.0.bias"]);
  for (const [name, weight] of part.stateDict()) {
    expect(weight).toEqual((drawn.includes(name) ? state : others).get(name));
  }
  expect(part.initializeMissing(new TorchGenerator(0))).toEqual([]);
  const misshaped = new Map([["conv.bias", { data: new Float32Array(2), shape: [2] }]]);
  expect(() => part.loadStateDict(misshaped, { strict: false })).toThrow("wrong shape conv.bias");
});

test("values survive a state dict, a backend and a shadow", async () => {
  const module = built();
  const state = module.stateDict();
  expect(new Pair().loadStateDict(state).stateDict()).toEqual(state);

  const backend = new ReferenceBackend();
  module.upload(backend);
  module.release();
  expect(() => module.stateDict()).toThrow("conv.weight has no value yet");
  await module.download(backend);
  expect(module.stateDict()).toEqual(state);

  expect(new Shadow(module, "all").loadStateDict(state).stateDict()).toEqual(state);
  const copy = new Shadow(module, "all").setTo(module);
  module.initialize(new TorchGenerator(1));
  expect(module.stateDict()).not.toEqual(state);
  expect(copy.stateDict()).toEqual(state);
  module.release();
  expect(() => copy.setTo(module)).toThrow("conv.weight has no value yet");
  const moments = new Shadow(module, "trainable").setZero();
  expect([...moments.namedParameters().keys()]).toEqual([...state.keys()].slice(0, 4));
  expect(moments.stateDict().get("conv.bias")?.data).toEqual(new Float32Array(3));
  expect(() => moments.tensor("inner.time_proj.weight")).toThrow("no parameter inner.time_proj.weight");
});

test("a group has the parameters of its modules, each under its own name and once", () => {
  const [first, second] = [new Linear(2, 3), new GroupNorm({ groups: 1, channels: 4, eps: 1e-5 })];
  expect(() => new ModuleGroup([first, second])).toThrow("two parameters of a group have the same name");
  class Named extends Module {
    constructor() {
      super();
      this.child("norm", second);
    }
  }
  const group = new ModuleGroup([first, new Named()]).initialize(new TorchGenerator(0));
  expect([...group.namedParameters().keys()]).toEqual(["weight", "bias", "norm.weight", "norm.bias"]);
  expect(first.stateDict().get("weight")).toEqual(group.stateDict().get("weight"));
});

test("convolution filters are OIHW outside and HWIO inside", () => {
  const module = new Conv2d({ inChannels: 2, outChannels: 1, kernelSize: 1 });
  module.loadStateDict(
    new Map([
      ["weight", { data: Float32Array.of(1, 2), shape: [1, 2, 1, 1] }],
      ["bias", { data: Float32Array.of(0), shape: [1] }],
    ]),
  );
  const parameter = module.namedParameters().get("weight");
  expect(parameter?.torchShape).toEqual([1, 2, 1, 1]);
  expect(parameter?.shape).toEqual([1, 1, 2, 1]);
});

describe("a state dict that does not fit", () => {
  test("is told in one line and changes nothing", () => {
    const module = built();
    const before = module.stateDict();
    const state = built().stateDict();
    state.delete("conv.bias");
    state.set("extra", { data: new Float32Array(1), shape: [1] });
    state.set("conv.weight", { data: new Float32Array(54), shape: [2, 3, 3, 3] });
    expect(() => module.loadStateDict(state)).toThrow(
      "the weights do not fit this Pair: missing conv.bias; unexpected extra; wrong shape conv.weight [2, 3, 3, 3] (expected [3, 2, 3, 3])",
    );
    expect(module.stateDict()).toEqual(before);
  });

  test("of many keys is cut short", () => {
    expect(() => built().loadStateDict(new Map())).toThrow(/missing conv\.weight, .* and 2 more$/);
  });
});

test("weights of 16 bits keep their bits, on the host and on backends", async () => {
  const module = built();
  const bits = Uint16Array.from({ length: 54 }, (_, i) => 0x3c00 + 37 * i); // from 1 on
  const conv = module.namedParameters().get("conv.weight");
  conv?.loadHalf({ bits, shape: [3, 2, 3, 3], dtype: "f16" });
  const values = halfToFloat32(bits);
  expect(module.stateDict().get("conv.weight")).toEqual({ data: values, shape: [3, 2, 3, 3] });
  const backend = new ReferenceBackend();
  module.upload(backend);
  module.release();
  await module.download(backend);
  expect(module.stateDict().get("conv.weight")?.data).toEqual(values);
  expect(() => conv?.loadHalf({ bits, shape: [3, 2, 9], dtype: "f16" })).toThrow("conv.weight is [3, 2, 9]");
  // A backend without the type has them as f32.
  const other = built();
  other
    .namedParameters()
    .get("conv.weight")
    ?.loadHalf({ bits, shape: [3, 2, 3, 3], dtype: "bf16" });
  const lacking = new ReferenceBackend();
  Object.defineProperty(lacking, "capabilities", {
    value: { ...backend.capabilities, dtypes: ["f32", "i32", "f16"] },
  });
  other.upload(lacking);
  expect(other.namedParameters().get("conv.weight")?.tensor.dtype).toBe("f32");
  expect(other.stateDict().get("conv.weight")?.data).toEqual(bfloat16ToFloat32(bits));
});

test("values that move are on the backend alone, and only there", async () => {
  const state = built().stateDict();
  const module = built().moveOnUpload();
  const backend = new ReferenceBackend();
  module.upload(backend);
  const parameters = [...module.namedParameters().values()];
  expect(parameters.some(({ hasValue }) => hasValue)).toBe(false);
  // One that changes moves again; the others are there.
  const bias = { data: Float32Array.of(1, 2, 3), shape: [3] };
  module.namedParameters().get("conv.bias")?.load(bias);
  module.upload(backend);
  expect(() => module.upload(new ReferenceBackend())).toThrow(
    "the weights of this Pair have moved to a backend that is no longer used; load it again",
  );
  await module.download(backend);
  expect(module.stateDict()).toEqual(new Map([...state, ["conv.bias", bias]]));
});

describe("weights that are read to be written", () => {
  const bits = Uint16Array.from({ length: 54 }, (_, i) => 0x3c00 + 37 * i); // from 1 on
  const values = halfToFloat32(bits);
  const wide = Float32Array.from({ length: 3 }, (_, i) => 1 / (3 + i));

  const halves = async (place: "host" | "backend") => {
    const module = built().moveOnUpload();
    const [conv, bias] = ["conv.weight", "conv.bias"].map((name) => module.namedParameters().get(name));
    conv?.loadHalf({ bits, shape: [3, 2, 3, 3], dtype: "f16" });
    bias?.load({ data: wide, shape: [3] });
    if (place === "backend") module.upload(new ReferenceBackend());
    const sources = module.weightSources();
    const read = async (name: string, dtype: WeightDtype) => sources.get(name)?.read(dtype);
    return { module, sources, read };
  };

  test.each(["host", "backend"] as const)("from the %s, in every type", async (place) => {
    const { module, sources, read } = await halves(place);
    expect([...sources.keys()]).toEqual([...module.namedParameters().keys()]);
    expect(sources.get("conv.weight")?.shape).toEqual([3, 2, 3, 3]);
    expect(await read("conv.weight", "F16")).toEqual(bits);
    expect(await read("conv.weight", "F32")).toEqual(values);
    expect(await read("conv.weight", "BF16")).toEqual(float32ToBfloat16(values));
    expect(await read("conv.bias", "F32")).toEqual(wide);
    expect(await read("conv.bias", "F16")).toEqual(float32ToHalf(wide));
    // Those on a backend are not kept on the host for it.
    const kept = [...module.namedParameters().values()].map(({ hasValue }) => hasValue);
    expect(new Set(kept)).toEqual(new Set([place === "host"]));
  });

  test("are copies: values may move while one is written", async () => {
    const { module, read } = await halves("host");
    const [conv, bias] = [await read("conv.weight", "F16"), await read("conv.bias", "F32")];
    module.upload(new ReferenceBackend());
    expect([conv, bias]).toEqual([bits, wide]);
  });
});
