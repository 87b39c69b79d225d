// The conversion from a model's values to bytes.

import type { Channels, Pixels } from "./pixels.ts";

/**
 * Converts images that a model drew, [count, height, width, channels] in [-1, 1], to bytes: (x / 2 + 0.5) clamped
 * to [0, 1], times 255, rounded half to even, in float32 as diffusers does it.
 * @throws RangeError if the length does not fit the shape, or a value is not a number
 */
export function toUint8(values: Float32Array, shape: ImagesShape): Pixels[] {
  return quantized("toUint8", values, shape, (value) => Math.fround(Math.fround(value / 2) + 0.5));
}

/**
 * As `toUint8`, for values in [0, 1].
 * @throws RangeError if the length does not fit the shape, or a value is not a number
 */
export function unitToUint8(values: Float32Array, shape: ImagesShape): Pixels[] {
  return quantized("unitToUint8", values, shape, (value) => value);
}

type ImagesShape = readonly [count: number, height: number, width: number, channels: Channels];

function quantized(
  name: string,
  values: Float32Array,
  [count, height, width, channels]: ImagesShape,
  unit: (value: number) => number,
): Pixels[] {
  const pixels = height * width;
  if (values.length !== count * pixels * channels) {
    throw new RangeError(
      `${name}: ${values.length} values given, [${count}, ${height}, ${width}, ${channels}] needs ${count * pixels * channels}`,
    );
  }
  return Array.from({ length: count }, (_, n) => {
    const size = pixels * channels;
    const data = new Uint8Array(size);
    for (let i = 0; i < size; i++) {
      const value = unit(values[n * size + i]);
      if (Number.isNaN(value)) throw new RangeError(`${name}: a value is NaN; the model has diverged`);
      data[i] = toByte(value);
    }
    return { data, width, height, channels };
  });
}

/** Clamped to [0, 1], times 255, rounded half to even. */
function toByte(value: number): number {
  const x = Math.fround(Math.min(1, Math.max(0, value)) * 255);
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
