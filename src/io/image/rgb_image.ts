// A decoded image, and the conversion from a model's values to bytes.

/** An image in memory: 8-bit RGB, [height, width, 3], row by row from the top. */
export interface RgbImage {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * Checks that the number of bytes fits the size.
 * @throws RangeError if width or height is not a positive whole number, or the length does not fit
 */
export function checkRgb({ data, width, height }: RgbImage): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new RangeError(`image: ${width} x ${height} is not a size; give whole numbers of pixels above 0`);
  }
  if (data.length !== width * height * 3) {
    throw new RangeError(
      `image: ${data.length} bytes given, ${width} x ${height} RGB needs ${width * height * 3}`,
    );
  }
}

/**
 * Converts images that a model drew, [count, height, width, 3] or [..., 1] in [-1, 1], to bytes: (x / 2 + 0.5) clamped
 * to [0, 1], times 255, rounded half to even, in float32 as diffusers does it. Gray becomes RGB.
 * @throws RangeError if the length does not fit the shape, or a value is not a number
 */
export function toUint8(values: Float32Array, shape: ImagesShape): RgbImage[] {
  return quantized("toUint8", values, shape, (value) => Math.fround(Math.fround(value / 2) + 0.5));
}

/**
 * As `toUint8`, for values in [0, 1].
 * @throws RangeError if the length does not fit the shape, or a value is not a number
 */
export function unitToUint8(values: Float32Array, shape: ImagesShape): RgbImage[] {
  return quantized("unitToUint8", values, shape, (value) => value);
}

type ImagesShape = readonly [count: number, height: number, width: number, channels: 1 | 3];

function quantized(
  name: string,
  values: Float32Array,
  [count, height, width, channels]: ImagesShape,
  unit: (value: number) => number,
): RgbImage[] {
  const pixels = height * width;
  if (values.length !== count * pixels * channels) {
    throw new RangeError(
      `${name}: ${values.length} values given, [${count}, ${height}, ${width}, ${channels}] needs ${count * pixels * channels}`,
    );
  }
  return Array.from({ length: count }, (_, n) => {
    const data = new Uint8Array(pixels * 3);
    for (let i = 0; i < data.length; i++) {
      const from = channels === 3 ? i : Math.floor(i / 3);
      const value = unit(values[n * pixels * channels + from]);
      if (Number.isNaN(value)) throw new RangeError(`${name}: a value is NaN; the model has diverged`);
      data[i] = toByte(value);
    }
    return { data, width, height };
  });
}

/** Clamped to [0, 1], times 255, rounded half to even. */
function toByte(value: number): number {
  const x = Math.fround(Math.min(1, Math.max(0, value)) * 255);
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
