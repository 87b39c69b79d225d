// Bytes that are read here and there: of a file, of a part of one, or in memory.
import type { OpenFile } from "../platform/platform.ts";

export interface ByteRange {
  readonly size: number;
  /** The CRC-32 that all bytes are to have; absent where it is known to be right, or nobody noted it. */
  readonly crc32?: number;
  /** Bytes `position` .. `position + length`, which lie inside, in a buffer of their own. */
  read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

export const fileRange = (file: OpenFile, begin: number, size: number): ByteRange => ({
  size,
  read: async (position, length) => new Uint8Array(await file.read(begin + position, length)),
});

export const bytesRange = (bytes: Uint8Array): ByteRange => ({
  size: bytes.length,
  read: async (position, length) => new Uint8Array(bytes.subarray(position, position + length)),
});
