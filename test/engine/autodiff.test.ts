// The gradient of every op against central finite differences in float64.

import { describe, expect, test } from "vitest";
import { gradients } from "../../src/engine/autodiff.ts";
import type { ConvOptions, Node, OpKind, UnaryFn } from "../../src/engine/graph.ts";
import * as graph from "../../src/engine/graph.ts";
import { attention, attentionGrad } from "../../src/engine/ops/attention.ts";
import { conv2d, conv2dGradFilter, conv2dGradInput } from "../../src/engine/ops/conv2d.ts";
import { gather, scatterAdd } from "../../src/engine/ops/gather.ts";
import { matmul } from "../../src/engine/ops/matmul.ts";
import * as movement from "../../src/engine/ops/movement.ts";
import * as pointwise from "../../src/engine/ops/pointwise.ts";
import * as reduce from "../../src/engine/ops/reduce.ts";
import { numel, type Shape } from "../../src/engine/shape.ts";
import { evaluate64, random64 } from "../support/float64.ts";

interface Case {
  readonly name: string;
  readonly shapes: readonly Shape[];
  readonly build: (...inputs: Node[]) => Node;
  /** Where inputs are drawn from; default -1 to 1. */
  readonly range?: readonly [number, number];
}

const STEP = 1e-5;

/** Compares the gradient of Σ f(x) r, for a fixed random r, with differences along every element of every input. */
function checkGradients({ shapes, build, range: [low, high] = [-1, 1] }: Case): void {
  const inputs = shapes.map((shape, i) => graph.input(shape, "f32", `x${i}`));
  const values = shapes.map((shape, i) => random64(100 + i, numel(shape), low, high));
  const y = build(...inputs);
  const weights = graph.input(y.shape, "f32", "r");
  const loss = reduce.sum(pointwise.mul(y, weights));
  const leaves = new Map([...inputs.map((node, i) => [node, values[i]] as const)]);
  leaves.set(weights, random64(7, numel(y.shape)));
  const lossAt = () => evaluate64([loss], leaves)[0][0];

  const computed = evaluate64(gradients(loss, inputs), leaves);
  for (const [i, value] of values.entries()) {
    expect(gradients(loss, inputs)[i].shape).toEqual(shapes[i]);
    for (const [j, x] of value.entries()) {
      value[j] = x + STEP;
      const above = lossAt();
      value[j] = x - STEP;
      const below = lossAt();
      value[j] = x;
      const expected = (above - below) / (2 * STEP);
      expect(Math.abs(computed[i][j] - expected), `input ${i}, element ${j}`).toBeLessThan(
        1e-7 * (1 + Math.abs(expected)),
      );
    }
  }
}

const smooth: UnaryFn[] = ["neg", "exp", "sin", "cos", "tanh", "erf", "sigmoid", "abs"];
const unaryCases: Case[] = [
  ...smooth.map((fn) => ({ name: fn, shapes: [[2, 3]], build: (x: Node) => pointwise.unary(fn, x) })),
  { name: "log", shapes: [[4]], range: [0.5, 2], build: pointwise.log },
  { name: "sqrt", shapes: [[4]], range: [0.5, 2], build: pointwise.sqrt },
  { name: "erf in its tail", shapes: [[4]], range: [2, 3], build: pointwise.erf },
];

const index = graph.constant(Int32Array.of(2, 0, 2, 1), [4]);
const convolutions: { name: string; x: Shape; filter: Shape; options: ConvOptions }[] = [
  {
    name: "3x3, padding 1",
    x: [2, 4, 3, 2],
    filter: [3, 3, 2, 3],
    options: { stride: [1, 1], padding: [1, 1, 1, 1] },
  },
  {
    name: "3x3, stride 2, padding below and right",
    x: [1, 4, 6, 2],
    filter: [3, 3, 2, 2],
    options: { stride: [2, 2], padding: [0, 1, 0, 1] },
  },
  { name: "1x1", x: [2, 2, 3, 3], filter: [1, 1, 3, 2], options: { stride: [1, 1], padding: [0, 0, 0, 0] } },
  {
    name: "2x3, strides 1 and 2, uneven padding",
    x: [1, 5, 5, 1],
    filter: [2, 3, 1, 2],
    options: { stride: [1, 2], padding: [1, 0, 2, 1] },
  },
];
const outputShape = (x: Shape, filter: Shape, options: ConvOptions) =>
  conv2d(graph.input(x), graph.input(filter), options).shape;

type Differentiable = Exclude<
  OpKind,
  "input" | "variable" | "constant" | "full" | "random" | "cast" | "detach"
>;

const cases: Record<Differentiable, Case[]> = {
  unary: unaryCases,
  binary: [
    { name: "add, broadcast", shapes: [[2, 3], [3]], build: pointwise.add },
    {
      name: "sub, broadcast both ways",
      shapes: [
        [2, 1],
        [1, 3],
      ],
      build: pointwise.sub,
    },
    { name: "mul", shapes: [[2, 3], [1]], build: pointwise.mul },
    { name: "mul with itself", shapes: [[3]], build: (x) => pointwise.mul(x, x) },
    { name: "div", shapes: [[2, 3], [3]], range: [0.5, 2], build: pointwise.div },
    { name: "max", shapes: [[6], [6]], build: pointwise.maximum },
    { name: "min", shapes: [[6], [6]], build: pointwise.minimum },
  ],
  where: [
    {
      name: "by a comparison",
      shapes: [[6], [6], [1]],
      build: (x, y, z) => pointwise.where(pointwise.lessThan(x, y), pointwise.mul(x, y), z),
    },
  ],
  reshape: [{ name: "merge", shapes: [[2, 3, 2]], build: (x) => movement.reshape(x, [6, 2]) }],
  permute: [{ name: "three axes", shapes: [[2, 3, 4]], build: (x) => movement.permute(x, [2, 0, 1]) }],
  expand: [{ name: "two axes", shapes: [[1, 3, 1]], build: (x) => movement.expand(x, [2, 3, 4]) }],
  slice: [{ name: "a box", shapes: [[4, 5]], build: (x) => movement.slice(x, [1, 2], [2, 3]) }],
  pad: [{ name: "uneven", shapes: [[2, 3]], build: (x) => movement.pad(x, [1, 0], [0, 2]) }],
  concat: [
    {
      name: "with a repeated part",
      shapes: [
        [2, 1],
        [2, 3],
      ],
      build: (x, y) => movement.concat([x, y, x], 1),
    },
  ],
  reduce: [
    { name: "sum over the middle", shapes: [[2, 3, 2]], build: (x) => reduce.sum(x, [1]) },
    { name: "sum of all", shapes: [[2, 3]], build: (x) => reduce.sum(x) },
    { name: "mean, kept", shapes: [[2, 3]], build: (x) => reduce.mean(x, [-1], true) },
    { name: "max", shapes: [[3, 4]], build: (x) => reduce.max(x, [1]) },
  ],
  matmul: [
    {
      name: "plain",
      shapes: [
        [2, 3],
        [3, 4],
      ],
      build: matmul,
    },
    {
      name: "batched",
      shapes: [
        [2, 2, 2, 3],
        [2, 2, 3, 2],
      ],
      build: matmul,
    },
  ],
  conv2d: convolutions.map(({ name, x, filter, options }) => ({
    name,
    shapes: [x, filter],
    build: (a: Node, b: Node) => conv2d(a, b, options),
  })),
  conv2dGradInput: convolutions.map(({ name, x, filter, options }) => ({
    name,
    shapes: [outputShape(x, filter, options), filter],
    build: (g: Node, b: Node) => conv2dGradInput(g, b, x, options),
  })),
  conv2dGradFilter: convolutions.map(({ name, x, filter, options }) => ({
    name,
    shapes: [x, outputShape(x, filter, options)],
    build: (a: Node, g: Node) => conv2dGradFilter(a, g, filter, options),
  })),
  attention: [
    {
      name: "two heads",
      shapes: [
        [2, 3, 4],
        [2, 3, 4],
        [2, 3, 4],
      ],
      build: (q, k, v) => attention(q, k, v, { heads: 2, scale: 0.7 }),
    },
    {
      name: "of a tensor to itself",
      shapes: [[1, 3, 2]],
      build: (x) => attention(x, x, x, { heads: 1, scale: 1.5 }),
    },
  ],
  attentionGrad: [
    {
      name: "two heads",
      shapes: Array.from({ length: 4 }, () => [1, 3, 4]),
      build: (q, k, v, g) => attentionGrad(q, k, v, g, { heads: 2, scale: 0.7 }),
    },
    {
      name: "where the gradient depends on the queries",
      shapes: [[1, 2, 2]],
      build: (x) => attentionGrad(x, x, pointwise.sin(x), pointwise.mul(x, x), { heads: 1, scale: 1.5 }),
    },
  ],
  gather: [{ name: "repeated rows", shapes: [[3, 2]], build: (table) => gather(table, index) }],
  scatterAdd: [{ name: "into repeated rows", shapes: [[4, 2]], build: (rows) => scatterAdd(rows, index, 3) }],
};

for (const [kind, list] of Object.entries(cases)) {
  describe(`the gradient of ${kind} equals finite differences`, () => {
    test.each(list)("$name", checkGradients);
  });
}

describe("gradients", () => {
  const x = graph.input([2, 3]);

  test("are zeros where the loss does not depend on the tensor", () => {
    const [g] = gradients(reduce.sum(x), [graph.input([4])]);
    expect(evaluate64([g], new Map())[0]).toEqual(new Float64Array(4));
  });

  test.each([
    ["detach", () => pointwise.detach(x)],
    ["floor", () => pointwise.floor(x)],
    ["isFinite", () => pointwise.finite(x)],
    ["a comparison", () => pointwise.lessThan(x, pointwise.scalar(0))],
    ["a cast", () => pointwise.cast(pointwise.cast(x, "i32"))],
  ] as const)("do not flow through %s", (_, build) => {
    const [g] = gradients(reduce.sum(build()), [x]);
    expect(evaluate64([g], new Map([[x, random64(1, 6)]]))[0]).toEqual(new Float64Array(6));
  });

  test("of the second order are those of the first order's graph", () => {
    const y = graph.input([3]);
    const [first] = gradients(reduce.sum(pointwise.mul(pointwise.mul(y, y), y)), [y]);
    const [second] = gradients(reduce.sum(first), [y]);
    const value = Float64Array.of(1, -2, 0.5);
    const [got] = evaluate64([second], new Map([[y, value]]));
    expect([...got]).toEqual([...value].map((v) => expect.closeTo(6 * v, 12)));
  });

  test("share the gradient evenly between equal maxima", () => {
    const y = graph.input([3]);
    const [g] = gradients(reduce.max(y), [y]);
    const [got] = evaluate64([g], new Map([[y, Float64Array.of(2, 1, 2)]]));
    expect([...got]).toEqual([0.5, 0, 0.5]);
  });

  test("are of one number only", () => {
    expect(() => gradients(x, [x])).toThrow("the loss must be one number, got [2, 3]");
  });
});
