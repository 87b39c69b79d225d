// Images as PNG, JPEG or WebP files.
import { files, images, paths } from "#platform";
import { FileError } from "../../platform/errors.ts";
import type { EncodedFormat, Permit } from "../../platform/platform.ts";
import { type Channels, checkPixels, type Pixels } from "./pixels.ts";

const FORMATS: ReadonlyMap<string, EncodedFormat> = new Map([
  [".png", "png"],
  [".jpg", "jpeg"],
  [".jpeg", "jpeg"],
  [".webp", "webp"],
]);

/**
 * Bytes of a PNG file.
 * @param data 8 bits a channel, [height, width, channels]
 * @param channels 1 gray, 3 RGB (the default), 4 RGB and alpha
 * @throws RangeError if the bytes do not fill width x height
 */
export async function encodePng(
  data: Uint8Array,
  width: number,
  height: number,
  channels: Channels = 3,
): Promise<Uint8Array> {
  return encode({ data, width, height, channels }, "png");
}

/**
 * Writes the image in the format of the file's extension: .png, .jpg, .jpeg or .webp; in JPEG files,
 * transparency becomes white. The file appears complete or not at all; missing folders are created.
 * @throws FileError for another extension, or when the file cannot be written
 */
export async function writeImage(file: string, image: Pixels, permit?: Permit): Promise<void> {
  const extension = paths.extname(file).toLowerCase();
  const format = FORMATS.get(extension);
  if (format === undefined) {
    throw new FileError(
      file,
      `"${extension}" is not a format images are written in; end the name in .png, .jpg or .webp`,
    );
  }
  await files.writeFileAtomic(file, await encode(image, format), permit);
}

/** Renders the text of an SVG file as a PNG, `scale` times as large. @returns the bytes of the file */
export function svgToPng(svg: string, scale = 1): Promise<Uint8Array> {
  return images.svgToPng(svg, scale);
}

async function encode(image: Pixels, format: EncodedFormat): Promise<Uint8Array> {
  checkPixels(image);
  return images.encode(image, format);
}
