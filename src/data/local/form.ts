// The form of a data set's images: their size, their channels, and how originals are brought to them.

import type { Channels, Extent, Fit, FitOptions, Rgb } from "../../io/image/index.ts";
import { FITS, isChannels } from "../../io/image/index.ts";
import { DataError } from "../errors.ts";

/** Largest side, in pixels. */
const MAX_SIDE = 4096;

/** Options for the form of images. */
export interface FormOptions {
  /** Height and width of the images, or the side of square ones, in pixels; 1..4096. */
  readonly size: number | Extent;
  /**
   * 1 for gray, 3 for RGB, 4 for RGB and alpha; "auto" for what the originals have: 4 if at least half of them are
   * transparent somewhere, 1 if all are gray, else 3. Default 3.
   */
  readonly channels?: Channels | "auto";
  /** How originals of another shape are brought to the size; see `Fit`. Default "crop". */
  readonly fit?: Fit;
  /**
   * Behind transparency and around padded images, "#rrggbb". Default: white, or with 4 channels nothing, so that
   * transparency stays.
   */
  readonly ground?: string;
}

/** Both sides of a size. */
export const extentOf = (size: number | Extent): Extent =>
  typeof size === "number" ? { width: size, height: size } : { width: size.width, height: size.height };

/** The size as options and files have it: the side of squares, or both sides. */
export const sizeOf = ({ width, height }: Extent): number | Extent =>
  width === height ? width : { width, height };

/** @throws DataError for a size, fit or ground that is out of range */
export function checkedForm({ size, fit = "crop", ground }: FormOptions): Omit<FitOptions, "channels"> {
  const extent = extentOf(size);
  for (const side of [extent.width, extent.height]) {
    if (Number.isInteger(side) && side >= 1 && side <= MAX_SIDE) continue;
    throw new DataError(`images: size is ${side}; give a whole number from 1 to ${MAX_SIDE}`);
  }
  if (!FITS.includes(fit)) {
    throw new DataError(`images: fit is ${JSON.stringify(fit)}; give one of ${FITS.join(", ")}`);
  }
  return { size: extent, fit, ground: ground === undefined ? null : rgbOf(ground) };
}

/** @throws DataError for a number of channels that images do not have */
export function checkedChannels(channels: unknown): Channels | "auto" {
  if (channels === "auto" || isChannels(channels)) return channels;
  throw new DataError(`images: channels is ${JSON.stringify(channels)}; give 1, 3, 4 or "auto"`);
}

/** "#ff8000" -> [255, 128, 0]. @throws DataError for any other text */
function rgbOf(text: string): Rgb {
  const [, r, g, b] = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text) ?? [];
  if (r === undefined || g === undefined || b === undefined) {
    throw new DataError(`images: ground is ${JSON.stringify(text)}; give a colour such as "#ffffff"`);
  }
  return [Number.parseInt(r, 16), Number.parseInt(g, 16), Number.parseInt(b, 16)];
}

/** What of a form enters hashes and names: for cropped RGB squares, which came first, their side alone. */
export type FormKey = number | readonly unknown[];

export function formKey({ size: { width, height }, channels, fit, ground }: FitOptions): FormKey {
  const isFirst = width === height && channels === 3 && fit === "crop" && ground === null;
  return isFirst ? width : [width, height, channels, fit, ground];
}

/** Bytes of an image. */
export const formBytes = ({ size, channels }: FitOptions): number => size.width * size.height * channels;
