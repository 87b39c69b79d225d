// Resizes images to a network's size in float32, as the two usual FID programs do. Parmar et al. 2022, "On aliased
// resizing and surprising subtleties in GAN evaluation", shows how much the filter changes the number.

import { checkPixels, type Pixels, toRgb } from "../io/image/index.ts";

/**
 * bilinear: torch's interpolate(mode="bilinear", align_corners=False), which reads two pixels per axis at any scale.
 * bicubic: Pillow's BICUBIC on float channels, which widens with the scale; clamped to 0 .. 255.
 */
export type ResizeFilter = "bilinear" | "bicubic";

/** The inputs of each output, first .. first + count - 1, and their weights. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** [outputs, most] */
  readonly weights: Float64Array;
  readonly most: number;
}

/**
 * @param image gray counts as equal colours, transparency is on white
 * @returns [size, size, 3], values 0 to 255 in float32
 * @throws RangeError when the image's bytes do not fill it
 */
export function resizeFloat(image: Pixels, size: number, filter: ResizeFilter): Float32Array {
  checkPixels(image);
  const { data, width, height } = toRgb(image);
  if (width === size && height === size) return Float32Array.from(data);
  const tapsOf = filter === "bilinear" ? bilinearTaps : bicubicTaps;
  const across = tapsOf(width, size);
  const down = tapsOf(height, size);
  const rows = horizontal(data, width, height, across, size);
  const out = vertical(rows, down, size);
  return filter === "bicubic" ? out.map((value) => Math.min(255, Math.max(0, value))) : out;
}

/** [height, width, 3] -> [height, size, 3] */
function horizontal(data: Uint8Array, width: number, height: number, taps: Taps, size: number): Float32Array {
  const out = new Float32Array(height * size * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < size; x++) {
      let r = 0;
      let g = 0;
      let b = 0;
      let at = (y * width + taps.first[x]) * 3;
      for (let k = 0; k < taps.count[x]; k++, at += 3) {
        const weight = taps.weights[x * taps.most + k];
        r += data[at] * weight;
        g += data[at + 1] * weight;
        b += data[at + 2] * weight;
      }
      const to = (y * size + x) * 3;
      out[to] = r;
      out[to + 1] = g;
      out[to + 2] = b;
    }
  }
  return out;
}

/** [height, size, 3] -> [size, size, 3] */
function vertical(rows: Float32Array, taps: Taps, size: number): Float32Array {
  const line = size * 3;
  const out = new Float32Array(size * line);
  const sums = new Float64Array(line);
  for (let y = 0; y < size; y++) {
    sums.fill(0);
    for (let k = 0; k < taps.count[y]; k++) {
      const weight = taps.weights[y * taps.most + k];
      const from = (taps.first[y] + k) * line;
      for (let i = 0; i < line; i++) sums[i] += rows[from + i] * weight;
    }
    out.set(sums, y * line);
  }
  return out;
}

function bilinearTaps(from: number, to: number): Taps {
  const taps = emptyTaps(to, 2);
  const scale = from / to;
  for (let i = 0; i < to; i++) {
    const center = Math.max(0, (i + 0.5) * scale - 0.5);
    const low = Math.min(from - 1, Math.floor(center));
    taps.first[i] = low;
    taps.count[i] = Math.min(2, from - low);
    const share = taps.count[i] === 2 ? center - low : 0;
    taps.weights.set([1 - share, share], i * 2);
  }
  return taps;
}

function bicubicTaps(from: number, to: number): Taps {
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const support = 2 * stretch;
  const taps = emptyTaps(to, Math.ceil(support) * 2 + 1);
  for (let i = 0; i < to; i++) {
    const center = (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(center - support + 0.5));
    const high = Math.min(from, Math.trunc(center + support + 0.5));
    const weights = Array.from({ length: high - low }, (_, k) => cubic((k + low - center + 0.5) / stretch));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    taps.first[i] = low;
    taps.count[i] = high - low;
    taps.weights.set(
      weights.map((weight) => weight / sum),
      i * taps.most,
    );
  }
  return taps;
}

/** Keys 1981, with a = -1/2. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

function emptyTaps(outputs: number, most: number): Taps {
  return {
    first: new Int32Array(outputs),
    count: new Int32Array(outputs),
    weights: new Float64Array(outputs * most),
    most,
  };
}
