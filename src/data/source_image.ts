// One image of a data set as RGB.

import type { RgbImage } from "../io/image/index.ts";
import type { ImageSource } from "./image_source.ts";

/**
 * Returns an image with three channels, equal ones for gray. The bytes may be the data set's own: do not write to them.
 */
export function sourceImage(images: ImageSource, index: number): RgbImage {
  const { height, width } = images.size;
  const pixels = images.image(index);
  if (images.channels === 3) return { data: pixels, height, width };
  const data = new Uint8Array(pixels.length * 3);
  for (const [i, value] of pixels.entries()) data.fill(value, i * 3, i * 3 + 3);
  return { data, height, width };
}
