// Open files.

import { closeSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode, FileError } from "../errors.ts";
import type { AppendFile, OpenFile, SyncFile } from "../platform.ts";

/** Most bytes per read or write: the system allows no more than 2 GiB. */
const MAX_CHUNK_BYTES = 2 ** 28;
/** Bytes per piece of a file that is streamed. */
const PIECE_BYTES = 2 ** 16;

export const openToRead = async (path: string): Promise<OpenFile> => reading(await open(path, "r"), path);

export async function openToAppend(path: string, makesFolders = false): Promise<AppendFile> {
  const handle = await open(path, "a+").catch(async (error: unknown) => {
    if (!makesFolders || errorCode(error) !== "ENOENT") throw error;
    await mkdir(dirname(path), { recursive: true });
    return open(path, "a+");
  });
  return {
    ...reading(handle, path),
    write: (content) => handle.appendFile(content),
    truncate: (size) => handle.truncate(size),
    sync: () => handle.sync(),
  };
}

export async function openToSync(path: string, mode: "r" | "r+"): Promise<SyncFile> {
  const file = openSync(path, mode);
  return {
    read: (bytes, position) => readSync(file, bytes, 0, bytes.length, position),
    write: (bytes, position) => writeSync(file, bytes, 0, bytes.length, position),
    truncate: (size) => ftruncateSync(file, size),
    sync: async () => fsyncSync(file),
    close: async () => closeSync(file),
  };
}

function reading(handle: FileHandle, path: string): OpenFile {
  return {
    size: async () => (await handle.stat()).size,
    read: (position, length) => readRange(handle, position, length, path),
    readInto: async (bytes, position) => (await handle.read(bytes, 0, bytes.length, position)).bytesRead,
    readAll: () => handle.readFile(),
    pieces: () => piecesOf(handle),
    close: () => handle.close(),
  };
}

async function* piecesOf(handle: FileHandle): AsyncGenerator<Uint8Array, void, void> {
  for (;;) {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(PIECE_BYTES), 0, PIECE_BYTES);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function readRange(
  handle: FileHandle,
  position: number,
  length: number,
  path: string,
): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(allocate(length, path));
  let done = 0;
  while (done < length) {
    const chunk = bytes.subarray(done, Math.min(length, done + MAX_CHUNK_BYTES));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, position + done);
    if (bytesRead === 0)
      throw new FileError(path, `the file ended at byte ${position + done} while it was being read`);
    done += bytesRead;
  }
  return bytes.buffer;
}

function allocate(length: number, path: string): ArrayBuffer {
  try {
    return new ArrayBuffer(length);
  } catch (error) {
    throw new FileError(path, `there is no memory for ${length} bytes of it`, { cause: error });
  }
}

/** Writes all of the bytes at the file's current position. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, MAX_CHUNK_BYTES));
    done += bytesWritten;
  }
}
