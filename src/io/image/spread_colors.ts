// Gives pixels that transparency hides the colours of what is visible around them, so that a model that learns
// transparent images meets no edge where there is nothing to see, and draws no fringe there. Means over squares of 2, 4,
// 8 ... pixels, weighted by alpha, fill what is hidden of the finer ones, smoothly ("push-pull", Gortler et al. 1996, "The
// lumigraph", section 3.4).

import type { Pixels } from "./pixels.ts";

/** A picture of means: colours [height, width, 3], and their weights from 0 to 1. */
interface Level {
  readonly width: number;
  readonly height: number;
  readonly colors: Float64Array;
  readonly weights: Float64Array;
}

/** Of an image with 4 channels; pixels that are seen at all stay as they are. Others: unchanged. */
export function spreadColors(image: Pixels): Pixels {
  const { data, width, height, channels } = image;
  if (channels !== 4 || data.every((value, i) => i % 4 !== 3 || value > 0)) return image;
  const count = width * height;
  const finest: Level = {
    width,
    height,
    colors: Float64Array.from({ length: count * 3 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)]),
    weights: Float64Array.from({ length: count }, (_, i) => data[i * 4 + 3] / 255),
  };
  const levels = [finest];
  for (let level = finest; level.width > 1 || level.height > 1; levels.push(level)) level = halved(level);
  const [weight] = (levels.at(-1) ?? finest).weights;
  if (weight === 0) return image;
  for (let k = levels.length - 2; k >= 0; k--) fill(levels[k], levels[k + 1]);
  const out = data.slice();
  for (let i = 0; i < count; i++) {
    if (data[i * 4 + 3] > 0) continue;
    for (let c = 0; c < 3; c++) out[i * 4 + c] = Math.round(finest.colors[i * 3 + c]);
  }
  return { data: out, width, height, channels };
}

/** Means over 2 x 2 pixels; at an odd end, over fewer. */
function halved({ width, height, colors, weights }: Level): Level {
  const [w, h] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const half: Level = {
    width: w,
    height: h,
    colors: new Float64Array(w * h * 3),
    weights: new Float64Array(w * h),
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [y * width + x, (y >> 1) * w + (x >> 1)];
      for (let c = 0; c < 3; c++) half.colors[to * 3 + c] += weights[from] * colors[from * 3 + c];
      half.weights[to] += weights[from];
    }
  }
  for (let i = 0; i < w * h; i++) {
    if (half.weights[i] > 0) for (let c = 0; c < 3; c++) half.colors[i * 3 + c] /= half.weights[i];
    half.weights[i] = Math.min(1, half.weights[i]);
  }
  return half;
}

/** Mixes into each pixel as much of the coarser picture as is hidden of it. */
function fill(fine: Level, coarse: Level): void {
  for (let y = 0; y < fine.height; y++) {
    for (let x = 0; x < fine.width; x++) {
      const at = y * fine.width + x;
      const hidden = 1 - fine.weights[at];
      if (hidden === 0) continue;
      for (let c = 0; c < 3; c++) {
        const own = fine.colors[at * 3 + c] * fine.weights[at];
        fine.colors[at * 3 + c] = own + hidden * between(coarse, x, y, c);
      }
    }
  }
}

/** The coarser picture at a pixel of the finer one, linear between its own pixels. */
function between({ width, height, colors }: Level, x: number, y: number, channel: number): number {
  const [x0, y0] = [x >> 1, y >> 1];
  const x1 = Math.min(width - 1, Math.max(0, x0 + (x % 2 === 0 ? -1 : 1)));
  const y1 = Math.min(height - 1, Math.max(0, y0 + (y % 2 === 0 ? -1 : 1)));
  const at = (row: number, column: number) => colors[(row * width + column) * 3 + channel];
  return (9 * at(y0, x0) + 3 * at(y0, x1) + 3 * at(y1, x0) + at(y1, x1)) / 16;
}
