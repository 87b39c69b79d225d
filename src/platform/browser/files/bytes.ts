// Bytes as the browser's files take and give them.

import { FileError } from "../../errors.ts";
import { refusalOf } from "./refusals.ts";

/** Most bytes that are read at a time: browsers refuse 2 GiB. */
const CHUNK_BYTES = 2 ** 28;
/** Shared memory is written this many bytes at a time. */
const SHARED_BYTES = 2 ** 22;

/** Bytes in memory that no other thread has: browsers write no others. */
export function* unshared(bytes: Uint8Array): Generator<Uint8Array<ArrayBuffer>> {
  if (bytes.buffer instanceof ArrayBuffer) {
    yield new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return;
  }
  for (let at = 0; at < bytes.length; at += SHARED_BYTES)
    yield new Uint8Array(bytes.subarray(at, at + SHARED_BYTES));
}

/** @throws FileError when there is no memory */
export function allocate(length: number, path: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (error) {
    throw new FileError(path, `there is no memory for ${length} bytes of it`, { cause: error });
  }
}

/** Reads bytes of a file until `bytes` is full or the file ends. @returns how many there were */
export async function readInto(
  file: Blob,
  bytes: Uint8Array,
  position: number,
  path: string,
): Promise<number> {
  const end = Math.min(file.size, position + bytes.length);
  try {
    for (let at = position; at < end; at += CHUNK_BYTES) {
      const part = await file.slice(at, Math.min(end, at + CHUNK_BYTES)).arrayBuffer();
      bytes.set(new Uint8Array(part), at - position);
    }
  } catch (error) {
    throw refusalOf(error, path, "file");
  }
  return Math.max(0, end - position);
}

/** @throws FileError if the file is too short, or there is not enough memory */
export async function readRange(
  read: (bytes: Uint8Array, position: number) => Promise<number>,
  position: number,
  length: number,
  path: string,
): Promise<ArrayBuffer> {
  const bytes = allocate(length, path);
  const done = await read(bytes, position);
  if (done < length)
    throw new FileError(path, `the file ended at byte ${position + done} while it was being read`);
  return bytes.buffer;
}
