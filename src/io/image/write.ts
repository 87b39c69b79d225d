// write.ts: images as PNG, JPEG or WebP files.
import { extname } from "node:path";
import sharp, { type Sharp } from "sharp";
import { FileError } from "../../platform/errors.ts";
import { type Permit, writeFileAtomic } from "../../platform/node/atomic.ts";
import { checkRgb, type RgbImage } from "./rgb_image.ts";

const ENCODERS: ReadonlyMap<string, (image: Sharp) => Sharp> = new Map([
  [".png", (image) => image.png({ compressionLevel: 9 })],
  [".jpg", (image) => image.jpeg({ quality: 92, chromaSubsampling: "4:4:4" })],
  [".jpeg", (image) => image.jpeg({ quality: 92, chromaSubsampling: "4:4:4" })],
  [".webp", (image) => image.webp({ quality: 92 })],
]);

/**
 * Bytes of a PNG file.
 * @param data 8-bit RGB, [height, width, 3]
 * @throws RangeError if the bytes do not fill width x height
 */
export async function encodePng(data: Uint8Array, width: number, height: number): Promise<Uint8Array> {
  return encode({ data, width, height }, ".png");
}

/**
 * Writes the image in the format of the file's extension: .png, .jpg, .jpeg or .webp. The file appears complete
 * or not at all; folders on the way are made.
 * @throws FileError for another extension, or when the file cannot be written
 */
export async function writeImage(file: string, image: RgbImage, permit?: Permit): Promise<void> {
  const extension = extname(file).toLowerCase();
  if (!ENCODERS.has(extension)) {
    throw new FileError(
      file,
      `"${extension}" is not a format images are written in; end the name in .png, .jpg or .webp`,
    );
  }
  await writeFileAtomic(file, await encode(image, extension), permit);
}

/** Draws the text of an SVG file as a PNG, `scale` times as large. @returns the bytes of the file */
export async function svgToPng(svg: string, scale = 1): Promise<Uint8Array> {
  const density = 72 * scale;
  return sharp(Buffer.from(svg), { density }).png({ compressionLevel: 9, palette: true }).toBuffer();
}

async function encode(image: RgbImage, extension: string): Promise<Uint8Array> {
  checkRgb(image);
  const { data, width, height } = image;
  const raw = sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false });
  return (ENCODERS.get(extension)?.(raw) ?? raw.png()).toBuffer();
}
