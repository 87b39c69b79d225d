// Images as points in pixel space, for distances that need no network.

import type { Pixels } from "../io/image/index.ts";
import { type Features, features } from "./features.ts";
import { resizeFloat } from "./resize.ts";

/** Larger images are reduced to this side: nearest neighbours are about composition, not grain. */
export const PIXEL_SIDE = 32;

/**
 * The pixels of images as features, so that distances between images can be measured without a network.
 * @param mirror whether to mirror left and right
 */
export function pixelFeatures(images: readonly Pixels[], mirror = false): Features {
  const rows = images.map((image) => {
    const pixels = resizeFloat(image, PIXEL_SIDE, "bicubic");
    return mirror ? mirrored(pixels) : pixels;
  });
  const dims = PIXEL_SIDE * PIXEL_SIDE * 3;
  const data = new Float32Array(rows.length * dims);
  for (const [i, row] of rows.entries())
    data.set(
      row.map((value) => value / 255),
      i * dims,
    );
  return features(data, rows.length, dims);
}

function mirrored(pixels: Float32Array): Float32Array {
  return pixels.map((_, i) => {
    const [y, x, channel] = [Math.floor(i / (PIXEL_SIDE * 3)), Math.floor(i / 3) % PIXEL_SIDE, i % 3];
    return pixels[(y * PIXEL_SIDE + PIXEL_SIDE - 1 - x) * 3 + channel];
  });
}
