// Unpacking: by the browser where it may take a while, by hyparquet-compressors where the result is needed at once.

import { gunzip } from "hyparquet-compressors";
import type { Compression } from "../platform.ts";

/** Given to the browser at a time (bytes): it may unpack each piece, up to a thousand times as large, before it waits. */
const PIECE_BYTES = 2 ** 16;
/** A gzip header of the shortest kind, and what follows the data: CRC-32 and length. */
const GZIP_HEADER_BYTES = 10;
const GZIP_TRAILER_BYTES = 8;

/** Of each byte, for the polynomial of zip and PNG, lowest bit first. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** @param before the CRC-32 of what goes before the data */
function crc32(data: Uint8Array, before = 0): number {
  let crc = ~before;
  for (let i = 0; i < data.length; i++) crc = CRC_TABLE[(crc ^ data[i]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

async function inflateRaw(data: Uint8Array, most: number): Promise<Uint8Array> {
  const { readable, writable } = new DecompressionStream("deflate-raw");
  const writer = writable.getWriter();
  const feed = async () => {
    for (let at = 0; at < data.length; at += PIECE_BYTES)
      await writer.write(data.slice(at, at + PIECE_BYTES));
    await writer.close();
  };
  const reader = readable.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  const drain = async () => {
    for (let next = await reader.read(); next.value !== undefined; next = await reader.read()) {
      length += next.value.length;
      if (length > most) {
        // Ends the feeding, too.
        await reader.cancel();
        throw new RangeError(`unpacks to more than ${most} bytes`);
      }
      parts.push(next.value);
    }
  };
  // Of damaged data, both complain; after a cancel, feeding does.
  const [fed, drained] = await Promise.allSettled([feed(), drain()]);
  for (const { reason } of [drained, fed].filter((end) => end.status === "rejected")) throw reason;
  return joined(parts, length);
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The decoder neither checks the data nor says where they end; gzip's trailer does. */
function gunzipChecked(data: Uint8Array, most: number): Uint8Array {
  const { length } = data;
  const isGzip = data[0] === 0x1f && data[1] === 0x8b && data[2] === 8;
  if (!isGzip || length < GZIP_HEADER_BYTES + GZIP_TRAILER_BYTES)
    throw new Error("no gzip data, or cut short");
  const trailer = new DataView(data.buffer, data.byteOffset + length - GZIP_TRAILER_BYTES);
  const [crc, size] = [trailer.getUint32(0, true), trailer.getUint32(4, true)];
  if (size > most) throw new RangeError(`unpacks to more than ${most} bytes`);
  const unpacked = gunzip(data, new Uint8Array(most));
  // The trailer tells of the last of several members. With more than one, all of them together fill the page.
  for (const end of [size, most]) {
    if (crc32(unpacked.subarray(end - size, end)) === crc) return unpacked.subarray(0, end);
  }
  throw new Error("the gzip data are damaged");
}

export const compression: Compression = {
  crc32,
  inflateRaw,
  gunzip: gunzipChecked,
  brotli() {
    throw new Error("brotli is not unpacked in browsers; write the file anew with zstd or snappy");
  },
};
