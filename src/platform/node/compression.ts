// Unpacking by zlib.

import { promisify } from "node:util";
import { brotliDecompressSync, crc32, gunzipSync, inflateRaw } from "node:zlib";
import type { Compression } from "../platform.ts";

const inflate = promisify<Uint8Array, { maxOutputLength: number }, Uint8Array>(inflateRaw);
const atMost = (most: number) => ({ maxOutputLength: Math.max(1, most) });

export const compression: Compression = {
  crc32: (data, before = 0) => crc32(data, before),
  inflateRaw: (data, most) => inflate(data, atMost(most)),
  gunzip: (data, most) => gunzipSync(data, atMost(most)),
  brotli: (data, most) => brotliDecompressSync(data, atMost(most)),
};
