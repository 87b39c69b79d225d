// Convolutions and their gradients as products whose operands are read in place: an element of A is a pixel of an
// image under a tap of the filter.

import type { ConvGeometry } from "../../../ops/conv2d.ts";
import { floats, type GpuKernel, type Lowered, type Stored } from "./kernel.ts";
import type { Naming } from "./product/code.ts";
import { productCode, productKey } from "./product/product.ts";
import {
  lowerProduct,
  NO_TAIL,
  type ProductTail,
  productArrays,
  takesFours,
  withTail,
} from "./product/split_product.ts";
import { type Cut, type ProductSizes, productGroups, type TileSpeeds } from "./product/tiles.ts";

const FLOAT = 4;

/** How the two inputs of a kernel are stored. */
export type ConvInputs = readonly [Stored, Stored];

/** A convolution's tail. */
export interface ConvTail extends ProductTail {
  /** No cutting of the sum by the number of images. */
  readonly batchInvariant: boolean;
}

const flopsOf = ({ n, oh, ow, kh, kw, ci, co }: ConvGeometry): number => 2 * n * oh * ow * kh * kw * ci * co;
const bytesOf = ({ n, h, w, oh, ow, kh, kw, ci, co }: ConvGeometry): number =>
  FLOAT * (n * h * w * ci + n * oh * ow * co + kh * kw * ci * co);
const keyOf = (geometry: ConvGeometry): string => Object.values(geometry).flat().join(",");

/** What the three kernels of a convolution have in common. */
const common = (
  family: string,
  geometry: ConvGeometry,
  sizes: ProductSizes,
  cut: Cut,
  inputs: ConvInputs,
  tail: ProductTail,
) => ({
  family,
  key: `${family}:${productKey(sizes, cut)}:${keyOf(geometry)}:${JSON.stringify([inputs, tail])}`,
  workgroups: productGroups(sizes, cut),
  flops: flopsOf(geometry),
  bytes: bytesOf(geometry),
});

/** Statements that take a pixel's index apart. */
const pixel = (index: string, height: number, width: number, of: Naming): string => `
let ${of("px")} = ${index} % ${width}u;
let ${of("py")} = (${index} / ${width}u) % ${height}u;
let ${of("image")} = ${index} / ${height * width}u;`;

/** Statements that take an index of the filter apart into tap and channel. */
const tap = (index: string, kw: number, channels: number, of: Naming): string => `
let ${of("channel")} = ${index} % ${channels}u;
let ${of("tap_x")} = (${index} / ${channels}u) % ${kw}u;
let ${of("tap_y")} = ${index} / ${channels * kw}u;`;

/** A variable for an element that may lie outside of its array, where it is 0. */
const found = (inFours: boolean): string => `var found = ${inFours ? "vec4<f32>()" : "0.0f"};`;

/** The element of the image under a tap. */
function underTap(
  { stride: [sy, sx], padding: [top, , left], h, w, ci }: ConvGeometry,
  inFours: boolean,
  load: (index: string) => string,
  of: Naming,
): { readonly code: string; readonly value: string } {
  return {
    code: `let y = i32(${of("py")} * ${sy}u + ${of("tap_y")}) - ${top};
let x = i32(${of("px")} * ${sx}u + ${of("tap_x")}) - ${left};
${found(inFours)}
if (y >= 0 && y < ${h} && x >= 0 && x < ${w}) {
found = ${load(`((${of("image")} * ${h}u + u32(y)) * ${w}u + u32(x)) * ${ci}u + ${of("channel")}`)};
}`,
    value: "found",
  };
}

/** Inputs: image [N, H, W, Ci], filters [kh, kw, Ci, Co], then bias and residual if any. */
export function lowerConv2d(
  geometry: ConvGeometry,
  inputs: ConvInputs,
  tail: ConvTail,
  speeds: TileSpeeds,
): Lowered {
  const { n, oh, ow, kh, kw, ci, co } = geometry;
  const sizes = { m: n * oh * ow, n: co, k: kh * kw * ci, batch: 1 };
  return lowerProduct(sizes, tail, speeds, tail.batchInvariant, (cut, shown) =>
    convKernel(geometry, sizes, cut, inputs, shown),
  );
}

function convKernel(
  geometry: ConvGeometry,
  sizes: ProductSizes,
  cut: Cut,
  inputs: ConvInputs,
  tail: ProductTail,
): GpuKernel {
  const { oh, ow, kw, ci, co } = geometry;
  const [inFours, outFours] = [takesFours(ci, cut), takesFours(co, cut)];
  return {
    ...common("conv2d", geometry, sizes, cut, inputs, tail),
    arrays: productArrays([floats(inputs[0], inFours), floats(inputs[1], outFours)], tail, outFours),
    emit(args) {
      const [image, filters] = args;
      return productCode(sizes, cut, {
        a: {
          along: "inner",
          inFours,
          prepare: (row, name) => pixel(row, oh, ow, name),
          element(_, inner, name) {
            const { code, value } = underTap(geometry, inFours, image.load, name);
            return { code: `${tap(inner, kw, ci, name)}\n${code}`, value };
          },
        },
        b: {
          along: "major",
          inFours: outFours,
          element: (column, inner) => ({ value: filters.load(`${inner} * ${co}u + ${column}`) }),
        },
        storesFours: outFours,
        store(row, column, value) {
          const place = `(part * ${sizes.m}u + ${row}) * ${co}u + ${column}`;
          const addend = tail.perImage ? `(${row} / ${oh * ow}u) * ${co}u + ${column}` : place;
          return args[args.length - 1].store(place, withTail(value, tail, args.slice(2, -1), column, addend));
        },
      });
    },
  };
}

/** Inputs: gradient of the result [N, OH, OW, Co], filters, then a residual if any. Result: [N, H, W, Ci]. */
export function lowerConv2dGradInput(
  geometry: ConvGeometry,
  inputs: ConvInputs,
  tail: ConvTail,
  speeds: TileSpeeds,
): Lowered {
  const { n, h, w, kh, kw, ci, co } = geometry;
  const sizes = { m: n * h * w, n: ci, k: kh * kw * co, batch: 1 };
  return lowerProduct(sizes, tail, speeds, tail.batchInvariant, (cut, shown) =>
    gradInputKernel(geometry, sizes, cut, inputs, shown),
  );
}

function gradInputKernel(
  geometry: ConvGeometry,
  sizes: ProductSizes,
  cut: Cut,
  inputs: ConvInputs,
  tail: ProductTail,
): GpuKernel {
  const { h, w, oh, ow, kw, ci, co, stride, padding } = geometry;
  const [sy, sx] = stride;
  const [top, , left] = padding;
  const inFours = takesFours(co, cut);
  return {
    ...common("conv2d_grad_input", geometry, sizes, cut, inputs, tail),
    arrays: productArrays(
      inputs.map((stored) => floats(stored, inFours)),
      tail,
      false,
    ),
    emit(args) {
      const [gradient, filters] = args;
      return productCode(sizes, cut, {
        a: {
          along: "inner",
          inFours,
          prepare: (row, name) => pixel(row, h, w, name),
          element(_, inner, name) {
            const place = `((${name("image")} * ${oh}u + u32(y)) * ${ow}u + u32(x)) * ${co}u + ${name("channel")}`;
            // The pixel of the result whose tap lies on this one; a stride skips some.
            return {
              code: `${tap(inner, kw, co, name)}
let from_y = i32(${name("py")} + ${top}u) - i32(${name("tap_y")});
let from_x = i32(${name("px")} + ${left}u) - i32(${name("tap_x")});
let y = from_y / ${sy};
let x = from_x / ${sx};
${found(inFours)}
if (from_y >= 0 && from_x >= 0 && y * ${sy} == from_y && x * ${sx} == from_x && y < ${oh} && x < ${ow}) {
found = ${gradient.load(place)};
}`,
              value: "found",
            };
          },
        },
        b: {
          along: "inner",
          inFours,
          element: (column, inner) => ({
            value: filters.load(`((${inner} / ${co}u) * ${ci}u + ${column}) * ${co}u + ${inner} % ${co}u`),
          }),
        },
        storesFours: false,
        store(row, column, value) {
          const place = `(part * ${sizes.m}u + ${row}) * ${ci}u + ${column}`;
          return args[args.length - 1].store(place, withTail(value, tail, args.slice(2, -1), column, place));
        },
      });
    },
  };
}

/** Inputs: image, gradient of the result. Result: [kh, kw, Ci, Co]. */
export function lowerConv2dGradFilter(
  geometry: ConvGeometry,
  inputs: ConvInputs,
  result: Stored,
  speeds: TileSpeeds,
): Lowered {
  const { n, oh, ow, kh, kw, ci, co } = geometry;
  const sizes = { m: kh * kw * ci, n: co, k: n * oh * ow, batch: 1 };
  return lowerProduct(sizes, { ...NO_TAIL, result }, speeds, false, (cut, tail) =>
    gradFilterKernel(geometry, sizes, cut, inputs, tail),
  );
}

function gradFilterKernel(
  geometry: ConvGeometry,
  sizes: ProductSizes,
  cut: Cut,
  inputs: ConvInputs,
  tail: ProductTail,
): GpuKernel {
  const { oh, ow, kw, ci, co } = geometry;
  const [inFours, outFours] = [takesFours(ci, cut), takesFours(co, cut)];
  return {
    ...common("conv2d_grad_filter", geometry, sizes, cut, inputs, tail),
    arrays: productArrays([floats(inputs[0], inFours), floats(inputs[1], outFours)], tail, outFours),
    emit([image, gradient, result]) {
      return productCode(sizes, cut, {
        a: {
          along: "major",
          inFours,
          prepare: (row, name) => tap(row, kw, ci, name),
          element(_, inner, name) {
            const { code, value } = underTap(geometry, inFours, image.load, name);
            return { code: `${pixel(inner, oh, ow, name)}\n${code}`, value };
          },
        },
        b: {
          along: "major",
          inFours: outFours,
          element: (column, inner) => ({ value: gradient.load(`${inner} * ${co}u + ${column}`) }),
        },
        storesFours: outFours,
        store: (row, column, value) =>
          result.store(`(part * ${sizes.m}u + ${row}) * ${co}u + ${column}`, value),
      });
    },
  };
}
