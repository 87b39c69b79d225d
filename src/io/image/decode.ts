// Image files of any common kind as 8-bit pixels.
import { images } from "#platform";
import type { DecodedImage } from "../../platform/platform.ts";
import { foreignContent } from "../foreign.ts";
import { decodeBmp, isBmp } from "./bmp.ts";
import { type Channels, type Pixels, withoutAlpha } from "./pixels.ts";

export type { DecodedImage } from "../../platform/platform.ts";

/** The formats that are read, in words. */
export const IMAGE_FORMATS = "JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP";

/** Those that the platform decodes, recognised by their bytes, not their names. */
const FORMATS: ReadonlySet<string> = new Set(["jpeg", "png", "webp", "gif", "tiff", "heif", "avif"]);

/** Images with more pixels are refused as a mistake or an attack: 134 million. */
export const PIXEL_LIMIT = 2 ** 27;

/**
 * Decodes JPEG, PNG, WebP, GIF (its first frame), TIFF (its first page), AVIF or BMP to 8-bit sRGB: applies the EXIF
 * orientation, and converts CMYK, 16 bits and other profiles. Gray files stay gray; 4 channels are those of an image
 * that is transparent somewhere.
 * @throws Error that says in a few words what is wrong with the bytes
 */
export async function decodeImage(bytes: Uint8Array): Promise<DecodedImage> {
  if (bytes.length === 0) throw new Error("empty file");
  try {
    if (isBmp(bytes)) {
      const bitmap = decodeBmp(bytes, PIXEL_LIMIT);
      return { ...withoutOpaque(bitmap), format: "bmp", fileChannels: bitmap.channels };
    }
    const image = await images.decode(bytes, FORMATS, PIXEL_LIMIT);
    return { ...image, ...withoutOpaque(image) };
  } catch (error) {
    // Decoders know the boxes of HEIC, say, but fail in their content.
    const foreign = foreignContent(bytes, "an image");
    if (foreign === undefined) throw error;
    throw new Error(foreign, { cause: error });
  }
}

/**
 * The channels of what `decodeImage` gives. Only files that could be transparent are decoded for it.
 * @throws Error that says in a few words what is wrong with the bytes
 */
export async function imageChannels(bytes: Uint8Array): Promise<Channels> {
  if (!isBmp(bytes)) {
    const channels = await images.channels(bytes);
    if (channels === 1 || channels === 3) return channels;
  }
  return (await decodeImage(bytes)).channels;
}

/** An image with alpha that is opaque everywhere has the other channels only. */
function withoutOpaque({ data, width, height, channels }: Pixels): Pixels {
  const image = { data, width, height, channels };
  if (channels !== 4 || data.some((value, i) => i % 4 === 3 && value < 255)) return image;
  return withoutAlpha(image);
}
