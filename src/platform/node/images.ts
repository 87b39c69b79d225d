// Image files, by sharp, which is loaded at first use.

import { firstLine, NO_IMAGE } from "../errors.ts";
import type { DecodedImage, EncodedFormat, Images } from "../platform.ts";

const load = async () => (await import("sharp")).default;

/** sharp's encoder options. */
const ENCODING = {
  png: { compressionLevel: 9 },
  jpeg: { quality: 92, chromaSubsampling: "4:4:4" },
  webp: { quality: 92 },
} as const satisfies Record<EncodedFormat, object>;

export const images: Images = {
  async decoder() {
    const { versions } = await load();
    return `sharp ${versions.sharp}, vips ${versions.vips}`;
  },

  async decode(bytes, formats, maxPixels) {
    const sharp = await load();
    const image = sharp(bytes, { failOn: "error", limitInputPixels: maxPixels, pages: 1 });
    let isImage = false;
    try {
      const { format, channels } = await image.metadata();
      isImage = true;
      if (!formats.has(format)) throw new Error(`${format} is not read`);
      const { data, info } = await image
        .autoOrient()
        .toColourspace(channels === 1 ? "b-w" : "srgb")
        .raw({ depth: "uchar" })
        .toBuffer({ resolveWithObject: true });
      return {
        ...withoutGrayAlpha(data, info.channels),
        width: info.width,
        height: info.height,
        format,
        fileChannels: channels,
      };
    } catch (error) {
      throw new Error(explain(error, isImage, maxPixels), { cause: error });
    }
  },

  async channels(bytes) {
    const sharp = await load();
    return (await sharp(bytes).metadata()).channels;
  },

  async encode({ data, width, height, channels }, format) {
    const sharp = await load();
    const raw = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
    const opaque = format === "jpeg" && channels === 4 ? raw.flatten({ background: "#ffffff" }) : raw;
    // Gray stays gray; sharp would write RGB.
    const encoded = opaque.toFormat(format, ENCODING[format]);
    return (channels === 1 ? encoded.toColourspace("b-w") : encoded).toBuffer();
  },

  async encodeAnimation({ data, width, height, channels }, delays, format) {
    const sharp = await load();
    const raw = { width, height, channels, pageHeight: height / delays.length };
    const frames = sharp(data, { raw, limitInputPixels: false });
    const options = { loop: 0, delay: [...delays] };
    if (format === "gif") return frames.gif(options).toBuffer();
    return frames
      .webp({ ...options, ...(format === "webp" ? ENCODING.webp : { lossless: true }) })
      .toBuffer();
  },

  async svgToPng(svg, scale) {
    const sharp = await load();
    const density = 72 * scale;
    // Runs draw their losses again and again: a quarter of the time of the smallest file, for twice its bytes.
    return sharp(Buffer.from(svg), { density }).png({ compressionLevel: 6 }).toBuffer();
  },
};

/** Gray and alpha as RGB and alpha; other pixels unchanged. */
function withoutGrayAlpha(data: Uint8Array, channels: number): Pick<DecodedImage, "data" | "channels"> {
  if (channels === 1 || channels === 3 || channels === 4) return { data, channels };
  if (channels !== 2) throw new Error(`${channels} channels`);
  const rgba = new Uint8Array(data.length * 2);
  for (let from = 0, to = 0; from < data.length; from += 2) {
    for (let c = 0; c < 3; c++) rgba[to++] = data[from];
    rgba[to++] = data[from + 1];
  }
  return { data: rgba, channels: 4 };
}

/**
 * The decoder's message, in a few words on one line.
 * @param isImage whether the bytes begin like an image
 */
function explain(error: unknown, isImage: boolean, maxPixels: number): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/unsupported image format/i.test(message)) return NO_IMAGE;
  if (/premature end|unexpected end|truncated|read error|corrupt header/i.test(message))
    return "damaged or cut short";
  // The decoder keeps its last message for all threads in one place: it can be lost when several files fail at once.
  if (/unknown error/i.test(message)) return isImage ? "damaged or cut short" : NO_IMAGE;
  if (/pixel limit/i.test(message)) return `more than ${maxPixels} pixels`;
  return firstLine(error).slice(0, 120);
}
