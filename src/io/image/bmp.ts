// Windows bitmaps (BMP), read here because no decoder in use reads them alike everywhere: palettes of 1 to 8 bits, 16, 24
// and 32 bits, bit masks, run lengths of 4 and 8 bits. Every offset and length is checked before it is used.

import { type Pixels, withoutAlpha } from "./pixels.ts";

/** The message for what ends early, or contradicts itself. */
const DAMAGED = "damaged or cut short";

const FILE_HEADER_BYTES = 14;
/** Sizes of the second header: that of OS/2 with 16-bit sides, Windows' own, and both systems' longer ones. */
const CORE_BYTES = 12;
const INFO_BYTES = 40;
const HEADER_BYTES: ReadonlySet<number> = new Set([CORE_BYTES, 16, INFO_BYTES, 52, 56, 64, 108, 124]);
const OS2_BYTES: ReadonlySet<number> = new Set([16, 64]);
/** Headers from this size on have a mask for alpha. */
const ALPHA_BYTES = 56;

const PLAIN = 0;
const RUNS_OF_8 = 1;
const RUNS_OF_4 = 2;
const MASKS = 3;
const MASKS_AND_ALPHA = 6;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Size of the second header. */
  readonly bytes: number;
  /** Number of colours that the palette says it has; 0: all. */
  readonly colors: number;
  /** Where the pixels begin. */
  readonly start: number;
}

/** Whether bytes begin like a BMP file. */
export const isBmp = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x42 &&
  bytes[1] === 0x4d &&
  HEADER_BYTES.has(bytes[FILE_HEADER_BYTES]) &&
  [1, 2, 3].every((i) => bytes[FILE_HEADER_BYTES + i] === 0);

/**
 * Decodes a file that `isBmp`: gray if its palette is, with alpha if it has a mask for it and is not transparent everywhere.
 * @param maxPixels images with more are refused
 * @throws Error that says in a few words what is wrong with the bytes
 */
export function decodeBmp(bytes: Uint8Array, maxPixels: number): Pixels {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view);
  const { width, height, bits, compression } = header;
  if (width < 1 || height < 1) throw new Error(DAMAGED);
  if (width * height > maxPixels) throw new Error(`more than ${maxPixels} pixels`);
  if (bits <= 8) return withPalette(indicesOf(bytes, header), paletteOf(bytes, header), header);
  if (compression !== PLAIN && compression !== MASKS && compression !== MASKS_AND_ALPHA) throw unread(header);
  return bits === 24 ? threeBytes(bytes, header) : masked(view, header);
}

const unread = ({ bits, compression }: Header) =>
  new Error(`BMP of ${bits} bits with compression ${compression}, which is not read; convert it to PNG`);

function readHeader(view: DataView): Header {
  const end = view.byteLength;
  if (end < FILE_HEADER_BYTES + CORE_BYTES) throw new Error(DAMAGED);
  const start = view.getUint32(10, true);
  const bytes = view.getUint32(14, true);
  if (start < FILE_HEADER_BYTES + bytes || start >= end) throw new Error(DAMAGED);
  if (bytes === CORE_BYTES) {
    const [width, height, bits] = [18, 20, 24].map((at) => view.getUint16(at, true));
    return checked({ width, height, topDown: false, bits, compression: PLAIN, bytes, colors: 0, start });
  }
  const rows = view.getInt32(22, true);
  const isLong = bytes >= INFO_BYTES;
  return checked({
    width: view.getInt32(18, true),
    height: Math.abs(rows),
    topDown: rows < 0,
    bits: view.getUint16(28, true),
    compression: isLong ? view.getUint32(30, true) : PLAIN,
    bytes,
    colors: isLong ? view.getUint32(46, true) : 0,
    start,
  });
}

function checked(header: Header): Header {
  const { bits, bytes, compression } = header;
  // What OS/2 calls 3 and 4 is another coding.
  if (OS2_BYTES.has(bytes) && compression > RUNS_OF_4) throw unread(header);
  if (![1, 2, 4, 8, 16, 24, 32].includes(bits)) throw unread(header);
  return header;
}

/** Bytes of a row, which ends at a multiple of 4. All rows must be there, but for what fills up the last. */
function strideOf(length: number, { width, height, bits, start }: Header): number {
  const used = Math.ceil((width * bits) / 8);
  const stride = Math.ceil(used / 4) * 4;
  if (start + stride * (height - 1) + used > length) throw new Error(DAMAGED);
  return stride;
}

/** The row of the picture that the file's row `y` is. */
const rowOf = ({ height, topDown }: Header, y: number): number => (topDown ? y : height - 1 - y);

function threeBytes(bytes: Uint8Array, header: Header): Pixels {
  const { width, height, start } = header;
  const stride = strideOf(bytes.length, header);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    let to = rowOf(header, y) * width * 3;
    let from = start + y * stride;
    for (let x = 0; x < width; x++, from += 3) {
      data[to++] = bytes[from + 2];
      data[to++] = bytes[from + 1];
      data[to++] = bytes[from];
    }
  }
  return { data, width, height, channels: 3 };
}

/** The place of a channel's bits in a pixel, and their greatest value; 0 for a channel that has none. */
interface Mask {
  readonly shift: number;
  readonly most: number;
}

const NO_MASK: Mask = { shift: 0, most: 0 };

function maskOf(bits: number): Mask {
  if (bits === 0) return NO_MASK;
  const shift = 31 - Math.clz32(bits & -bits);
  const most = bits >>> shift;
  if ((most & (most + 1)) !== 0) throw new Error(DAMAGED);
  return { shift, most };
}

function masksOf(view: DataView, { bits, bytes, compression, start }: Header): readonly Mask[] {
  if (compression === PLAIN) {
    return (bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff]).map(maskOf);
  }
  const hasAlpha = bytes >= ALPHA_BYTES || compression === MASKS_AND_ALPHA;
  const at = FILE_HEADER_BYTES + INFO_BYTES;
  const masks = hasAlpha ? 4 : 3;
  if (at + 4 * masks > start) throw new Error(DAMAGED);
  return Array.from({ length: masks }, (_, i) => maskOf(view.getUint32(at + 4 * i, true)));
}

function masked(view: DataView, header: Header): Pixels {
  const { width, height, bits, start } = header;
  const stride = strideOf(view.byteLength, header);
  const [red, green, blue, alpha = NO_MASK] = masksOf(view, header);
  const channels = alpha === NO_MASK ? 3 : 4;
  const used = channels === 3 ? [red, green, blue] : [red, green, blue, alpha];
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    let to = rowOf(header, y) * width * channels;
    for (let x = 0; x < width; x++) {
      const from = start + y * stride + (x * bits) / 8;
      const pixel = bits === 16 ? view.getUint16(from, true) : view.getUint32(from, true);
      for (const { shift, most } of used) {
        data[to++] = most === 0 ? 0 : Math.round((((pixel >>> shift) & most) >>> 0) * (255 / most));
      }
    }
  }
  return channels === 4
    ? opaqueIfBlank({ data, width, height, channels })
    : { data, width, height, channels };
}

/** Many programs leave alpha 0 everywhere, and mean an opaque picture. */
function opaqueIfBlank(image: Pixels): Pixels {
  return image.data.some((value, i) => i % 4 === 3 && value !== 0) ? image : withoutAlpha(image);
}

/** @returns [colours, 3], RGB */
function paletteOf(bytes: Uint8Array, { bits, bytes: size, colors, start }: Header): Uint8Array {
  const entry = size === CORE_BYTES ? 3 : 4;
  const from = FILE_HEADER_BYTES + size;
  const most = 1 << bits;
  const count = Math.min(colors === 0 ? most : colors, most, Math.floor((start - from) / entry));
  const palette = new Uint8Array(3 * count);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) palette[3 * i + c] = bytes[from + entry * i + 2 - c];
  }
  return palette;
}

function withPalette(indices: Uint8Array, palette: Uint8Array, { width, height }: Header): Pixels {
  const colors = palette.length / 3;
  const isGray = palette.every((value, i) => value === palette[i - (i % 3)]);
  const channels = isGray ? 1 : 3;
  const data = new Uint8Array(indices.length * channels);
  for (let i = 0, to = 0; i < indices.length; i++) {
    const index = indices[i];
    if (index >= colors) throw new Error(DAMAGED);
    for (let c = 0; c < channels; c++) data[to++] = palette[3 * index + c];
  }
  return { data, width, height, channels };
}

/** @returns [height, width], row by row from the top */
function indicesOf(bytes: Uint8Array, header: Header): Uint8Array {
  const { width, height, bits, compression, start } = header;
  if (compression === RUNS_OF_8 && bits === 8) return runs(bytes, header);
  if (compression === RUNS_OF_4 && bits === 4) return runs(bytes, header);
  if (compression !== PLAIN) throw unread(header);
  const stride = strideOf(bytes.length, header);
  const indices = new Uint8Array(width * height);
  const perByte = 8 / bits;
  for (let y = 0; y < height; y++) {
    const to = rowOf(header, y) * width;
    for (let x = 0; x < width; x++) {
      const byte = bytes[start + y * stride + Math.floor(x / perByte)];
      indices[to + x] = (byte >> (8 - bits * ((x % perByte) + 1))) & ((1 << bits) - 1);
    }
  }
  return indices;
}

/** What follows a run length of 0. */
const END_OF_ROW = 0;
const END_OF_IMAGE = 1;
const MOVE = 2;

/** Places that no run covers have the first colour. */
function runs(bytes: Uint8Array, header: Header): Uint8Array {
  const { width, height, bits, start } = header;
  const indices = new Uint8Array(width * height);
  let [x, y] = [0, 0];
  const put = (index: number): void => {
    if (x >= width || y >= height) throw new Error(DAMAGED);
    indices[rowOf(header, y) * width + x++] = index;
  };
  /** Index `i` of those packed in bytes from `at` on; in a run, both of one byte alternate. */
  const packed = (at: number, i: number): number =>
    bits === 8 ? bytes[at + i] : (bytes[at + (i >> 1)] >> (i % 2 === 0 ? 4 : 0)) & 15;
  for (let at = start; at + 2 <= bytes.length; ) {
    const [count, code] = [bytes[at], bytes[at + 1]];
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(bits === 8 ? code : packed(at - 1, i % 2));
    } else if (code === END_OF_ROW) {
      [x, y] = [0, y + 1];
    } else if (code === END_OF_IMAGE) {
      return indices;
    } else if (code === MOVE) {
      if (at + 2 > bytes.length) break;
      x += bytes[at];
      y += bytes[at + 1];
      at += 2;
    } else {
      const used = Math.ceil((code * bits) / 8);
      if (at + used > bytes.length) break;
      for (let i = 0; i < code; i++) put(packed(at, i));
      at += used + (used % 2);
    }
  }
  throw new Error(DAMAGED);
}
