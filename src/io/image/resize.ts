// Bilinear resizing as Pillow does it (and torchvision's Resize on Pillow images), bit for bit.
// When an image shrinks, the triangle filter widens with it, so every input pixel counts. The horizontal pass comes
// first and is rounded to bytes before the vertical one; both use fixed point with 22 fraction bits. (Pillow swaps the
// passes for images over 100 times as tall as wide; these may differ by 1.)
import * as exact from "../../engine/math/index.ts";
import { checkRgb, type RgbImage } from "./rgb_image.ts";

const FRACTION_BITS = 22;

/** The inputs of each output, first[i] .. first[i] + taps - 1, and their weights in fixed point. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** [outputs, taps] */
  readonly weights: Int32Array;
  readonly taps: number;
}

/**
 * Scales the shorter side to `size` (the other by the same factor, rounded down) and crops the central square:
 * torchvision's Resize(size) and CenterCrop(size). Only the pixels that are kept are computed.
 * @returns [size, size, 3]
 * @throws RangeError if the image's bytes do not fit its size, or `size` is not a positive whole number
 */
export function resizeAndCrop(image: RgbImage, size: number): Uint8Array {
  checkRgb(image);
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`resize: size is ${size}; give a whole number of pixels above 0`);
  }
  const { width, height } = image;
  const short = Math.min(width, height);
  const scaledWidth = width <= height ? size : Math.trunc((size * width) / short);
  const scaledHeight = width <= height ? Math.trunc((size * height) / short) : size;
  const left = roundHalfEven((scaledWidth - size) / 2);
  const top = roundHalfEven((scaledHeight - size) / 2);
  const across = tapsOf(width, scaledWidth, left, size);
  const down = tapsOf(height, scaledHeight, top, size);
  return vertical(horizontal(image, across, down, size), down, size);
}

/** Computes only the rows that the vertical pass reads, numbered from the first. Returns bytes [rows, size, 3]. */
function horizontal({ data, width }: RgbImage, across: Taps, down: Taps, size: number): Uint8Array {
  const firstRow = down.first[0];
  const rows = down.first[size - 1] + down.count[size - 1] - firstRow;
  const out = new Uint8Array(rows * size * 3);
  for (let y = 0; y < rows; y++) {
    const row = (firstRow + y) * width * 3;
    for (let x = 0; x < size; x++) {
      let r = 1 << (FRACTION_BITS - 1);
      let g = r;
      let b = r;
      let at = row + across.first[x] * 3;
      const start = x * across.taps;
      const end = start + across.count[x];
      for (let k = start; k < end; k++) {
        const weight = across.weights[k];
        r += data[at] * weight;
        g += data[at + 1] * weight;
        b += data[at + 2] * weight;
        at += 3;
      }
      const to = (y * size + x) * 3;
      out[to] = r >> FRACTION_BITS;
      out[to + 1] = g >> FRACTION_BITS;
      out[to + 2] = b >> FRACTION_BITS;
    }
  }
  return out;
}

function vertical(data: Uint8Array, down: Taps, size: number): Uint8Array {
  const line = size * 3;
  const out = new Uint8Array(size * line);
  const firstRow = down.first[0];
  for (let y = 0; y < size; y++) {
    const from = (down.first[y] - firstRow) * line;
    for (let i = 0; i < line; i++) {
      let sum = 1 << (FRACTION_BITS - 1);
      for (let k = 0; k < down.count[y]; k++)
        sum += data[from + k * line + i] * down.weights[y * down.taps + k];
      out[y * line + i] = sum >> FRACTION_BITS;
    }
  }
  return out;
}

/** The taps of outputs `start` .. `start + outputs` of an axis scaled from `from` to `to` pixels. */
function tapsOf(from: number, to: number, start: number, outputs: number): Taps {
  const scale = from / to;
  const support = Math.max(1, scale);
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(outputs);
  const count = new Int32Array(outputs);
  const weights = new Int32Array(outputs * taps);
  const triangle = new Float64Array(taps);
  for (let i = 0; i < outputs; i++) {
    const center = (start + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(center - support + 0.5));
    const high = Math.min(from, Math.trunc(center + support + 0.5));
    let sum = 0;
    for (let k = 0; k < high - low; k++) {
      triangle[k] = Math.max(0, 1 - Math.abs((k + low - center + 0.5) * (1 / support)));
      sum += triangle[k];
    }
    first[i] = low;
    count[i] = high - low;
    for (let k = 0; k < high - low; k++) {
      weights[i * taps + k] = Math.trunc(triangle[k] * (1 / sum) * exact.powerOfTwo(FRACTION_BITS) + 0.5);
    }
  }
  return { first, count, weights, taps };
}

/** Python's round(): halves go to the even neighbour. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
