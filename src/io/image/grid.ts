// Combines many small images into one picture, with captions if wanted.
import { fittingText, LETTER_HEIGHT, textPixels, textWidth } from "./pixel_font.ts";
import { checkPixels, isSameKind, kindOf, type Pixels } from "./pixels.ts";

/** The layout of a grid of images. */
export interface GridOptions {
  /** Images per row; default: as square a grid as possible. */
  readonly columns?: number;
  /** Pixels between tiles, after scaling; default 4. */
  readonly gap?: number;
  /** Pixels around all tiles; default: the gap. */
  readonly margin?: number;
  /**
   * Every pixel becomes a square of `scale` x `scale`, so nothing is shown that the model did not draw; default: the
   * factor that makes a tile at least 128 pixels high, or less where many tiles would make a huge picture.
   */
  readonly scale?: number;
  /** A text below each image, cut where it is too long. */
  readonly captions?: readonly string[];
}

/** Where the tiles of a grid are. */
export interface GridLayout {
  /** Size of the picture, pixels. */
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  readonly scale: number;
  readonly margin: number;
  /** Distance from one tile to the next, pixels. */
  readonly across: number;
  readonly down: number;
  /** Side of a caption's pixels. */
  readonly letterScale: number;
}

/** Sides, in pixels, of a tile and of a picture that are comfortable to look at. */
const TILE = 128;
const PICTURE = 8192;
/** Pixels between an image and its caption, of the caption's size. */
const CAPTION_GAP = 2;
/** Dark gray. */
const INK = 0x33;
const OPAQUE = 255;

/**
 * The layout of a grid of `count` images of one size.
 * @throws RangeError if an option is not a whole number in range, or the number of captions differs
 */
export function gridLayout(
  count: number,
  image: Pick<Pixels, "width" | "height">,
  options: GridOptions = {},
): GridLayout {
  const { captions } = options;
  if (captions && captions.length !== count) {
    throw new RangeError(`imageGrid: ${captions.length} captions for ${count} images; give one for each`);
  }
  const columns = whole("columns", options.columns ?? Math.ceil(Math.sqrt(count)), 1);
  const gap = whole("gap", options.gap ?? 4, 0);
  const margin = whole("margin", options.margin ?? gap, 0);
  const scale = whole("scale", options.scale ?? defaultScale(image, columns), 1);
  const rows = Math.ceil(count / columns);
  const letterScale = captionScale(captions ?? [], image.width * scale);
  // Letters that reach below the line need one pixel more.
  const caption = captions ? (CAPTION_GAP + LETTER_HEIGHT + 1) * letterScale : 0;
  const across = image.width * scale + gap;
  const down = image.height * scale + caption + gap;
  return {
    width: columns * across - gap + 2 * margin,
    height: rows * down - gap + 2 * margin,
    ...{ columns, scale, margin, across, down, letterScale },
  };
}

/**
 * Puts images of one size side by side, row by row: on white, or transparent ones on a transparent ground.
 * @throws RangeError if there is no image, the sizes differ, or an option is wrong
 */
export function imageGrid(images: readonly Pixels[], options: GridOptions = {}): Pixels {
  const first = images[0];
  if (first === undefined) throw new RangeError("imageGrid: no image was given; give at least one");
  const layout = gridLayout(images.length, first, options);
  const { width, height, columns, scale, margin, across, down } = layout;
  const { channels } = first;
  const data = new Uint8Array(width * height * channels).fill(channels === 4 ? 0 : 255);
  const canvas = { data, width, height, channels };
  for (const [n, image] of images.entries()) {
    checkPixels(image);
    if (!isSameKind(image, first)) {
      throw new RangeError(
        `imageGrid: image ${n} is ${kindOf(image)}, the first is ${kindOf(first)}; give one size`,
      );
    }
    const left = margin + (n % columns) * across;
    const top = margin + Math.floor(n / columns) * down;
    paste(canvas, image, left, top, scale);
    const caption = options.captions?.[n];
    if (caption !== undefined)
      writeCaption(canvas, caption, layout, left, top + first.height * scale, first.width * scale);
  }
  return canvas;
}

function defaultScale({ width, height }: Pick<Pixels, "width" | "height">, columns: number): number {
  const fitting = Math.floor(PICTURE / (columns * width));
  return Math.max(1, Math.min(Math.ceil(TILE / height), fitting));
}

/** Large letters on large tiles, and smaller ones if the longest caption needs it. */
function captionScale(captions: readonly string[], tileWidth: number): number {
  const longest = Math.max(1, ...captions.map(textWidth));
  const large = Math.floor((2 * tileWidth) / TILE);
  return Math.max(1, Math.min(large, Math.floor(tileWidth / longest)));
}

function paste(canvas: Pixels, image: Pixels, left: number, top: number, scale: number): void {
  const { channels } = canvas;
  const line = new Uint8Array(image.width * scale * channels);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width * scale; x++) {
      const from = (y * image.width + Math.floor(x / scale)) * channels;
      line.set(image.data.subarray(from, from + channels), x * channels);
    }
    for (let s = 0; s < scale; s++) {
      canvas.data.set(line, ((top + y * scale + s) * canvas.width + left) * channels);
    }
  }
}

/** Centred below the tile. */
function writeCaption(
  canvas: Pixels,
  caption: string,
  { letterScale: scale }: GridLayout,
  left: number,
  bottom: number,
  tileWidth: number,
): void {
  const { channels } = canvas;
  const text = fittingText(caption, Math.floor(tileWidth / scale));
  const begin = left + Math.floor((tileWidth - textWidth(text) * scale) / 2);
  for (const [x, y] of textPixels(text)) {
    for (let row = 0; row < scale; row++) {
      const at = (bottom + (CAPTION_GAP + y) * scale + row) * canvas.width + begin + x * scale;
      canvas.data.fill(INK, at * channels, (at + scale) * channels);
      if (channels === 4) for (let k = at; k < at + scale; k++) canvas.data[k * 4 + 3] = OPAQUE;
    }
  }
}

function whole(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new RangeError(`imageGrid: ${name} is ${value}; give a whole number from ${least}`);
}
