// Pixels of the browser's bitmaps, by way of a canvas.

import type { RasterImage } from "../platform.ts";

/** A canvas for decoding is at most so large, in pixels: browsers have limits, and memory is short. */
const TILE = 2048;

type Context = OffscreenCanvasRenderingContext2D;

/** @throws Error in words where there is no canvas of that size */
export function canvasOf(
  width: number,
  height: number,
  alpha = false,
): { canvas: OffscreenCanvas; context: Context } {
  const canvas = new OffscreenCanvas(width, height);
  // Kept in main memory: pixels are read from it right away.
  const context = canvas.getContext("2d", { alpha, willReadFrequently: true });
  if (context === null) throw new Error(`this browser has no canvas of ${width} x ${height} pixels`);
  return { canvas, context };
}

/**
 * The pixels of a bitmap.
 * @param channels 1: the red of each pixel; 4: colours are rounded more where alpha is low, as browsers multiply them
 * @returns [height, width, channels]
 */
export function pixelsOf(bitmap: ImageBitmap, channels: 1 | 3 | 4): Uint8Array<ArrayBuffer> {
  checkReadback();
  const { width, height } = bitmap;
  const { context } = canvasOf(Math.min(width, TILE), Math.min(height, TILE), channels === 4);
  const out = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y += TILE) {
    for (let x = 0; x < width; x += TILE) {
      const [w, h] = [Math.min(TILE, width - x), Math.min(TILE, height - y)];
      if (channels === 4) context.clearRect(0, 0, w, h);
      else {
        context.fillStyle = "#ffffff";
        context.fillRect(0, 0, w, h);
      }
      context.drawImage(bitmap, x, y, w, h, 0, 0, w, h);
      const { data } = context.getImageData(0, 0, w, h);
      for (let row = 0; row < h; row++) {
        let to = ((y + row) * width + x) * channels;
        for (let from = row * w * 4; from < (row + 1) * w * 4; from += 4) {
          for (let c = 0; c < channels; c++) out[to++] = data[from + c];
        }
      }
    }
  }
  return out;
}

/** Pixels as the browser has them. */
export function imageDataOf({ data, width, height, channels }: RasterImage): ImageData {
  const image = new ImageData(width, height);
  const { data: rgba } = image;
  for (let from = 0, to = 0; from < data.length; from += channels, to += 4) {
    for (let c = 0; c < 3; c++) rgba[to + c] = data[channels === 1 ? from : from + c];
    rgba[to + 3] = channels === 4 ? data[from + 3] : 255;
  }
  return image;
}

let isExact: boolean | undefined;

/**
 * Some browsers change what pages read from a canvas, so that pages cannot recognise their user.
 * @throws Error in words if this one does
 */
function checkReadback(): void {
  isExact ??= readsBack();
  if (isExact) return;
  throw new Error(
    "this browser changes the pixels that pages read; allow this page to read from a canvas (protection against fingerprinting)",
  );
}

function readsBack(): boolean {
  const side = 64;
  const { context } = canvasOf(side, side);
  const rgb = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 167 + (i >> 6) * 31) & 0xff);
  const image = imageDataOf({ data: rgb, width: side, height: side, channels: 3 });
  context.putImageData(image, 0, 0);
  const { data } = context.getImageData(0, 0, side, side);
  return data.every((value, i) => value === image.data[i]);
}
