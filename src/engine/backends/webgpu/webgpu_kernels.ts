// The kernels of WebGPU: their capabilities, and which computes each primitive.

import type { Capabilities } from "../../capabilities.ts";
import type { OpKind } from "../../graph.ts";
import { geometry } from "../../ops/conv2d.ts";
import { primitiveOf } from "../../ops/roles.ts";
import { isContiguous } from "../../passes/view.ts";
import type { KernelSet, Primitive } from "../../program/kernel_set.ts";
import { numel } from "../../shape.ts";
import type { Device } from "./device.ts";
import { lowerAttention } from "./kernels/attention/attention.ts";
import { lowerAttentionGrad } from "./kernels/attention/attention_grad.ts";
import { attentionSpec } from "./kernels/attention/blocks.ts";
import { lowerConv2d, lowerConv2dGradFilter, lowerConv2dGradInput } from "./kernels/conv2d.ts";
import { lowerGather, lowerScatterAdd } from "./kernels/gather.ts";
import { type GpuKernel, type Lowered, type Stored, storedAs } from "./kernels/kernel.ts";
import { loopKernel } from "./kernels/loop/loop.ts";
import { lowerMatmul } from "./kernels/matmul.ts";
import type { TileSpeeds } from "./kernels/product/tiles.ts";
import { lowerRandom } from "./kernels/random.ts";
import {
  gradFilterTakesWinograd,
  lowerWinograd,
  lowerWinogradGradFilter,
  takesWinograd,
} from "./kernels/winograd/winograd.ts";
import type { DeviceSpeeds } from "./tile_trial.ts";

/** How kernels are chosen for a device. */
export interface KernelChoice {
  /** Storage buffers that a shader may bind. */
  readonly maxArrays: number;
  /** The tiles of products, and how fast they are. */
  readonly speeds: TileSpeeds;
  /** Bytes that the device reads or writes per second; 0 to do without Winograd's convolutions. */
  readonly bytesPerSecond: number;
  /** Largest array, bytes. */
  readonly mostBytes: number;
  /** Whether attention passes keys and values through workgroup memory. */
  readonly sharesTokens: boolean;
  /** Invocations of each subgroup; 0 to do without subgroups. */
  readonly subgroup: number;
}

/** A processor in place of a GPU has caches, and pays for every barrier. */
export const choiceFor = (
  { gpu, isSoftware, mostBytes, subgroup }: Device,
  { tiles, bytesPerSecond }: DeviceSpeeds,
): KernelChoice => ({
  maxArrays: gpu.limits.maxStorageBuffersPerShaderStage,
  speeds: tiles,
  bytesPerSecond,
  mostBytes,
  sharesTokens: !isSoftware,
  subgroup,
});

export const webgpuKernels = (choice: KernelChoice): KernelSet<GpuKernel> => ({
  capabilities: capabilitiesOf(choice.maxArrays),
  loop: (spec) => loopKernel(spec, choice.subgroup),
  primitive: (primitive) => lowerPrimitive(primitive, choice),
});

const capabilitiesOf = (maxArrays: number): Capabilities => ({
  dtypes: ["f32", "i32", "f16"],
  maxArrays,
  inPlace: true,
  readsStrides: (op) => op.kind === "matmul",
  tail: ({ op }) => {
    switch (op.kind) {
      case "conv2d":
        return { bias: true, residual: true, perImage: true };
      case "matmul":
        return { bias: true, residual: true, perImage: false };
      case "conv2dGradInput":
        return { bias: false, residual: true, perImage: false };
      default:
        return { bias: false, residual: false, perImage: false };
    }
  },
  takesHalves: ({ kind }) => HALVES.some((known) => known === kind),
});

/** The primitives whose kernels read and write 16 bits. */
const HALVES: readonly OpKind[] = [
  "conv2d",
  "conv2dGradInput",
  "conv2dGradFilter",
  "matmul",
  "attention",
  "attentionGrad",
];

function lowerPrimitive(
  { product: node, inputs, bias, residual, result, view, batchInvariant }: Primitive,
  { speeds: tiles, bytesPerSecond, mostBytes, sharesTokens }: KernelChoice,
): Lowered {
  const op = primitiveOf(node.op);
  const speeds = { tiles, bytesPerSecond, mostBytes };
  const tail = {
    bias: bias && storedAs(bias.dtype),
    residual: residual && storedAs(residual.dtype),
    result: storedAs(result),
  };
  const perImage = residual !== null && !isContiguous(view(residual));
  const [a, b] = inputs;
  const storage = () => ({ inputs: inputs.map(({ dtype }) => storedAs(dtype)), result: tail.result });
  const stored = () => [storedAs(a.dtype), storedAs(b.dtype)] as const;
  switch (op.kind) {
    case "conv2d": {
      const conv = geometry(a.shape, b.shape, node.shape, op);
      return takesWinograd("conv2d", conv, speeds, batchInvariant)
        ? lowerWinograd("conv2d", conv, stored(), { ...tail, perImage }, speeds, batchInvariant)
        : lowerConv2d(conv, stored(), { ...tail, perImage, batchInvariant }, tiles);
    }
    case "conv2dGradInput": {
      const conv = geometry(node.shape, b.shape, a.shape, op);
      return takesWinograd("conv2d_grad_input", conv, speeds, batchInvariant)
        ? lowerWinograd("conv2d_grad_input", conv, stored(), tail, speeds, batchInvariant)
        : lowerConv2dGradInput(conv, stored(), { ...tail, batchInvariant }, tiles);
    }
    case "conv2dGradFilter": {
      const conv = geometry(a.shape, node.shape, b.shape, op);
      return gradFilterTakesWinograd(conv, speeds)
        ? lowerWinogradGradFilter(conv, stored(), tail.result, speeds)
        : lowerConv2dGradFilter(conv, stored(), tail.result, tiles);
    }
    case "matmul": {
      const [left, right] = inputs.map((source) => operandOf(storedAs(source.dtype), view(source).strides));
      const [m, n] = node.shape.slice(-2);
      const [k] = a.shape.slice(-1);
      const batch = node.shape.slice(0, -2);
      return lowerMatmul({ batch, m, n, k, a: left, b: right, tail, wholeK: batchInvariant }, tiles);
    }
    case "attention":
      return lowerAttention(attentionSpec(a.shape, op, sharesTokens), storage());
    case "attentionGrad":
      return lowerAttentionGrad(attentionSpec(a.shape, op, sharesTokens), storage());
    case "gather":
      return lowerGather({ rows: a.shape[0], width: a.shape[1], count: b.shape[0] });
    case "scatterAdd":
      return lowerScatterAdd({ rows: node.shape[0], width: node.shape[1], count: b.shape[0] });
    case "random":
      return lowerRandom({
        kind: op.distribution,
        size: numel(node.shape),
        site: op.site,
        imageBlocks: op.imageBlocks,
      });
    default:
      return op satisfies never;
  }
}

const operandOf = (stored: Stored, strides: readonly number[]) => ({
  stored,
  batch: strides.slice(0, -2),
  row: strides[strides.length - 2],
  column: strides[strides.length - 1],
});
