// Layers against their formulas written out, and their gradients against finite differences.

import { describe, expect, test } from "vitest";
import { gradients } from "../../src/engine/autodiff.ts";
import type { Node } from "../../src/engine/graph.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { numel, type Shape } from "../../src/engine/shape.ts";
import { constant, input, type Tensor } from "../../src/engine/tensor.ts";
import {
  type ActivationName,
  activation,
  activationNames,
  hiddenActivationNames,
} from "../../src/nn/activations.ts";
import { Attention } from "../../src/nn/attention.ts";
import { averagePool2x2, Downsample2D } from "../../src/nn/downsample_2d.ts";
import { dropout } from "../../src/nn/dropout.ts";
import { evaluation, RandomStream } from "../../src/nn/forward_context.ts";
import { GroupNorm } from "../../src/nn/group_norm.ts";
import { Linear } from "../../src/nn/linear.ts";
import type { Module } from "../../src/nn/module.ts";
import { GaussianFourierProjection, Timesteps } from "../../src/nn/timestep_embedding.ts";
import { nearestUpsample2x, Upsample2D } from "../../src/nn/upsample_2d.ts";
import { evaluate64, random64 } from "../support/float64.ts";
import { run } from "../support/run.ts";

const floats = (...values: number[]) => Float32Array.from(values);
const close = (values: ArrayLike<number>, digits = 6) =>
  Array.from(values, (value) => expect.closeTo(value, digits));

/** Compares the gradients of Σ f(x) r with finite differences, for x and all parameters. */
function checkGradients(shape: Shape, forward: (x: Tensor) => Tensor, module?: Module): void {
  const x = input(shape);
  const y = forward(x);
  const r = constant(Float32Array.from(random64(3, numel(y.shape))), y.shape);
  const loss = y.mul(r).sum().node;
  const variables = [...(module?.namedParameters().values() ?? [])].map(({ tensor }) => tensor);
  const leaves = new Map<Node, Float64Array>(
    [x, ...variables].map((tensor, i) => [tensor.node, random64(10 + i, numel(tensor.shape))]),
  );
  const nodes = [...leaves.keys()];
  const computed = evaluate64(gradients(loss, nodes), leaves);
  for (const [i, node] of nodes.entries()) {
    const values = leaves.get(node) ?? new Float64Array();
    for (const [j, value] of values.entries()) {
      const lossAt = (shifted: number) => {
        values[j] = shifted;
        return evaluate64([loss], leaves)[0][0];
      };
      const expected = (lossAt(value + 1e-5) - lossAt(value - 1e-5)) / 2e-5;
      values[j] = value;
      expect(Math.abs(computed[i][j] - expected), `leaf ${i}, element ${j}`).toBeLessThan(
        1e-6 * (1 + Math.abs(expected)),
      );
    }
  }
}

describe("activations", () => {
  const points = [-30, -2, -0.5, 0, 0.5, 2, 30];
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  /** By the midpoint rule, close to float64. */
  const erf = (x: number) => {
    const steps = 5000;
    const heights = Array.from({ length: steps }, (_, i) => Math.exp(-((((i + 0.5) * x) / steps) ** 2)));
    return (2 / Math.sqrt(Math.PI)) * (x / steps) * heights.reduce((total, height) => total + height, 0);
  };
  const byTanh = (x: number) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  const formulas: Record<ActivationName, (x: number) => number> = {
    silu: (x) => x * sigmoid(x),
    swish: (x) => x * sigmoid(x),
    mish: (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
    gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
    relu: (x) => Math.max(0, x),
    quick_gelu: (x) => x * sigmoid(1.702 * x),
    gelu_new: byTanh,
    gelu_pytorch_tanh: byTanh,
  };
  test.each([...new Set([...activationNames, ...hiddenActivationNames])])("%s", async (name) => {
    const [values] = await run([activation(name)(constant(floats(...points), [points.length]))]);
    expect([...values]).toEqual(close(points.map(formulas[name])));
    checkGradients([6], activation(name));
  });

  test("relu has gradient 0 at 0, as in torch", () => {
    const x = input([1]);
    const [g] = gradients(activation("relu")(x).sum().node, [x.node]);
    expect([...evaluate64([g], new Map([[x.node, Float64Array.of(0)]]))[0]]).toEqual([0]);
  });
});

describe("group norm", () => {
  test("makes every group of every image mean 0 and variance 1, then scales and shifts", async () => {
    const shape = [2, 3, 2, 4];
    const x = Float32Array.from(random64(1, 48, 5, 9));
    const norm = new GroupNorm({ groups: 2, channels: 4, eps: 1e-5 });
    const [gamma, beta] = [floats(1, 2, 3, 4), floats(0.1, 0.2, 0.3, 0.4)];
    norm.loadStateDict(
      new Map([
        ["weight", { data: gamma, shape: [4] }],
        ["bias", { data: beta, shape: [4] }],
      ]),
    );
    const [got] = await run([norm.forward(constant(x, shape))], norm);
    const expected = x.map((value, i) => {
      const [image, channel] = [Math.floor(i / 24), i % 4];
      const inGroup = (_: number, j: number) => Math.floor(j / 24) === image && (j % 4) >> 1 === channel >> 1;
      const group = x.filter(inGroup);
      const mean = group.reduce((total, v) => total + v, 0) / 12;
      const variance = group.reduce((total, v) => total + (v - mean) ** 2, 0) / 12;
      return ((value - mean) / Math.sqrt(variance + 1e-5)) * gamma[channel] + beta[channel];
    });
    expect([...got]).toEqual(close(expected, 4));
  });

  test.each([1, 2, 4])("its gradients with %d groups", (groups) => {
    const norm = new GroupNorm({ groups, channels: 4, eps: 1e-5 });
    checkGradients([2, 1, 3, 4], (x) => norm.forward(x), norm);
  });
});

describe("linear", () => {
  test("multiplies rows of any rank by the transposed weight", async () => {
    const linear = new Linear(2, 3).loadStateDict(
      new Map([
        ["weight", { data: floats(1, 2, 3, 4, 5, 6), shape: [3, 2] }],
        ["bias", { data: floats(0, 0, 1), shape: [3] }],
      ]),
    );
    const y = linear.forward(constant(floats(1, 0, 0, 1), [1, 2, 1, 2]));
    expect(y.shape).toEqual([1, 2, 1, 3]);
    expect([...(await run([y], linear))[0]]).toEqual([1, 3, 6, 2, 4, 7]);
  });
});

describe("resampling", () => {
  const image = constant(
    Float32Array.from({ length: 16 }, (_, i) => i),
    [1, 4, 4, 1],
  );
  test("the mean of 2x2 pixels", async () => {
    expect([...(await run([averagePool2x2(image)]))[0]]).toEqual([2.5, 4.5, 10.5, 12.5]);
    checkGradients([1, 2, 4, 2], averagePool2x2);
  });

  test("each pixel 2x2", async () => {
    const small = constant(floats(1, 2, 3, 4), [1, 2, 2, 1]);
    expect([...(await run([nearestUpsample2x(small)]))[0]]).toEqual([
      1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4,
    ]);
    checkGradients([1, 2, 2, 2], nearestUpsample2x);
  });

  test.each([0, 1] as const)("the strided convolution with padding %d", (padding) => {
    const down = new Downsample2D(1, padding);
    expect(down.forward(image).shape).toEqual([1, 2, 2, 1]);
    checkGradients([1, 4, 4, 1], (x) => down.forward(x), down);
  });

  test("the doubling convolution", () => {
    const up = new Upsample2D(2);
    expect(up.forward(input([1, 2, 3, 2])).shape).toEqual([1, 4, 6, 2]);
  });
});

describe("attention", () => {
  test("its weights sum to 1 and stand large numbers", async () => {
    // Where keys and values are the unit vectors, queries are scores, and the result is their softmax.
    const unit = constant(floats(1, 0, 0, 0, 1, 0, 0, 0, 1), [1, 3, 3]);
    const weights = (x: Tensor) => x.attention(unit, unit, { heads: 1, scale: 1 });
    const x = constant(floats(1000, 1000, -1000, 0, 0, Math.log(2), -1000, 1000, 0), [1, 3, 3]);
    const [values] = await run([weights(x)]);
    expect([...values]).toEqual(close([0.5, 0.5, 0, 0.25, 0.25, 0.5, 0, 1, 0]));
    checkGradients([1, 3, 3], weights);
  });

  test("its gradients, with two heads, norm and rescaled residual", () => {
    const attention = new Attention({
      channels: 4,
      headDim: 2,
      normGroups: 2,
      normEps: 1e-5,
      rescaleOutputFactor: 2,
    });
    checkGradients([1, 2, 2, 4], (x) => attention.forward(x), attention);
  });

  test("heads that do not fill the channels are rounded down", () => {
    const options = { channels: 5, headDim: 2, normGroups: null, normEps: 1e-5, rescaleOutputFactor: 1 };
    const shapes = [...new Attention(options).namedParameters()].map(([key, p]) => [key, p.torchShape]);
    expect(Object.fromEntries(shapes)).toMatchObject({ "to_q.weight": [4, 5], "to_out.0.weight": [5, 4] });
  });
});

describe("timesteps", () => {
  const timestep = constant(Int32Array.of(0, 10), [2]);

  test("sines then cosines of falling frequencies", async () => {
    const [values] = await run([new Timesteps(4, false, 1).forward(timestep)]);
    expect([...values]).toEqual(close([0, 0, 1, 1, Math.sin(10), Math.sin(1e-3), Math.cos(10), 1], 5));
  });

  test("flipped, without shift, with a zero where the width is odd", async () => {
    const [values] = await run([new Timesteps(5, true, 0).forward(timestep)]);
    const angles = [10, 10 * 0.01];
    const expected = [1, 1, 0, 0, 0, ...angles.map(Math.cos), ...angles.map(Math.sin), 0];
    expect([...values]).toEqual(close(expected, 5));
  });

  test("Fourier features of the logarithm", async () => {
    const projection = new GaussianFourierProjection(2, 16);
    projection.loadStateDict(new Map([["weight", { data: floats(0.5, -1), shape: [2] }]]));
    const [values] = await run([projection.forward(constant(floats(3), [1]))], projection);
    const angles = [0.5, -1].map((w) => 2 * Math.PI * w * Math.log(3));
    expect([...values]).toEqual(close([...angles.map(Math.sin), ...angles.map(Math.cos)], 5));
  });

  test("its frequencies are the second draw of the generator", () => {
    const generator = new TorchGenerator(0);
    generator.randn(16);
    const expected = generator.randn(16).map((x) => x * 16);
    const projection = new GaussianFourierProjection(16, 16).initialize(new TorchGenerator(0));
    expect(projection.stateDict().get("weight")?.data).toEqual(expected);
  });
});

describe("dropout", () => {
  const ones = constant(new Float32Array(4000).fill(1), [4000]);
  const key = constant(Int32Array.of(1, 0, 0), [3]);
  const training = () => ({ training: true, random: new RandomStream(key) });

  test("zeroes the share p and keeps the mean", async () => {
    const [values] = await run([dropout(ones, 0.25, training())]);
    const kept = values.filter((value) => value !== 0);
    expect(kept.length / 4000).toBeCloseTo(0.75, 1);
    expect([...new Set(kept)]).toEqual([Math.fround(1 / 0.75)]);
  });

  test("draws anew at each place", async () => {
    const context = training();
    const [a, b] = await run([dropout(ones, 0.5, context), dropout(ones, 0.5, context)]);
    expect(a).not.toEqual(b);
  });

  test("is nothing in evaluation and at p = 0", () => {
    expect(dropout(ones, 0.5, evaluation)).toBe(ones);
    expect(dropout(ones, 0, { training: true })).toBe(ones);
    expect(() => dropout(ones, 0.5, { training: true })).toThrow("needs random numbers");
  });
});
