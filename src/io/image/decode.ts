// decode.ts: image files of any common kind as 8-bit RGB.
import sharp from "sharp";
import { firstLine } from "../errors.ts";
import { foreignContent } from "../foreign.ts";
import type { RgbImage } from "./rgb_image.ts";

/** Formats that are read, by what the bytes say, whatever the name. */
const FORMATS: ReadonlySet<string> = new Set(["jpeg", "png", "webp", "gif", "tiff", "heif", "avif"]);

/** An image, and what it was as a file. */
export interface DecodedImage extends RgbImage {
  /** "jpeg", "png", ... by what the bytes say. */
  readonly format: string;
  /** Of the file: 1 gray, 2 gray and transparency, 3 RGB, 4 RGB and transparency, or CMYK. */
  readonly channels: number;
}

const NO_IMAGE = "not an image";

/** Which decoder this is: another may round a pixel otherwise. */
export const DECODER = `sharp ${sharp.versions.sharp}, vips ${sharp.versions.vips}`;

/** An image of more pixels than this is taken for a mistake or an attack: 134 million. */
export const PIXEL_LIMIT = 2 ** 27;

/**
 * Decodes JPEG, PNG, WebP, GIF (its first frame), TIFF (its first page) or AVIF: turned as its EXIF data says,
 * laid on white where it is transparent, brought to sRGB and 8 bits from gray, CMYK, 16 bits or another profile.
 * @throws Error whose message says in a few words what is wrong with the bytes
 */
export async function decodeImage(bytes: Uint8Array): Promise<DecodedImage> {
  if (bytes.length === 0) throw new Error("empty file");
  const image = sharp(bytes, { failOn: "error", limitInputPixels: PIXEL_LIMIT, pages: 1 });
  let isImage = false;
  try {
    const { format, channels } = await image.metadata();
    isImage = true;
    if (!FORMATS.has(format)) throw new Error(`${format} is not read`);
    const { data, info } = await image
      .autoOrient()
      .flatten({ background: "#ffffff" })
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return {
      data: toRgb(data, info.channels),
      width: info.width,
      height: info.height,
      format,
      channels,
    };
  } catch (error) {
    const problem = explain(error, isImage);
    const what = problem === NO_IMAGE ? (foreignContent(bytes, "an image") ?? problem) : problem;
    throw new Error(what, { cause: error });
  }
}

function toRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  if (channels !== 1) throw new Error(`${channels} channels`);
  const rgb = new Uint8Array(data.length * 3);
  for (let i = 0; i < rgb.length; i++) rgb[i] = data[Math.floor(i / 3)];
  return rgb;
}

/**
 * What the decoder said, in a few words on one line.
 * @param isImage whether the bytes begin as an image does
 */
function explain(error: unknown, isImage: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/unsupported image format/i.test(message)) return NO_IMAGE;
  if (/premature end|unexpected end|truncated|read error|corrupt header/i.test(message))
    return "damaged or cut short";
  // The decoder keeps its last words in one place for all threads: when several files fail at once they can be lost.
  if (/unknown error/i.test(message)) return isImage ? "damaged or cut short" : NO_IMAGE;
  if (/pixel limit/i.test(message)) return `more than ${PIXEL_LIMIT} pixels`;
  return firstLine(error).slice(0, 120);
}
