// Weights with LoRAs in them against sums in float64, in every layout and type of weights.

import { afterAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { createBackend } from "../../src/engine/backends/create.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { float32ToBfloat16, float32ToHalf } from "../../src/engine/half.ts";
import { hostTensor, numel } from "../../src/engine/host_tensor.ts";
import { hwioToOihw } from "../../src/io/filter_layout.ts";
import { constantInit } from "../../src/nn/init.ts";
import { Parameter } from "../../src/nn/parameter.ts";
import { type LoraPart, LoraProducts } from "../../src/pipelines/lora/products.ts";
import { backends } from "../support/backends.ts";

const SHAPES = [
  [48, 40],
  [33, 7],
  [24, 16, 3, 3],
  [8, 5, 1, 1],
].map((shape) => ({ shape }));

let seed = 1;
/** Numbers from -1 to 1. */
const numbers = (count: number): Float32Array =>
  Float32Array.from({ length: count }, () => {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    return seed / 2 ** 31 - 1;
  });
const tensor = (...shape: number[]) => hostTensor(numbers(numel(shape)), shape);

/** A LoRA of a layer; those of 1 x 1 convolutions may be of a linear layer. */
const part = ([outputs, ...inputs]: readonly number[], rank: number, weight: number): LoraPart => ({
  weight,
  layer: {
    ...{ component: "unet", layer: "layer", isFlat: false, scale: 0.5 },
    up: rank > 3 ? tensor(outputs, rank) : tensor(outputs, rank, 1, 1),
    down: tensor(rank, ...(rank > 3 ? [numel(inputs)] : inputs)),
  },
});

/** The product in float64, as torch has the weights. */
function exactSum(original: Float32Array, parts: readonly LoraPart[]): Float64Array {
  const sum = Float64Array.from(original);
  for (const { weight, layer } of parts) {
    const [outputs, rank] = layer.up.shape;
    const inputs = original.length / outputs;
    for (let at = 0; at < sum.length; at++) {
      const [o, i] = [Math.floor(at / inputs), at % inputs];
      for (let r = 0; r < rank; r++) {
        sum[at] += weight * layer.scale * layer.up.data[o * rank + r] * layer.down.data[r * inputs + i];
      }
    }
  }
  return sum;
}

function parameterOf(torchShape: readonly number[]): Parameter {
  const layout = torchShape.length === 4 ? "conv" : "plain";
  const parameter = new Parameter({ name: "weight", torchShape, layout, init: constantInit(0) });
  parameter.load({ data: numbers(numel(torchShape)), shape: torchShape });
  return parameter;
}

const partsOf = (shape: readonly number[]) => [part(shape, 3, 0.7), part(shape, 64, -1.1)];

async function changedOn(backend: Backend, parameter: Parameter, parts: readonly LoraPart[]) {
  const products = new LoraProducts(backend);
  try {
    return await products.changed(parameter, await parameter.stored(undefined), parts);
  } finally {
    products.dispose();
  }
}

describe.each(backends)("on $name", ({ create }) => {
  test.each(SHAPES)("$shape: the sum, but for roundings", async ({ shape }) => {
    const backend = await create();
    const [parameter, parts] = [parameterOf(shape), partsOf(shape)];
    try {
      const value = await changedOn(backend, parameter, parts);
      if (!(value instanceof Float32Array)) throw new Error("the weights are of 32 bits");
      const sum = shape.length === 4 ? hwioToOihw(value, parameter.shape) : value;
      const expected = exactSum(parameter.save().data, parts);
      // Some roundings of products of up to 67 terms below 0.55.
      const most = Math.max(...expected.map((x, i) => Math.abs(x - sum[i])));
      expect(most).toBeLessThan(4e-6);
    } finally {
      await backend.close();
    }
  });
});

describe("machine code and WebAssembly", async () => {
  const both = await Promise.all((["native", "wasm"] as const).map((backend) => createBackend({ backend })));
  afterAll(() => Promise.all(both.map((backend) => backend.close())));

  test.each(SHAPES)("$shape: the same bits", async ({ shape }) => {
    const [parameter, parts] = [parameterOf(shape), partsOf(shape)];
    const [native, wasm] = await Promise.all(both.map((backend) => changedOn(backend, parameter, parts)));
    expect(native).toEqual(wasm);
  });
});

test.each([
  ["f16", float32ToHalf],
  ["bf16", float32ToBfloat16],
] as const)("weights of %s stay so, rounded once", async (dtype, rounded) => {
  const backend = new ReferenceBackend();
  const shape = [48, 40];
  const parameter = parameterOf(shape);
  parameter.loadHalf({ bits: rounded(parameter.save().data), shape, dtype });
  const parts = partsOf(shape);
  const expected = rounded(Float32Array.from(exactSum(parameter.save().data, parts)));
  const value = await changedOn(backend, parameter, parts);
  expect(value).toBeInstanceOf(Uint16Array);
  const same = [...value].filter((bits, i) => bits === expected[i]);
  // `up` is rounded after it was scaled, which decides a few.
  expect(same.length / value.length).toBeGreaterThan(0.995);
  // A backend without the type computes in 32 bits, as it keeps the weights.
  const lacking = new ReferenceBackend();
  const capabilities = { ...backend.capabilities, dtypes: ["f32", "i32"] };
  Object.defineProperty(lacking, "capabilities", { value: capabilities });
  const wide = await changedOn(lacking, parameter, parts);
  expect(wide).toBeInstanceOf(Float32Array);
  if (wide instanceof Float32Array) expect(rounded(wide)).toEqual(value);
});
