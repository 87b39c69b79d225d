// 2-D convolution of NHWC images with HWIO filters, and its gradient with respect to the image.
// Both are either products of gathered pixels with packed filters, or Winograd convolutions; this file chooses by
// shape.

import { type Kernel, type Lowered, tailSlots } from "../kernel.ts";
import { FLOAT, zeroRun } from "../lanes.ts";
import { lowerMatmul } from "../matmul/gemm.ts";
import { packedSize, packKernel } from "../matmul/pack.ts";
import type { WinogradConv } from "../winograd/winograd_conv2d.ts";
import { lowerWinogradConv } from "../winograd/winograd_conv2d.ts";
import { planWinograd } from "./conv_cost.ts";
import { type Conv2dSpec, checkConv2d, isDense3x3, isMatrixProduct } from "./conv2d_spec.ts";
import type { TapConv } from "./tap_conv.ts";
import { tapBlocks, tapConvKernel } from "./tap_conv.ts";

/** The 3 x 3 convolution of stride 1, and its gradient with respect to the image, as Winograd convolutions. */
export const winogradForward = ({
  n,
  h,
  w,
  ci,
  oh,
  ow,
  co,
  padding,
  bias,
  residual,
  perImage,
}: Conv2dSpec): WinogradConv => ({
  family: "conv2d",
  source: { n, h, w, channels: ci },
  target: { h: oh, w: ow, channels: co },
  firstY: -padding[0],
  firstX: -padding[2],
  transposed: false,
  bias: bias === true,
  residual: residual === true,
  perImage: perImage === true,
});
export const winogradGradInput = ({
  n,
  h,
  w,
  ci,
  oh,
  ow,
  co,
  padding,
  residual,
}: Conv2dSpec): WinogradConv => ({
  family: "conv2d_grad_input",
  source: { n, h: oh, w: ow, channels: co },
  target: { h, w, channels: ci },
  firstY: padding[0] - 2,
  firstX: padding[2] - 2,
  transposed: true,
  bias: false,
  residual: residual === true,
  perImage: false,
});

/** Inputs: x, w, then the tail's. Output: y. */
export function lowerConv2d(spec: Conv2dSpec): Lowered {
  checkConv2d(spec);
  const {
    n,
    h,
    w,
    ci,
    kh,
    kw,
    oh,
    ow,
    co,
    stride,
    padding,
    bias = false,
    residual = false,
    perImage = false,
  } = spec;
  if (isMatrixProduct(spec))
    return lowerMatmul({
      batch: [],
      m: n * h * w,
      n: co,
      k: ci,
      a: { batch: [], row: ci, col: 1 },
      b: { batch: [], row: co, col: 1 },
      c: { batch: [], row: co, col: 1 },
      bias,
      residual,
      wholeK: spec.batchInvariant ?? false,
    });
  if (isDense3x3(spec)) {
    const conv = winogradForward(spec);
    const plan = planWinograd(conv, spec);
    if (plan) return lowerWinogradConv(conv, plan);
  }
  const conv: TapConv = {
    family: "conv2d",
    source: { n, h, w, channels: ci },
    positions: { h: oh, w: ow },
    step: stride,
    taps: { rows: kh, cols: kw, firstY: -padding[0], firstX: -padding[2] },
    channels: co,
    target: { offset: 0, x: 1, y: ow, image: oh * ow },
    bias,
    residual,
    perImage,
  };
  const k = tapBlocks(conv);
  const pack = packKernel({
    batch: [],
    k,
    offset: 0,
    rowStride: kw * ci * co,
    colStride: ci * co,
    channelStride: co,
    n: co,
    nStride: 1,
  });
  return {
    temps: [packedSize(k, co)],
    steps: [
      { kernel: pack, args: [{ input: 1 }, { temp: 0 }] },
      { kernel: tapConvKernel(conv), args: [{ input: 0 }, { temp: 0 }, ...tailSlots(conv), { output: 0 }] },
    ],
  };
}

/**
 * dx from dy. Inputs: dy, w and, with `residual`, a tensor to add to dx. Output: dx.
 * With a stride s, the pixels of dx fall into s x s phases, each a stride-1 convolution of dy with every s-th tap.
 */
export function lowerConv2dGradInput(spec: Conv2dSpec): Lowered {
  checkConv2d(spec);
  const { n, h, w, ci, kw, oh, ow, co, residual = false } = spec;
  if (residual && spec.stride.some((step) => step > 1))
    throw new RangeError(`conv2d gradient: got a residual and a stride of ${spec.stride}, expected stride 1`);
  if (isMatrixProduct(spec))
    return lowerMatmul({
      batch: [],
      m: n * h * w,
      n: ci,
      k: co,
      a: { batch: [], row: co, col: 1 },
      b: { batch: [], row: 1, col: co },
      c: { batch: [], row: ci, col: 1 },
      residual,
      wholeK: spec.batchInvariant ?? false,
    });
  if (isDense3x3(spec)) {
    const conv = winogradGradInput(spec);
    const plan = planWinograd(conv, spec);
    if (plan) return lowerWinogradConv(conv, plan);
  }
  const temps: number[] = [];
  const packs: Lowered["steps"][number][] = [];
  const products: Lowered["steps"][number][] = [];
  const rowPhases = phases(h, spec.kh, spec.stride[0], spec.padding[0]);
  const columnPhases = phases(w, kw, spec.stride[1], spec.padding[2]);
  if ([...rowPhases, ...columnPhases].some(({ taps }) => taps === 0))
    packs.push({ kernel: zeroKernel(n * h * w * ci), args: [{ output: 0 }] });
  for (const rows of rowPhases)
    for (const columns of columnPhases) {
      if (rows.taps === 0 || columns.taps === 0) continue;
      const conv: TapConv = {
        family: "conv2d_grad_input",
        source: { n, h: oh, w: ow, channels: co },
        positions: { h: rows.count, w: columns.count },
        step: [1, 1],
        taps: { rows: rows.taps, cols: columns.taps, firstY: rows.first, firstX: columns.first },
        channels: ci,
        target: {
          offset: rows.phase * w + columns.phase,
          x: spec.stride[1],
          y: spec.stride[0] * w,
          image: h * w,
        },
        bias: false,
        residual,
        perImage: false,
      };
      const k = tapBlocks(conv);
      const temp = temps.push(packedSize(k, ci)) - 1;
      const pack = packKernel({
        batch: [],
        k,
        offset: (rows.lastTap * kw + columns.lastTap) * ci * co,
        rowStride: -spec.stride[0] * kw * ci * co,
        colStride: -spec.stride[1] * ci * co,
        channelStride: 1,
        n: ci,
        nStride: co,
      });
      packs.push({ kernel: pack, args: [{ input: 1 }, { temp }] });
      products.push({
        kernel: tapConvKernel(conv),
        args: [{ input: 0 }, { temp }, ...tailSlots(conv), { output: 0 }],
      });
    }
  return { temps, steps: [...packs, ...products] };
}

interface Phase {
  /** The `count` pixels phase, phase + stride, ... */
  readonly phase: number;
  readonly count: number;
  /**
   * `taps`: how many taps reach these pixels. `lastTap`: the last of them in the filter. `first`: the pixel of dy
   * under `lastTap`, for the first pixel.
   */
  readonly taps: number;
  readonly lastTap: number;
  readonly first: number;
}

/** The phases along one axis: y = (x + padding - tap) / stride must be whole, so taps descend as y ascends. */
function phases(size: number, kernel: number, stride: number, padding: number): Phase[] {
  return Array.from({ length: Math.min(stride, size) }, (_, phase): Phase => {
    const firstTap = (phase + padding) % stride;
    const taps = firstTap < kernel ? Math.floor((kernel - 1 - firstTap) / stride) + 1 : 0;
    const lastTap = firstTap + (taps - 1) * stride;
    return {
      phase,
      count: Math.ceil((size - phase) / stride),
      taps,
      lastTap,
      first: (phase + padding - lastTap) / stride,
    };
  });
}

/** Writes zeros. Argument: the target. */
function zeroKernel(size: number): Kernel {
  return {
    family: "zero",
    key: `zero:${size}`,
    tiles: 1,
    scratchBytes: 0,
    flops: 0,
    bytes: size * FLOAT,
    emit: (k) => zeroRun(k, k.buffer(0), size),
  };
}
