// Image files of any common kind as 8-bit RGB.
import { images } from "#platform";
import type { DecodedImage } from "../../platform/platform.ts";
import { foreignContent } from "../foreign.ts";
import { decodeBmp, isBmp } from "./bmp.ts";
import { toRgb } from "./pixels.ts";

export type { DecodedImage } from "../../platform/platform.ts";

/** The formats that are read, in words. */
export const IMAGE_FORMATS = "JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP";

/** Those that the platform decodes, recognised by their bytes, not their names. */
const FORMATS: ReadonlySet<string> = new Set(["jpeg", "png", "webp", "gif", "tiff", "heif", "avif"]);

/** Images with more pixels are refused as a mistake or an attack: 134 million. */
export const PIXEL_LIMIT = 2 ** 27;

/**
 * Decodes JPEG, PNG, WebP, GIF (its first frame), TIFF (its first page), AVIF or BMP to 8-bit sRGB: applies the EXIF
 * orientation, puts transparent images on white, and converts gray, CMYK, 16 bits and other profiles.
 * @throws Error that says in a few words what is wrong with the bytes
 */
export async function decodeImage(bytes: Uint8Array): Promise<DecodedImage> {
  if (bytes.length === 0) throw new Error("empty file");
  try {
    if (isBmp(bytes)) {
      const bitmap = decodeBmp(bytes, PIXEL_LIMIT);
      return { ...bitmap, data: toRgb(bitmap), format: "bmp" };
    }
    return await images.decode(bytes, FORMATS, PIXEL_LIMIT);
  } catch (error) {
    // Decoders know the boxes of HEIC, say, but fail in their content.
    const foreign = foreignContent(bytes, "an image");
    if (foreign === undefined) throw error;
    throw new Error(foreign, { cause: error });
  }
}
