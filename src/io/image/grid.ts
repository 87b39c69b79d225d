// Combines many small images into one picture.
import { checkRgb, type RgbImage } from "./rgb_image.ts";

/** The layout of a grid of images. */
export interface GridOptions {
  /** Images per row; default: as square a grid as possible. */
  readonly columns?: number;
  /** Pixels between tiles and around them, after scaling; default 4. */
  readonly gap?: number;
  /**
   * Every pixel becomes a square of `scale` x `scale`, so nothing is shown that the model did not draw; default: the
   * factor that makes a tile at least 128 pixels high, or less where many tiles would make a huge picture.
   */
  readonly scale?: number;
}

/**
 * Puts images of one size side by side on white, row by row.
 * @throws RangeError if there is no image, the sizes differ, or an option is not a whole number in range
 */
export function imageGrid(images: readonly RgbImage[], options: GridOptions = {}): RgbImage {
  const first = images[0];
  if (first === undefined) throw new RangeError("imageGrid: no image was given; give at least one");
  const columns = whole("columns", options.columns ?? Math.ceil(Math.sqrt(images.length)), 1);
  const gap = whole("gap", options.gap ?? 4, 0);
  const scale = whole("scale", options.scale ?? defaultScale(first, columns), 1);
  const rows = Math.ceil(images.length / columns);
  const tile = { width: first.width * scale, height: first.height * scale };
  const width = columns * (tile.width + gap) + gap;
  const height = rows * (tile.height + gap) + gap;
  const data = new Uint8Array(width * height * 3).fill(255);
  for (const [n, image] of images.entries()) {
    checkRgb(image);
    if (image.width !== first.width || image.height !== first.height) {
      throw new RangeError(
        `imageGrid: image ${n} is ${image.width} x ${image.height}, the first is ${first.width} x ${first.height}; give one size`,
      );
    }
    const left = gap + (n % columns) * (tile.width + gap);
    const top = gap + Math.floor(n / columns) * (tile.height + gap);
    paste(data, width, image, left, top, scale);
  }
  return { data, width, height };
}

/** Sides, in pixels, of a tile and of a picture that are comfortable to look at. */
const TILE = 128;
const PICTURE = 8192;

function defaultScale({ width, height }: RgbImage, columns: number): number {
  const fitting = Math.floor(PICTURE / (columns * width));
  return Math.max(1, Math.min(Math.ceil(TILE / height), fitting));
}

function paste(
  canvas: Uint8Array,
  canvasWidth: number,
  image: RgbImage,
  left: number,
  top: number,
  scale: number,
): void {
  const line = new Uint8Array(image.width * scale * 3);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width * scale; x++) {
      const from = (y * image.width + Math.floor(x / scale)) * 3;
      line.set(image.data.subarray(from, from + 3), x * 3);
    }
    for (let s = 0; s < scale; s++) canvas.set(line, ((top + y * scale + s) * canvasWidth + left) * 3);
  }
}

function whole(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new RangeError(`imageGrid: ${name} is ${value}; give a whole number from ${least}`);
}
