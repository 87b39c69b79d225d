// Brings an image to the size and the channels of a data set.

import { type Channels, type Pixels, type Rgb, toRgb, WHITE, withChannels } from "./pixels.ts";
import { type Extent, resizeAndCrop, resizeTo, scaledTo } from "./resize.ts";
import { spreadColors } from "./spread_colors.ts";

/**
 * How an image of another shape is brought to a size. crop: scaled to cover it, and its centre kept. pad: scaled to lie
 * within it, with the ground around. stretch: both sides scaled.
 */
export const FITS = ["crop", "pad", "stretch"] as const;
/** A way to bring an image to a size: see `FITS`. @useDeclaredType */
export type Fit = (typeof FITS)[number];

/** The size and the channels of a data set, and how images are brought to them. */
export interface FitOptions {
  /** In pixels. */
  readonly size: Extent;
  /** Gray; RGB; RGB and alpha. */
  readonly channels: Channels;
  /** What is done with images of another shape. */
  readonly fit: Fit;
  /** Behind transparency and around padded images; null for white, or nothing where images may be transparent. */
  readonly ground: Rgb | null;
}

/**
 * An image in the size and with the channels of a data set. Colours that transparency hides are those of the nearest
 * visible pixels (`spreadColors`).
 */
export function fitted(image: Pixels, { size, channels, fit, ground }: FitOptions): Pixels {
  // Scaled with transparency only where it is kept.
  const isOnGround = channels !== 4 || ground !== null;
  const isSurrounded = !isOnGround && fit === "pad";
  const own = isSurrounded
    ? withChannels(image, 4)
    : isOnGround && image.channels === 4
      ? toRgb(image, ground ?? WHITE)
      : image;
  const scaled = { ...size, data: scaledPixels(own, size, fit, ground), channels: own.channels };
  const out = withChannels(scaled, channels, ground ?? WHITE);
  return channels === 4 ? spreadColors(out) : out;
}

function scaledPixels(image: Pixels, size: Extent, fit: Fit, ground: Rgb | null): Uint8Array {
  switch (fit) {
    case "crop":
      return resizeAndCrop(image, size);
    case "stretch":
      return resizeTo(image, size);
    case "pad":
      return padded(image, size, ground);
    default:
      return fit satisfies never;
  }
}

function padded(image: Pixels, size: Extent, ground: Rgb | null): Uint8Array {
  const { channels } = image;
  const within = scaledTo(image, size, "within");
  const pixels = resizeTo(image, within);
  const out = new Uint8Array(size.width * size.height * channels);
  const filled = withChannels(
    { data: Uint8Array.from(ground ?? WHITE), width: 1, height: 1, channels: 3 },
    channels,
  );
  if (channels !== 4) for (let i = 0; i < out.length; i++) out[i] = filled.data[i % channels];
  const left = Math.floor((size.width - within.width) / 2);
  const top = Math.floor((size.height - within.height) / 2);
  const line = within.width * channels;
  for (let y = 0; y < within.height; y++) {
    out.set(pixels.subarray(y * line, (y + 1) * line), ((top + y) * size.width + left) * channels);
  }
  return out;
}
