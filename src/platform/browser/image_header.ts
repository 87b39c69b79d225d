// What the bytes of an image file say before they are decoded: format, size, channels, and whether they are all there.
// Browsers decode what is left of a file that was cut short, and say nothing of channels.

/** Formats are named as sharp names them. AVIF is a kind of HEIF. */
export type ImageFormat = "jpeg" | "png" | "webp" | "gif" | "tiff" | "heif" | "svg";

export interface ImageHeader {
  /** Before the EXIF orientation is applied. */
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** The message for what ends early, or is not what its format says. */
export const DAMAGED = "damaged or cut short";

/** An SVG file's first element begins within so many bytes. */
const SVG_BYTES = 1000;

const ascii = (bytes: Uint8Array, start: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(start, end));

/** The format by the first bytes; undefined for what is not an image that anything here knows. */
export function formatOf(bytes: Uint8Array): ImageFormat | undefined {
  const start = ascii(bytes, 0, 12);
  if (start.startsWith("\xff\xd8\xff")) return "jpeg";
  if (start.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (/^GIF8[79]a/.test(start)) return "gif";
  if (/^RIFF[\s\S]{4}WEBP/.test(start)) return "webp";
  if (/^(?:II[*+]\0|MM\0[*+])/.test(start)) return "tiff";
  if (/^[\s\S]{4}ftyp(?:avi[fs]|hei[cfmsx]|hev[cmsx]|mif1|msf1)/.test(start)) return "heif";
  return /^(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|!DOCTYPE svg|svg)/.test(start + ascii(bytes, 12, 40)) &&
    /<svg[\s>/]/.test(ascii(bytes, 0, SVG_BYTES))
    ? "svg"
    : undefined;
}

/** The header's reader of each format that browsers decode. @throws Error in a few words */
export const HEADER_READERS: Readonly<Record<string, (file: FileView) => ImageHeader>> = {
  jpeg: readJpeg,
  png: readPng,
  webp: readWebp,
  gif: readGif,
  heif: readAvif,
};

/** Bytes that are read with a check that they are there. */
export class FileView {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(at: number): number {
    return this.#need(at, 1).getUint8(at);
  }

  u16(at: number, isLittle = false): number {
    return this.#need(at, 2).getUint16(at, isLittle);
  }

  u32(at: number, isLittle = false): number {
    return this.#need(at, 4).getUint32(at, isLittle);
  }

  text(at: number, length: number): string {
    this.#need(at, length);
    return ascii(this.bytes, at, at + length);
  }

  #need(at: number, length: number): DataView {
    if (at + length > this.length) throw new Error(DAMAGED);
    return this.#view;
  }
}

/** A PNG file's chunks up to its end. */
export interface PngChunk {
  readonly type: string;
  /** Where its length begins, and where the next chunk does. */
  readonly start: number;
  readonly end: number;
}

const PNG_SIGNATURE_BYTES = 8;
/** Length and type before a chunk's data; CRC-32 behind. */
const PNG_CHUNK_BYTES = 12;

export function* pngChunks(file: FileView): Generator<PngChunk, void, void> {
  for (let start = PNG_SIGNATURE_BYTES; ; ) {
    const end = start + PNG_CHUNK_BYTES + file.u32(start);
    const type = file.text(start + 4, 4);
    if (end > file.length) throw new Error(DAMAGED);
    yield { type, start, end };
    if (type === "IEND") return;
    start = end;
  }
}

/** Channels of a colour type: gray, RGB, palette, gray and alpha, RGB and alpha. */
const PNG_CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

function readPng(file: FileView): ImageHeader {
  const types = new Set<string>();
  for (const { type } of pngChunks(file)) types.add(type);
  const channels = PNG_CHANNELS[file.u8(25)];
  if (file.text(12, 4) !== "IHDR" || channels === undefined || !types.has("IDAT")) throw new Error(DAMAGED);
  // One colour, or some of a palette, may be transparent.
  const isTransparent = types.has("tRNS") && channels % 2 === 1;
  return { width: file.u32(16), height: file.u32(20), channels: channels + (isTransparent ? 1 : 0) };
}

/** JPEG's markers without a length: restarts, TEM, and the image's start. */
const isBare = (marker: number): boolean => (marker >= 0xd0 && marker <= 0xd8) || marker === 0x01;
/** The header of a frame, of every kind of coding: not DHT, JPG, DAC. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
const END_OF_IMAGE = 0xd9;

function readJpeg(file: FileView): ImageHeader {
  let header: ImageHeader | undefined;
  for (let at = 2; ; ) {
    at = nextMarker(file, at);
    const marker = file.u8(at - 1);
    if (marker === END_OF_IMAGE) {
      if (header === undefined) throw new Error(DAMAGED);
      return header;
    }
    if (isBare(marker)) continue;
    if (isFrame(marker)) {
      header ??= { height: file.u16(at + 3), width: file.u16(at + 5), channels: file.u8(at + 7) };
    }
    at += file.u16(at);
  }
}

/** Passes over coded data, in which 0 follows each 0xff. @returns the place behind the next marker */
function nextMarker(file: FileView, from: number): number {
  for (let at = file.bytes.indexOf(0xff, from); at >= 0; at = file.bytes.indexOf(0xff, at + 1)) {
    const next = file.u8(at + 1);
    if (next !== 0 && next !== 0xff) return at + 2;
  }
  throw new Error(DAMAGED);
}

function readWebp(file: FileView): ImageHeader {
  if (file.u32(4, true) + 8 > file.length) throw new Error(DAMAGED);
  const uint24 = (at: number) => file.u16(at, true) + 2 ** 16 * file.u8(at + 2);
  switch (file.text(12, 4)) {
    case "VP8X":
      return { width: uint24(24) + 1, height: uint24(27) + 1, channels: file.u8(20) & 0x10 ? 4 : 3 };
    case "VP8L": {
      const bits = file.u32(21, true);
      const side = (shift: number) => ((bits >>> shift) & 0x3fff) + 1;
      return { width: side(0), height: side(14), channels: bits & (1 << 28) ? 4 : 3 };
    }
    case "VP8 ":
      return { width: file.u16(26, true) & 0x3fff, height: file.u16(28, true) & 0x3fff, channels: 3 };
    default:
      throw new Error(DAMAGED);
  }
}

/** Blocks of a GIF file. */
const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
const IMAGE = 0x2c;

/** Its first image must be all there; whether it is transparent is said of that image. */
function readGif(file: FileView): ImageHeader {
  const [width, height] = [file.u16(6, true), file.u16(8, true)];
  let channels = 3;
  for (let at = 13 + colorTableBytes(file.u8(10)); ; ) {
    const block = file.u8(at);
    if (block === IMAGE) {
      afterSubBlocks(file, at + 11 + colorTableBytes(file.u8(at + 9)));
      return { width, height, channels };
    }
    if (block !== EXTENSION) throw new Error(DAMAGED);
    if (file.u8(at + 1) === GRAPHIC_CONTROL && file.u8(at + 3) & 1) channels = 4;
    at = afterSubBlocks(file, at + 2);
  }
}

const colorTableBytes = (flags: number): number => (flags & 0x80 ? 3 * (2 << (flags & 7)) : 0);

function afterSubBlocks(file: FileView, from: number): number {
  let at = from;
  while (file.u8(at) !== 0) at += file.u8(at) + 1;
  return at + 1;
}

/** Where the sizes of an AVIF file's images are: boxes within boxes. */
const PROPERTIES = ["meta", "iprp", "ipco"] as const;
/** The type of a property that says that an image is the alpha channel of another. */
const ALPHA = "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha";

/** The size is the largest of all images in the file: tiles and thumbnails are smaller. */
function readAvif(file: FileView): ImageHeader {
  const brands = firstBox(file, 0, file.length, "ftyp");
  if (!/avi[fs]/.test(file.text(brands.start, brands.end - brands.start))) {
    throw new Error("heif is not read in browsers, unless it is AVIF");
  }
  let area = { start: 0, end: file.length };
  for (const type of PROPERTIES) {
    area = firstBox(file, area.start, area.end, type);
    // The box "meta" has a version.
    if (type === "meta") area.start += 4;
  }
  let [width, height, channels] = [0, 0, 3];
  for (const { type, start, end } of boxes(file, area.start, area.end)) {
    if (type === "ispe" && file.u32(start + 4) * file.u32(start + 8) > width * height) {
      [width, height] = [file.u32(start + 4), file.u32(start + 8)];
    }
    if (type === "auxC" && file.text(start, end - start).includes(ALPHA)) channels = 4;
  }
  return { width, height, channels };
}

function firstBox(file: FileView, start: number, end: number, wanted: string) {
  for (const box of boxes(file, start, end)) if (box.type === wanted) return { ...box };
  throw new Error(DAMAGED);
}

function* boxes(file: FileView, from: number, to: number) {
  for (let at = from; at + 8 <= to; ) {
    const size = file.u32(at);
    // 0: up to the end. Sizes of 64 bits occur in films only.
    const end = size === 0 ? to : at + size;
    if (end < at + 8 || end > to) throw new Error(DAMAGED);
    yield { type: file.text(at + 4, 4), start: at + 8, end };
    at = end;
  }
}
