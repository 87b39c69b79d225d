// Bilinear resizing as Pillow does it (and torchvision's Resize on Pillow images), bit for bit.
// When an image shrinks, the triangle filter widens with it, so every input pixel counts. The horizontal pass comes
// first and is rounded to bytes before the vertical one; both use fixed point with 22 fraction bits. (Pillow swaps the
// passes for images over 100 times as tall as wide; these may differ by 1.)
//
// Of transparent images, colours are weighted by their alpha and not rounded in between; a pixel of which nothing is
// seen is black here.
import * as exact from "../../engine/math/index.ts";
import { checkPixels, type Pixels } from "./pixels.ts";

const FRACTION_BITS = 22;

/** The inputs of each output, first[i] .. first[i] + taps - 1, and their weights in fixed point. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** [outputs, taps] */
  readonly weights: Int32Array;
  readonly taps: number;
}

/** Width and height, in pixels. */
export interface Extent {
  /** 1 or more. */
  readonly width: number;
  /** 1 or more. */
  readonly height: number;
}

/**
 * Scales an image so that it covers the size, by the same factor on both sides (the longer one rounded down), and crops
 * the centre: torchvision's Resize and CenterCrop. Only the pixels that are kept are computed.
 * @param size both sides, or width and height
 * @returns [height, width, channels]
 * @throws RangeError if the image's bytes do not fit its size, or a side is not a positive whole number
 */
export function resizeAndCrop(image: Pixels, size: number | Extent): Uint8Array {
  const target = typeof size === "number" ? { width: size, height: size } : size;
  const scaled = scaledTo(image, target, "cover");
  return resample(image, scaled, target);
}

/** Scales both sides to the size. @returns [height, width, channels]; @throws RangeError as `resizeAndCrop` */
export const resizeTo = (image: Pixels, size: Extent): Uint8Array => resample(image, size, size);

/**
 * The size of an image after scaling by the same factor on both sides, so that it covers a size, or lies within it.
 * @throws RangeError unless both sides of the target are positive whole numbers
 */
export function scaledTo({ width, height }: Extent, target: Extent, rule: "cover" | "within"): Extent {
  checkTarget(target);
  // Whether the width is what limits the scale.
  const isByWidth = target.width * height >= target.height * width === (rule === "cover");
  return isByWidth
    ? { width: target.width, height: Math.max(1, Math.trunc((target.width * height) / width)) }
    : { width: Math.max(1, Math.trunc((target.height * width) / height)), height: target.height };
}

function checkTarget({ width, height }: Extent): void {
  for (const side of [width, height]) {
    if (Number.isInteger(side) && side >= 1) continue;
    throw new RangeError(`resize: size is ${side}; give a whole number of pixels above 0`);
  }
}

/** The central part, of the target's size, of the image at the scaled size. */
function resample(image: Pixels, scaled: Extent, target: Extent): Uint8Array {
  checkPixels(image);
  checkTarget(target);
  const left = roundHalfEven((scaled.width - target.width) / 2);
  const top = roundHalfEven((scaled.height - target.height) / 2);
  const across = tapsOf(image.width, scaled.width, left, target.width);
  const down = tapsOf(image.height, scaled.height, top, target.height);
  if (image.channels === 4) return transparent(image, across, down, target);
  const rows = horizontal(image, across, down, target);
  return vertical(rows, down, target.width * image.channels, target.height);
}

/** Computes only the rows that the vertical pass reads, numbered from the first. Returns bytes [rows, width, channels]. */
function horizontal(image: Pixels, across: Taps, down: Taps, { width, height }: Extent): Uint8Array {
  const { data, channels } = image;
  const firstRow = down.first[0];
  const rows = down.first[height - 1] + down.count[height - 1] - firstRow;
  const out = new Uint8Array(rows * width * channels);
  for (let y = 0; y < rows; y++) {
    const row = (firstRow + y) * image.width * channels;
    for (let x = 0; x < width; x++) {
      const start = x * across.taps;
      const end = start + across.count[x];
      const to = (y * width + x) * channels;
      for (let c = 0; c < channels; c++) {
        let sum = 1 << (FRACTION_BITS - 1);
        let at = row + across.first[x] * channels + c;
        for (let k = start; k < end; k++) {
          sum += data[at] * across.weights[k];
          at += channels;
        }
        out[to + c] = sum >> FRACTION_BITS;
      }
    }
  }
  return out;
}

function vertical(data: Uint8Array, down: Taps, line: number, height: number): Uint8Array {
  const out = new Uint8Array(height * line);
  const firstRow = down.first[0];
  for (let y = 0; y < height; y++) {
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

/** Both passes over RGB and alpha: means of colours times alpha, over those of alpha. */
function transparent(image: Pixels, across: Taps, down: Taps, { width, height }: Extent): Uint8Array {
  const { data } = image;
  const firstRow = down.first[0];
  const rows = down.first[height - 1] + down.count[height - 1] - firstRow;
  const lines = new Float64Array(rows * width * 4);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x++) {
      const to = (y * width + x) * 4;
      for (let k = 0; k < across.count[x]; k++) {
        const from = ((firstRow + y) * image.width + across.first[x] + k) * 4;
        const weight = across.weights[x * across.taps + k] * data[from + 3];
        for (let c = 0; c < 3; c++) lines[to + c] += weight * data[from + c];
        lines[to + 3] += weight;
      }
    }
  }
  const out = new Uint8Array(width * height * 4);
  const sums = new Float64Array(4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      sums.fill(0);
      for (let k = 0; k < down.count[y]; k++) {
        const from = ((down.first[y] - firstRow + k) * width + x) * 4;
        const weight = down.weights[y * down.taps + k];
        for (let c = 0; c < 4; c++) sums[c] += weight * lines[from + c];
      }
      const to = (y * width + x) * 4;
      const alpha = Math.round(sums[3] / exact.powerOfTwo(2 * FRACTION_BITS));
      out[to + 3] = alpha;
      if (alpha > 0) for (let c = 0; c < 3; c++) out[to + c] = Math.min(255, Math.round(sums[c] / sums[3]));
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
