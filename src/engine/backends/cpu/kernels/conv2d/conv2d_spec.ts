// The spec of a convolution kernel: its sizes, and what else decides which algorithm is used.

import { type ConvGeometry, outputSize } from "../../../../ops/conv2d.ts";
import type { ProductTail } from "../kernel.ts";

export interface Conv2dSpec extends ConvGeometry, ProductTail {
  /** Forward only. */
  readonly bias?: boolean;
  /** Forward, and gradient of the image where the stride is 1. */
  readonly residual?: boolean;
  /** The residual is [n, co], the same at every pixel of an image; forward only, and not for 1 x 1 filters. */
  readonly perImage?: boolean;
  /** The algorithm must not depend on n; forward and gradient of the image only. */
  readonly batchInvariant?: boolean;
  /** Threads that share the work; results do not depend on it. */
  readonly threads?: number;
  /** Filters are the same in every run, so what is computed from them alone is kept. */
  readonly constantFilters?: boolean;
}

/** Throws when the sizes do not fit together. */
export function checkConv2d(spec: Conv2dSpec): void {
  const { n, h, w, ci, kh, kw, oh, ow, co, stride } = spec;
  for (const size of [n, h, w, ci, kh, kw, oh, ow, co, ...stride])
    if (!Number.isInteger(size) || size < 1)
      throw new RangeError(`conv2d: got a size of ${size}, expected a positive integer`);
  const want = outputSize([h, w], [kh, kw], spec);
  if (oh !== want[0] || ow !== want[1])
    throw new RangeError(`conv2d: got an output of ${oh}x${ow}, expected ${want.join("x")}`);
}

/** A 1 x 1 filter at every pixel: a plain matrix product. */
export const isMatrixProduct = ({ kh, kw, stride, padding }: Conv2dSpec): boolean =>
  kh === 1 && kw === 1 && stride.every((step) => step === 1) && padding.every((side) => side === 0);

/** A 3 x 3 filter at every pixel: what Winograd's algorithm is for. */
export const isDense3x3 = ({ kh, kw, stride }: Conv2dSpec): boolean =>
  kh === 3 && kw === 3 && stride.every((step) => step === 1);
