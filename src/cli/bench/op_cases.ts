// The single operations timed by imago bench ops: the products of a preset's UNet, and the operations between them.
// Each consists of a few programs: forward, and its gradients.

import type { Backend, ProgramSpec } from "../../engine/backend.ts";
import { type Node, topologicalOrder } from "../../engine/graph.ts";
import * as exact from "../../engine/math/index.ts";
import { TorchGenerator } from "../../engine/random/torch_generator.ts";
import { numel, type Shape, showShape } from "../../engine/shape.ts";
import { grad, input, type Tensor, variable } from "../../engine/tensor.ts";
import type { UNet2DModel } from "../../models/unet_2d_model.ts";
import { silu } from "../../nn/activations.ts";
import { adamw, adamwDefaults } from "../../nn/adamw.ts";
import { Attention } from "../../nn/attention.ts";
import { GroupNorm } from "../../nn/group_norm.ts";
import type { Module } from "../../nn/module.ts";
import { denoiserProgram } from "../../pipelines/denoiser_program.ts";
import { PRESETS, type PresetName, presetLatents, presetModel } from "../../training/presets.ts";

export interface OpCase {
  readonly name: string;
  /** Number of occurrences in one forward pass of the UNet; undefined where not counted. */
  readonly calls?: number;
  readonly programs: readonly OpProgram[];
}

export interface OpProgram {
  /** The part of the operation: "", "gradient of input", ... */
  readonly part: string;
  readonly program: Omit<ProgramSpec, "name">;
  /** Sets the program's variables. */
  readonly prepare?: (backend: Backend) => void;
}

export interface OpCases {
  readonly cases: readonly OpCase[];
  /** Number of different products in the UNet. */
  readonly products: number;
}

/** The operations to time. @param top number of different products, largest first */
export function opCases(preset: PresetName, batchSize: number, top: number): OpCases {
  const model = presetModel(PRESETS[preset]);
  const { height: size } = presetLatents(PRESETS[preset]);
  const { blockOutChannels, inChannels } = model.config;
  const products = productsOf(denoiserProgram(model, [batchSize, size, size, inChannels]).outputs);
  const levels = blockOutChannels.map((channels, level): Shape => {
    const side = size / exact.powerOfTwo(level);
    return [batchSize, side, side, channels];
  });
  const deepest = blockOutChannels[blockOutChannels.length - 1];
  const cases = [
    ...products.slice(0, top).map(({ node, calls }) => productCase(node, calls)),
    ...levels.filter((_, level) => attends(model, level)).map((shape) => attentionCase(model, shape)),
    ...levels.map((shape) => groupNormCase(model, shape)),
    adamwCase([3, 3, deepest, deepest]),
  ];
  return { cases, products: products.length };
}

// --- Products

/** The different convolutions and matrix products of a graph, with the number of occurrences. */
function productsOf(outputs: readonly Tensor[]): { node: Node; calls: number }[] {
  const found = new Map<string, { node: Node; calls: number }>();
  for (const node of topologicalOrder(outputs.map((output) => output.node))) {
    if (node.op.kind !== "conv2d" && node.op.kind !== "matmul") continue;
    const key = JSON.stringify([node.op, node.inputs.map(({ shape }) => shape)]);
    const known = found.get(key);
    if (known === undefined) found.set(key, { node, calls: 1 });
    else known.calls++;
  }
  return [...found.values()].sort((a, b) => multiplications(b.node) - multiplications(a.node));
}

/** Multiplications of the direct computation. */
function multiplications({ op, shape, inputs }: Node): number {
  const [a, b] = inputs;
  return op.kind === "conv2d"
    ? numel(shape) * numel(b.shape.slice(0, 3))
    : numel(shape) * a.shape[a.shape.length - 1];
}

function productCase({ op, inputs }: Node, calls: number): OpCase {
  const [x, w] = inputs.map(({ shape }) => input(shape));
  const isConv = op.kind === "conv2d";
  const y = isConv ? x.conv2d(w, { stride: op.stride, padding: op.padding }) : x.matmul(w);
  // The gradients of sum(y dy) are the two products of back-propagation with dy.
  const dy = input(y.shape);
  const [dx, dw] = grad(y.mul(dy).sum(), [x, w]);
  const [first, second] = isConv ? ["input", "filter"] : ["left", "right"];
  return {
    name: isConv ? convolutionName(x.shape, w.shape, op.stride[0]) : matmulName(x.shape, w.shape),
    calls,
    programs: [
      { part: "", program: { inputs: [x, w], outputs: [y] } },
      { part: `gradient of ${first}`, program: { inputs: [w, dy], outputs: [dx] } },
      { part: `gradient of ${second}`, program: { inputs: [x, dy], outputs: [dw] } },
    ],
  };
}

function convolutionName(x: Shape, [height, width, , channels]: Shape, stride: number): string {
  const strided = stride === 1 ? "" : `, stride ${stride}`;
  return `${height}x${width} convolution ${showShape(x)} to ${channels}${strided}`;
}

const matmulName = (a: Shape, b: Shape): string => `matrix product ${showShape(a)} x ${showShape(b)}`;

// --- Operations between products

function attends({ config }: UNet2DModel, level: number): boolean {
  const isDeepest = level === config.blockOutChannels.length - 1;
  return config.downBlockTypes[level].startsWith("Attn") || (isDeepest && config.addAttention);
}

function attentionCase({ config }: UNet2DModel, shape: Shape): OpCase {
  const channels = shape[3];
  const attention = new Attention({
    channels,
    headDim: config.attentionHeadDim ?? channels,
    normGroups: config.normNumGroups,
    normEps: config.normEps,
    rescaleOutputFactor: 1,
  });
  return moduleCase("attention", attention, shape, (x) => attention.forward(x));
}

function groupNormCase({ config }: UNet2DModel, shape: Shape): OpCase {
  const norm = new GroupNorm({ groups: config.normNumGroups, channels: shape[3], eps: config.normEps });
  return moduleCase("group norm, SiLU", norm, shape, (x) => silu(norm.forward(x)));
}

function moduleCase(name: string, module: Module, shape: Shape, forward: (x: Tensor) => Tensor): OpCase {
  const x = input(shape);
  const dy = input(shape);
  const y = forward(x);
  const parameters = [...module.namedParameters().values()].map(({ tensor }) => tensor);
  const gradients = grad(y.mul(dy).sum(), [x, ...parameters]);
  module.initialize(new TorchGenerator(0));
  const prepare = (backend: Backend) => module.upload(backend);
  return {
    name: `${name} ${showShape(shape)}`,
    programs: [
      { part: "", program: { inputs: [x], outputs: [y] }, prepare },
      { part: "forward and gradients", program: { inputs: [x, dy], outputs: gradients }, prepare },
    ],
  };
}

function adamwCase(shape: Shape): OpCase {
  const [weight, expAvg, expAvgSq] = ["weight", "exp_avg", "exp_avg_sq"].map((name) => variable(shape, name));
  const [keep, stepSize, biasCorrection2Sqrt] = Array.from({ length: 3 }, () => input([]));
  const gradient = input(shape);
  const state = { weight, expAvg, expAvgSq };
  const next = adamw(state, gradient, { keep, stepSize, biasCorrection2Sqrt }, adamwDefaults);
  const updates = [
    { target: weight, value: next.weight },
    { target: expAvg, value: next.expAvg },
    { target: expAvgSq, value: next.expAvgSq },
  ];
  const prepare = (backend: Backend) => {
    for (const { target } of updates) backend.write(target, new Float32Array(numel(shape)));
  };
  const inputs = [gradient, keep, stepSize, biasCorrection2Sqrt];
  return {
    name: `AdamW ${showShape(shape)}`,
    programs: [{ part: "", program: { inputs, outputs: [], updates }, prepare }],
  };
}
