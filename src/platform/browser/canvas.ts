// Pixels of the browser's bitmaps, by way of a canvas.

/** A canvas for decoding is at most so large, in pixels: browsers have limits, and memory is short. */
const TILE = 2048;

type Context = OffscreenCanvasRenderingContext2D;

/** @throws Error in words where there is no canvas of that size */
export function canvasOf(width: number, height: number): { canvas: OffscreenCanvas; context: Context } {
  const canvas = new OffscreenCanvas(width, height);
  // Kept in main memory: pixels are read from it right away.
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (context === null) throw new Error(`this browser has no canvas of ${width} x ${height} pixels`);
  return { canvas, context };
}

/** A bitmap on white, as RGB: [height, width, 3]. */
export function rgbOf(bitmap: ImageBitmap): Uint8Array<ArrayBuffer> {
  checkReadback();
  const { width, height } = bitmap;
  const { context } = canvasOf(Math.min(width, TILE), Math.min(height, TILE));
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += TILE) {
    for (let x = 0; x < width; x += TILE) {
      const [w, h] = [Math.min(TILE, width - x), Math.min(TILE, height - y)];
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, w, h);
      context.drawImage(bitmap, x, y, w, h, 0, 0, w, h);
      const { data } = context.getImageData(0, 0, w, h);
      for (let row = 0; row < h; row++) {
        let to = ((y + row) * width + x) * 3;
        for (let from = row * w * 4; from < (row + 1) * w * 4; from += 4) {
          rgb[to++] = data[from];
          rgb[to++] = data[from + 1];
          rgb[to++] = data[from + 2];
        }
      }
    }
  }
  return rgb;
}

/** RGB pixels as the browser has them. */
export function imageDataOf(rgb: Uint8Array, width: number, height: number): ImageData {
  const image = new ImageData(width, height);
  const { data } = image;
  for (let from = 0, to = 0; from < rgb.length; to += 4) {
    data[to] = rgb[from++];
    data[to + 1] = rgb[from++];
    data[to + 2] = rgb[from++];
    data[to + 3] = 255;
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
  const image = imageDataOf(rgb, side, side);
  context.putImageData(image, 0, 0);
  const { data } = context.getImageData(0, 0, side, side);
  return data.every((value, i) => value === image.data[i]);
}
