// Animated PNG files (PNG, third edition, section 11.3.6), put together from one PNG file per frame. Viewers that do
// not animate show one of the frames.

import { compression } from "#platform";
import { joinedBytes } from "../text.ts";

/** A frame: the bytes of its PNG file, and how long it is shown (milliseconds). */
export interface PngFrame {
  readonly png: Uint8Array;
  readonly delay: number;
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

const SIGNATURE_BYTES = 8;
/** Length and type before a chunk's data, and the CRC behind. */
const CHUNK_BEGIN = 8;
const CHUNK_END = 4;
/** Chunks that belong to the frames themselves. */
const OWN: ReadonlySet<string> = new Set(["IHDR", "IDAT", "IEND"]);
/** Denominator of delays: they are milliseconds. */
const PER_SECOND = 1000;

/**
 * Puts frames together; they repeat for ever.
 * @param frames of one size and kind of pixels, as one encoder writes them
 * @param still the frame for viewers that do not animate
 * @throws RangeError if the frames' PNG files are of different kinds
 */
export function apng(frames: readonly PngFrame[], still: number): Uint8Array {
  const files = frames.map(({ png }) => chunksOf(png));
  const [first] = files;
  const header = dataOf(first, "IHDR");
  if (files.some((chunks) => !isEqual(dataOf(chunks, "IHDR"), header))) {
    throw new RangeError("animation: its frames are PNG files of different sizes or kinds");
  }
  const parts = [frames[0].png.subarray(0, SIGNATURE_BYTES), chunk("IHDR", header)];
  // Chunks about colours must come before the pixels.
  for (const { type, data } of first) if (!OWN.has(type)) parts.push(chunk(type, data));
  parts.push(chunk("acTL", integers(frames.length, 0)));
  // The first frame's pixels are also those of the still image, or the still image is not a part of the animation.
  if (still !== 0) parts.push(...pixelsOf(files[still]).map((data) => chunk("IDAT", data)));
  let sequence = 0;
  for (const [i, { delay }] of frames.entries()) {
    parts.push(chunk("fcTL", frameControl(sequence++, header, delay)));
    for (const data of pixelsOf(files[i])) {
      if (i === 0 && still === 0) parts.push(chunk("IDAT", data));
      else parts.push(chunk("fdAT", joinedBytes([integers(sequence++), data])));
    }
  }
  parts.push(chunk("IEND", new Uint8Array(0)));
  return joinedBytes(parts);
}

/** Size and place of a frame, here the whole image, and its delay. */
function frameControl(sequence: number, header: Uint8Array, delay: number): Uint8Array {
  const control = new DataView(new ArrayBuffer(26));
  control.setUint32(0, sequence);
  // Width and height are the header's first eight bytes. The offset stays 0.
  for (let i = 0; i < 8; i++) control.setUint8(4 + i, header[i]);
  control.setUint16(20, delay);
  control.setUint16(22, PER_SECOND);
  return new Uint8Array(control.buffer);
}

const pixelsOf = (chunks: readonly Chunk[]): Uint8Array[] =>
  chunks.filter(({ type }) => type === "IDAT").map(({ data }) => data);

function dataOf(chunks: readonly Chunk[], type: string): Uint8Array {
  const found = chunks.find((chunk) => chunk.type === type);
  if (found === undefined)
    throw new RangeError(`animation: a frame has no ${type}, which every PNG file has`);
  return found.data;
}

/** The chunks of a file that an encoder has just written. */
function chunksOf(png: Uint8Array): Chunk[] {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE_BYTES; at < png.length; ) {
    const begin = at + CHUNK_BEGIN;
    const end = begin + view.getUint32(at);
    const type = String.fromCharCode(...png.subarray(at + 4, begin));
    chunks.push({ type, data: png.subarray(begin, end) });
    at = end + CHUNK_END;
  }
  return chunks;
}

/** Length, type and data, and the CRC of the two. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const typed = joinedBytes([Uint8Array.from(type, (letter) => letter.charCodeAt(0)), data]);
  return joinedBytes([integers(data.length), typed, integers(compression.crc32(typed))]);
}

/** Big-endian. */
function integers(...values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value);
  return new Uint8Array(view.buffer);
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
