// Applies an image's augmentation: all geometric changes in one map and one resampling, then the colours.

import type { ImageSource } from "../image_source.ts";
import { IDENTITY, sameMap, scaling } from "./affine.ts";
import { recolor } from "./color.ts";
import { type AugmentDraw, sourceMap } from "./draw.ts";
import { type Raster, resample } from "./resample.ts";

export interface Changes {
  /** Left to right, before all other changes. */
  readonly mirrored: boolean;
  /** null: no other changes. */
  readonly draw: AugmentDraw | null;
}

const MIRROR = scaling(-1, 1);

/**
 * Writes an image as floats of 0 to 255. Unchanged and mirrored images keep their bytes exactly.
 * @param out [height, width, channels]
 */
export function fillImage(
  out: Float32Array,
  source: ImageSource,
  index: number,
  { mirrored, draw }: Changes,
): void {
  const { size, channels } = source;
  const raster: Raster = { ...size, pixels: source.image(index), channels };
  const map = draw === null ? (mirrored ? MIRROR : IDENTITY) : sourceMap(draw, mirrored, size);
  if (sameMap(map, IDENTITY)) out.set(raster.pixels);
  else if (sameMap(map, MIRROR)) copyMirrored(out, raster);
  else resample(raster, map, out);
  if (draw !== null && draw.color !== null) recolor(out, channels, draw.color);
}

function copyMirrored(out: Float32Array, { pixels, width, height, channels }: Raster): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + width - 1 - x) * channels;
      const to = (y * width + x) * channels;
      for (let c = 0; c < channels; c++) out[to + c] = pixels[from + c];
    }
  }
}
