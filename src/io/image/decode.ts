// Image files of any common kind as 8-bit RGB.
import { images } from "#platform";
import { NO_IMAGE } from "../../platform/errors.ts";
import type { DecodedImage } from "../../platform/platform.ts";
import { foreignContent } from "../foreign.ts";

export type { DecodedImage } from "../../platform/platform.ts";

/** Formats that are read, recognised by their bytes, not their names. */
const FORMATS: ReadonlySet<string> = new Set(["jpeg", "png", "webp", "gif", "tiff", "heif", "avif"]);

/** Images with more pixels are refused as a mistake or an attack: 134 million. */
export const PIXEL_LIMIT = 2 ** 27;

/**
 * Decodes JPEG, PNG, WebP, GIF (its first frame), TIFF (its first page) or AVIF to 8-bit sRGB: applies the EXIF
 * orientation, puts transparent images on white, and converts gray, CMYK, 16 bits and other profiles.
 * @throws Error that says in a few words what is wrong with the bytes
 */
export async function decodeImage(bytes: Uint8Array): Promise<DecodedImage> {
  if (bytes.length === 0) throw new Error("empty file");
  try {
    return await images.decode(bytes, FORMATS, PIXEL_LIMIT);
  } catch (error) {
    if (!(error instanceof Error) || error.message !== NO_IMAGE) throw error;
    throw new Error(foreignContent(bytes, "an image") ?? NO_IMAGE, { cause: error });
  }
}
