// 3 x 3 convolutions of stride 1 and their gradients by Winograd's F(4 x 4, 3 x 3): tiles are transformed, multiplied as 36
// matrix products over channels (or, for the filters' gradient, over tiles), and transformed back. They need a quarter of
// the multiplications, and move more memory.

import type { ConvGeometry } from "../../../../ops/conv2d.ts";
import type { Slot } from "../../../../program/kernel_set.ts";
import { FILTER_SIDE, outputGradientTransform, PLACES, RESULT_SIDE } from "../../../winograd/transforms.ts";
import type { ConvInputs } from "../conv2d.ts";
import type { GpuKernel, Lowered, Stored } from "../kernel.ts";
import { lowerMatmul, type MatmulSpec } from "../matmul.ts";
import { NO_TAIL, type ProductTail, tailSlots } from "../product/split_product.ts";
import { bestCut, type ProductSizes, type Speeds } from "../product/tiles.ts";
import { filterGradientKernel, filterKernel } from "./filters.ts";
import { gridOver, type Images, inputPatches, patchKernel, resultKernel, tilesOf } from "./tiles.ts";

const FLOAT = 4;
const TAPS = FILTER_SIDE * FILTER_SIDE;
/** Largest temporary array, bytes: it adds to the peak of memory. */
const MOST_TEMP = 2 ** 29;
/** What three more dispatches cost (seconds). */
const DISPATCHES = 1e-4;

/** A convolution, or the gradient of one with respect to its images, which is a convolution by turned filters. */
interface Conv {
  readonly family: ConvFamily;
  readonly source: Images;
  readonly target: Images;
  /** The first pixel that the first result reads. */
  readonly first: readonly [y: number, x: number];
  readonly isTurned: boolean;
}

type ConvFamily = "conv2d" | "conv2d_grad_input";

function convOf(family: ConvFamily, { n, h, w, oh, ow, ci, co, padding: [top, , left] }: ConvGeometry): Conv {
  const [images, results] = [
    { n, h, w, channels: ci },
    { n, h: oh, w: ow, channels: co },
  ];
  const last = FILTER_SIDE - 1;
  return family === "conv2d"
    ? { family, source: images, target: results, first: [-top, -left], isTurned: false }
    : { family, source: results, target: images, first: [top - last, left - last], isTurned: true };
}

const sizesOf = (conv: Pick<Conv, "source" | "target">): ProductSizes => ({
  batch: PLACES,
  m: tilesOf(conv.target.n, gridOver(conv.target)),
  n: conv.target.channels,
  k: conv.source.channels,
});

const elements = ({ n, h, w, channels }: Images): number => n * h * w * channels;

/** Whether Winograd's way should take less time than the product of the convolution itself. */
function isFaster(
  speeds: Speeds,
  { batch, m, n, k }: ProductSizes,
  direct: ProductSizes,
  imageElements: number,
  wholeSum: boolean,
): boolean {
  const temps = [m * k, k * n, m * n].map((count) => FLOAT * batch * count);
  if (Math.max(...temps) > Math.min(MOST_TEMP, speeds.mostBytes)) return false;
  // Each array of places is written once and read once.
  const bytes = temps.reduce((sum, size) => sum + 2 * size, FLOAT * imageElements);
  const own = bestCut({ batch, m, n, k }, speeds.tiles, wholeSum).seconds;
  return own + bytes / speeds.bytesPerSecond + DISPATCHES < bestCut(direct, speeds.tiles, wholeSum).seconds;
}

const isSuited = ({ kh, kw, stride }: ConvGeometry): boolean =>
  kh === FILTER_SIDE && kw === FILTER_SIDE && stride.every((step) => step === 1);

/**
 * Whether a convolution, or the gradient of its images, is computed so.
 * @param byImage choose by the size of one image
 */
export function takesWinograd(
  family: ConvFamily,
  geometry: ConvGeometry,
  speeds: Speeds,
  byImage: boolean,
): boolean {
  if (!isSuited(geometry)) return false;
  const conv = convOf(family, byImage ? { ...geometry, n: 1 } : geometry);
  const { source, target } = conv;
  const direct = {
    ...{ batch: 1, m: target.n * target.h * target.w, n: target.channels },
    k: TAPS * source.channels,
  };
  return isFaster(speeds, sizesOf(conv), direct, elements(source) + elements(target), byImage);
}

/** Inputs and result as those of the direct kernels. @param byImage without cutting sums by the number of images */
export function lowerWinograd(
  family: ConvFamily,
  geometry: ConvGeometry,
  inputs: ConvInputs,
  tail: ProductTail,
  speeds: Speeds,
  byImage: boolean,
): Lowered {
  const conv = convOf(family, geometry);
  const { source, target, first, isTurned } = conv;
  const { ci, co } = geometry;
  const sizes = sizesOf(conv);
  const { m, n, k } = sizes;
  const [patches, filters, products] = [{ temp: 0 }, { temp: 1 }, { temp: 2 }];
  const flops = 2 * TAPS * ci * co * source.n * geometry.oh * geometry.ow;
  const product = productOf(family, sizes, "rows", flops, speeds, byImage);
  return {
    temps: [PLACES * m * k, PLACES * k * n, PLACES * m * n, ...product.temps],
    steps: [
      {
        kernel: inputPatches({ family, images: source, stored: inputs[0], grid: gridOver(target), first }),
        args: [{ input: 0 }, patches],
      },
      {
        kernel: filterKernel({ family, ci, co, stored: inputs[1] }, isTurned),
        args: [{ input: 1 }, filters],
      },
      ...placed(product, [patches, filters], products, 3),
      {
        kernel: resultKernel(family, target, tail),
        args: [products, ...tailSlots(tail), { output: 0 }],
      },
    ],
  };
}

/** Whether the gradient of the filters is computed so. */
export function gradFilterTakesWinograd(geometry: ConvGeometry, speeds: Speeds): boolean {
  if (!isSuited(geometry)) return false;
  const { n, oh, ow, ci, co, h, w } = geometry;
  const direct = { batch: 1, m: TAPS * ci, n: co, k: n * oh * ow };
  return isFaster(speeds, gradSizes(geometry), direct, n * (h * w * ci + oh * ow * co), false);
}

const gradSizes = ({ n, oh, ow, ci, co }: ConvGeometry): ProductSizes => ({
  batch: PLACES,
  m: ci,
  n: co,
  k: tilesOf(n, gridOver({ h: oh, w: ow })),
});

/** Inputs: image, gradient of the result. Result: [3, 3, Ci, Co]. */
export function lowerWinogradGradFilter(
  geometry: ConvGeometry,
  inputs: ConvInputs,
  result: Stored,
  speeds: Speeds,
): Lowered {
  const { n, h, w, oh, ow, ci, co, padding } = geometry;
  const [top, , left] = padding;
  const family = "conv2d_grad_filter";
  const grid = gridOver({ h: oh, w: ow });
  const sizes = gradSizes(geometry);
  const { m, k } = sizes;
  const product = productOf(family, sizes, "columns", 2 * TAPS * ci * co * n * oh * ow, speeds, false);
  const [patches, gradients, sums] = [{ temp: 0 }, { temp: 1 }, { temp: 2 }];
  return {
    temps: [PLACES * m * k, PLACES * k * sizes.n, PLACES * m * sizes.n, ...product.temps],
    steps: [
      {
        kernel: inputPatches({
          ...{ family, images: { n, h, w, channels: ci }, stored: inputs[0], grid },
          first: [-top, -left],
        }),
        args: [{ input: 0 }, patches],
      },
      {
        kernel: patchKernel({
          ...{ family, images: { n, h: oh, w: ow, channels: co }, stored: inputs[1], grid },
          ...{ side: RESULT_SIDE, first: [0, 0], transform: outputGradientTransform },
        }),
        args: [{ input: 1 }, gradients],
      },
      ...placed(product, [patches, gradients], sums, 3),
      { kernel: filterGradientKernel({ family, ci, co, stored: result }), args: [sums, { output: 0 }] },
    ],
  };
}

/**
 * The 36 products.
 * @param along whether the summed index is along the rows of A, or along its columns
 * @param flops of the convolution itself
 */
function productOf(
  family: string,
  { batch, m, n, k }: ProductSizes,
  along: "rows" | "columns",
  flops: number,
  speeds: Speeds,
  wholeK: boolean,
): Lowered {
  const [row, column] = along === "rows" ? [k, 1] : [1, m];
  const spec: MatmulSpec = {
    ...{ batch: [batch], m, n, k, wholeK, tail: NO_TAIL },
    a: { stored: "f32", batch: [m * k], row, column },
    b: { stored: "f32", batch: [k * n], row: n, column: 1 },
  };
  const { temps, steps } = lowerMatmul(spec, speeds.tiles);
  // The first step multiplies; a second one adds up parts.
  const own = (kernel: GpuKernel, i: number): GpuKernel =>
    i === 0 ? { ...kernel, family, flops, fewerFlops: true } : { ...kernel, family };
  return { temps, steps: steps.map(({ kernel, args }, i) => ({ kernel: own(kernel, i), args })) };
}

/** A product's steps with its factors and its result in temporary arrays. @param before how many come before its own */
const placed = (
  { steps }: Lowered,
  factors: readonly Slot[],
  result: Slot,
  before: number,
): Lowered["steps"] =>
  steps.map(({ kernel, args }) => ({
    kernel,
    args: args.map((slot) => {
      if ("input" in slot) return factors[slot.input];
      return "temp" in slot ? { temp: before + slot.temp } : result;
    }),
  }));
