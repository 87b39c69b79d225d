// Resamples an image through an affine map with the cubic convolution kernel, a = -1/2 (Keys 1981, "Cubic convolution
// interpolation for digital image processing", equation 15; Pillow's BICUBIC). Pixels that fall on pixels are
// unchanged, and the others blur less than with linear interpolation. Where the map shrinks the image, the kernel
// widens with it to avoid aliasing.
//
// Outside the image its edge pixels repeat. Reflection, the choice of Karras et al., suits pictures that fill their
// frame; but for an object on a plain ground, as in most small data sets, it repeats parts of the object beyond the
// edge, and models learn to draw them.
import { type Affine, stretch } from "./affine.ts";

/** Bytes [height, width, channels]. */
export interface Raster {
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** The kernel is 0 beyond this distance. */
const RADIUS = 2;

/**
 * Resamples an image.
 * @param sourceOf the map from positions in the result to positions in the image, relative to the centres
 * @param out [height, width, channels], 0 to 255
 */
export function resample(raster: Raster, sourceOf: Affine, out: Float32Array): void {
  const { height, width, channels } = raster;
  const [a, b, x0, c, d, y0] = sourceOf;
  // Rotations may miss 1 by a rounding error.
  const widening = Math.max(1, Math.fround(stretch(sourceOf)));
  const reach = RADIUS * widening;
  const taps = Math.ceil(2 * reach);
  const middleX = (width - 1) / 2;
  const middleY = (height - 1) / 2;
  const marginX = marginFor(width, Math.abs(a) * middleX + Math.abs(b) * middleY + Math.abs(x0) + reach);
  const marginY = marginFor(height, Math.abs(c) * middleX + Math.abs(d) * middleY + Math.abs(y0) + reach);
  const wide = withMargins(raster, marginX, marginY);
  const line = (width + 2 * marginX) * channels;
  const weightsX = new Float64Array(taps);
  const weightsY = new Float64Array(taps);
  const blend = channels === 3 && taps === 4 ? blend4x4 : blendAll;
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += channels) {
      const u = x - middleX;
      const v = y - middleY;
      const left = weigh(weightsX, a * u + b * v + x0 + middleX, widening) + marginX;
      const top = weigh(weightsY, c * u + d * v + y0 + middleY, widening) + marginY;
      blend(wide, top * line + left * channels, line, weightsX, weightsY, out, to, channels);
    }
  }
}

/** The weighted sum over 4 by 4 pixels of three channels starting at `from`: the case of nearly all training pixels. */
function blend4x4(
  wide: Float64Array,
  from: number,
  line: number,
  weightsX: Float64Array,
  weightsY: Float64Array,
  out: Float32Array,
  to: number,
): void {
  const [w0, w1, w2, w3] = [weightsX[0], weightsX[1], weightsX[2], weightsX[3]];
  let [red, green, blue] = [0, 0, 0];
  for (let j = 0, at = from; j < 4; j++, at += line) {
    const weight = weightsY[j];
    red += weight * (w0 * wide[at] + w1 * wide[at + 3] + w2 * wide[at + 6] + w3 * wide[at + 9]);
    green += weight * (w0 * wide[at + 1] + w1 * wide[at + 4] + w2 * wide[at + 7] + w3 * wide[at + 10]);
    blue += weight * (w0 * wide[at + 2] + w1 * wide[at + 5] + w2 * wide[at + 8] + w3 * wide[at + 11]);
  }
  out[to] = inRange(red);
  out[to + 1] = inRange(green);
  out[to + 2] = inRange(blue);
}

/** The same for any square and number of channels. */
function blendAll(
  wide: Float64Array,
  from: number,
  line: number,
  weightsX: Float64Array,
  weightsY: Float64Array,
  out: Float32Array,
  to: number,
  channels: number,
): void {
  for (let k = 0; k < channels; k++) {
    let sum = 0;
    for (let j = 0; j < weightsY.length; j++) {
      let row = 0;
      for (let i = 0, at = from + j * line + k; i < weightsX.length; i++, at += channels) {
        row += weightsX[i] * wide[at];
      }
      sum += weightsY[j] * row;
    }
    out[to + k] = inRange(sum);
  }
}

const inRange = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);

/**
 * Computes the weights of the pixels around `position`; they sum to 1.
 * @returns the index of the first of these pixels
 */
function weigh(weights: Float64Array, position: number, widening: number): number {
  const first = Math.floor(position - RADIUS * widening) + 1;
  if (widening === 1) {
    const t = position - first - 1; // 0 to 1, from the second of four
    weights[0] = ((1 - 0.5 * t) * t - 0.5) * t;
    weights[1] = (1.5 * t - 2.5) * t * t + 1;
    weights[2] = ((2 - 1.5 * t) * t + 0.5) * t;
    weights[3] = (0.5 * t - 0.5) * t * t;
    return first;
  }
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    weights[i] = kernel((first + i - position) / widening);
    sum += weights[i];
  }
  for (let i = 0; i < weights.length; i++) weights[i] /= sum;
  return first;
}

function kernel(distance: number): number {
  const t = Math.abs(distance);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < RADIUS ? ((2.5 - 0.5 * t) * t - 4) * t + 2 : 0;
}

/** Pixels to add on each side of a line of `size`, so that it covers `farthest` from its centre. */
const marginFor = (size: number, farthest: number): number =>
  Math.max(0, Math.ceil(farthest - (size - 1) / 2)) + 1;

/** Repeats the edge pixels: [height + 2 marginY, width + 2 marginX, channels]. */
function withMargins(raster: Raster, marginX: number, marginY: number): Float64Array {
  const { pixels, height, width, channels } = raster;
  const wideWidth = width + 2 * marginX;
  const columns = Int32Array.from({ length: wideWidth }, (_, x) => clamped(x - marginX, width) * channels);
  const out = new Float64Array(wideWidth * (height + 2 * marginY) * channels);
  let to = 0;
  for (let y = -marginY; y < height + marginY; y++) {
    const row = clamped(y, height) * width * channels;
    for (let x = 0; x < wideWidth; x++) {
      const from = row + columns[x];
      for (let k = 0; k < channels; k++) out[to++] = pixels[from + k];
    }
  }
  return out;
}

const clamped = (i: number, size: number): number => Math.min(size - 1, Math.max(0, i));
