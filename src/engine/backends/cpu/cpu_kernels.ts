// The CPU's kernels: their capabilities, and which template computes each primitive.

import type { Capabilities } from "../../capabilities.ts";
import type { Node } from "../../graph.ts";
import { geometry } from "../../ops/conv2d.ts";
import { primitiveOf } from "../../ops/roles.ts";
import { isContiguous } from "../../passes/view.ts";
import type { KernelSet, Primitive } from "../../program/kernel_set.ts";
import { contiguousStrides, numel } from "../../shape.ts";
import { attentionSpec, lowerAttention } from "./kernels/attention/attention.ts";
import { lowerAttentionGrad } from "./kernels/attention/attention_grad.ts";
import { lowerConv2d, lowerConv2dGradInput } from "./kernels/conv2d/conv2d.ts";
import { lowerConv2dGradFilter } from "./kernels/conv2d/conv2d_grad_filter.ts";
import { lowerGather, lowerScatterAdd } from "./kernels/gather.ts";
import type { Kernel, Lowered, ProductTail } from "./kernels/kernel.ts";
import { loopKernel } from "./kernels/loop/loop.ts";
import { lowerMatmul } from "./kernels/matmul/gemm.ts";
import { lowerRandom } from "./kernels/random.ts";
import type { VectorCount } from "./simd/builder.ts";

export const cpuCapabilities: Capabilities = {
  dtypes: ["f32", "i32", "f16", "bf16"],
  maxArrays: Number.POSITIVE_INFINITY,
  inPlace: true,
  readsStrides: (op) => op.kind === "matmul",
  tail: ({ op, inputs }) => {
    switch (op.kind) {
      case "conv2d":
        // 1 x 1 convolutions are matrix products, which do not know where an image ends.
        return { bias: true, residual: true, perImage: numel(inputs[1].shape.slice(0, 2)) > 1 };
      case "matmul":
        return { bias: true, residual: true, perImage: false };
      case "conv2dGradInput":
        // With a stride, the gradient of an image is written in phases, which take no residual.
        return { bias: false, residual: op.stride.every((step) => step === 1), perImage: false };
      default:
        return { bias: false, residual: false, perImage: false };
    }
  },
  takesHalves: () => false,
};

/**
 * @param capabilities replaces the CPU's own: fewer, to test lowering for backends that can do less
 * @param machine how many vectors a register holds, and the threads; results do not depend on them
 */
export const cpuKernels = (
  capabilities: Capabilities = cpuCapabilities,
  { width, threads }: { readonly width: VectorCount; readonly threads: number } = { width: 1, threads: 1 },
): KernelSet<Kernel> => ({
  capabilities,
  loop: (spec) => loopKernel(spec, width),
  primitive: (primitive) => lowerPrimitive(primitive, threads),
});

function lowerPrimitive(
  { product: node, bias, residual, view, isConstant, batchInvariant }: Primitive,
  threads: number,
): Lowered {
  const op = primitiveOf(node.op);
  const tail = { bias: bias !== null, residual: residual !== null };
  const perImage = residual !== null && !isContiguous(view(residual));
  const [a, b] = node.inputs;
  switch (op.kind) {
    case "conv2d":
      return lowerConv2d({
        ...geometry(a.shape, b.shape, node.shape, op),
        ...{ ...tail, perImage, batchInvariant, threads, constantFilters: isConstant(b) },
      });
    case "conv2dGradInput":
      return lowerConv2dGradInput({
        ...geometry(node.shape, b.shape, a.shape, op),
        ...{ ...tail, batchInvariant, threads },
      });
    case "conv2dGradFilter":
      return lowerConv2dGradFilter({ ...geometry(a.shape, node.shape, b.shape, op), threads });
    case "matmul": {
      const [aStrides, bStrides] = node.inputs.map((source) => view(source).strides);
      return matmulKernels(node, aStrides, bStrides, { ...tail, wholeK: batchInvariant });
    }
    case "attention":
      return lowerAttention(attentionSpec(a.shape, op));
    case "attentionGrad":
      return lowerAttentionGrad(attentionSpec(a.shape, op));
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

function matmulKernels(
  { inputs, shape }: Node,
  a: readonly number[],
  b: readonly number[],
  options: ProductTail & { readonly wholeK: boolean },
): Lowered {
  const rank = shape.length;
  const operand = (strides: readonly number[]) => ({
    batch: strides.slice(0, -2),
    row: strides[rank - 2],
    col: strides[rank - 1],
  });
  return lowerMatmul({
    batch: shape.slice(0, -2),
    m: shape[rank - 2],
    n: shape[rank - 1],
    k: inputs[0].shape[rank - 1],
    a: operand(a),
    b: operand(b),
    c: operand(contiguousStrides(shape)),
    ...options,
  });
}
