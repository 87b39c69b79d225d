// One image of a data set as RGB.

import { type Pixels, toRgb } from "../io/image/index.ts";
import type { ImageSource } from "./image_source.ts";

/** An image of a data set, as it has it. The bytes may be the data set's own: do not write to them. */
export const ownImage = (images: ImageSource, index: number): Pixels => ({
  ...images.size,
  data: images.image(index),
  channels: images.channels,
});

/**
 * An image with three channels: equal ones for gray, and transparency on white. The bytes may be the data set's own: do
 * not write to them.
 */
export const sourceImage = (images: ImageSource, index: number): Pixels => toRgb(ownImage(images, index));
