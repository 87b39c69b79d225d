// Image files, by the browser's own decoders and encoders. Pixels are Node's within 1 level (in Chromium: equal, but where
// colours are converted), with exceptions: where an image is transparent, colours are rounded the more the less is seen
// of them (browsers keep them multiplied by alpha); and AVIF with halved colour (4:2:0), where browsers blend the colours of neighbours and Node's decoder repeats them.

import { NO_IMAGE } from "../errors.ts";
import type { EncodedFormat, Images, RasterImage } from "../platform.ts";
import { canvasOf, imageDataOf, pixelsOf } from "./canvas.ts";
import { DAMAGED, FileView, formatOf, HEADER_READERS, type ImageFormat, pngChunks } from "./image_header.ts";
import { machine } from "./machine.ts";
import { encodePng } from "./png.ts";

/** As in Node; but browsers halve the colours of JPEG files (4:2:0). */
const QUALITY = 0.92;
/** Of inks in JPEG; with transparency in AVIF, whose range of values browsers and Node's decoder take differently. */
const FOUR_CHANNELS = 4;
/** Chunks of a PNG file by which browsers change its colours, and Node's decoder does not. */
const COLOR_CHUNKS: ReadonlySet<string> = new Set(["gAMA", "cHRM", "cICP"]);

export const images: Images = {
  decoder: async () => machine.runtime,

  async decode(bytes, formats, maxPixels) {
    const { file, format, channels, width, height } = headerOf(bytes, formats);
    if (width * height > maxPixels) throw new Error(`more than ${maxPixels} pixels`);
    refuseOtherColors(format, channels);
    const bitmap = await createImageBitmap(new Blob(contentOf(file, format)), {
      imageOrientation: "from-image",
      // Colours are converted before they are multiplied, and rounded once.
      premultiplyAlpha: "none",
    }).catch((error: unknown) => {
      throw new Error(DAMAGED, { cause: error });
    });
    try {
      if (bitmap.width * bitmap.height > maxPixels) throw new Error(DAMAGED);
      const { width, height } = bitmap;
      const own = channels === 1 ? 1 : channels === 3 ? 3 : 4;
      return { data: pixelsOf(bitmap, own), width, height, channels: own, format, fileChannels: channels };
    } finally {
      bitmap.close();
    }
  },

  channels: async (bytes) => headerOf(bytes).channels,

  encode(image, format) {
    return format === "png" ? encodePng(image) : encode(image, format);
  },

  async encodeAnimation(_frames, _delays, format) {
    throw new Error(
      `browsers write no animated ${format === "gif" ? "gif" : "webp"} files; end the name in .png`,
    );
  },

  async svgToPng(svg, scale) {
    if (typeof document === "undefined") {
      throw new Error("an SVG file is drawn in pages only, not in workers; call this from the page itself");
    }
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    try {
      await image.decode();
      const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale].map(Math.round);
      const { canvas, context } = canvasOf(width, height);
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, width, height);
      context.drawImage(image, 0, 0, width, height);
      return await fileOf(canvas, "png");
    } finally {
      URL.revokeObjectURL(image.src);
    }
  },
};

/**
 * The header of an image file.
 * @param formats accepted ones. Default: all that browsers read
 * @throws Error in words for other files
 */
function headerOf(bytes: Uint8Array, formats?: ReadonlySet<string>) {
  const format = formatOf(bytes);
  if (format === undefined) throw new Error(NO_IMAGE);
  if (formats && !formats.has(format)) throw new Error(`${format} is not read`);
  const readHeader = HEADER_READERS[format];
  if (readHeader === undefined) throw new Error(`${format} is not read in browsers; convert it to PNG`);
  const file = new FileView(bytes);
  return { file, format, ...readHeader(file) };
}

/** What browsers would show in other colours than Node's decoder, by more than rounding. @throws Error in words */
function refuseOtherColors(format: ImageFormat, channels: number): void {
  if (channels !== FOUR_CHANNELS) return;
  if (format === "jpeg") throw new Error("JPEG with CMYK colours is not read in browsers; convert it to RGB");
  if (format === "heif") throw new Error("AVIF with transparency is not read in browsers; convert it to PNG");
}

/** The file, without what would make browsers show other colours than Node's decoder. */
function contentOf(file: FileView, format: ImageFormat): Uint8Array<ArrayBuffer>[] {
  if (format !== "png") return [new Uint8Array(file.bytes)];
  const chunks = [...pngChunks(file)];
  const kept = chunks.filter(({ type }) => !COLOR_CHUNKS.has(type));
  return [
    file.bytes.slice(0, chunks[0].start),
    ...kept.map(({ start, end }) => file.bytes.slice(start, end)),
  ];
}

async function encode(image: RasterImage, format: EncodedFormat): Promise<Uint8Array> {
  const { width, height, channels } = image;
  const hasAlpha = channels === 4;
  const { canvas, context } = canvasOf(width, height, hasAlpha);
  context.putImageData(imageDataOf(image), 0, 0);
  if (hasAlpha && format === "jpeg") {
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, width, height);
  }
  return fileOf(canvas, format);
}

/** @throws Error in words if the browser does not write the format */
async function fileOf(canvas: OffscreenCanvas, format: EncodedFormat): Promise<Uint8Array> {
  const type = `image/${format}`;
  const blob = await canvas.convertToBlob({ type, quality: QUALITY });
  // Browsers write a PNG in place of what they cannot write.
  if (blob.type !== type)
    throw new Error(`this browser does not write ${format} files; end the name in .png`);
  return new Uint8Array(await blob.arrayBuffer());
}
