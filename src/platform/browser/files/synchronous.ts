// Files with synchronous reads and writes. A worker has the browser's own. A page keeps the content in memory, and what
// it writes goes to the disk right after, in order.

import { FileError } from "../../errors.ts";
import type { SyncFile } from "../../platform.ts";
import { allocate, readInto } from "./bytes.ts";
import { type InPlaceFile, openInPlace } from "./in_place.ts";
import { refusal, refusalOf } from "./refusals.ts";
import { givesSyncHandles, openSyncHandle, writeWhole } from "./sync_handles.ts";
import { fileAt, writableFile } from "./tree.ts";

/** A page keeps no more than this of a file (bytes). */
const MAX_HELD_BYTES = 2 ** 30;

/** Workers read files with it. */
declare const FileReaderSync: (new () => SliceReader) | undefined;
interface SliceReader {
  readAsArrayBuffer(content: Blob): ArrayBuffer;
}

/** Opens an existing file. @param mode "r+": for writing, too */
export async function openSync(path: string, mode: "r" | "r+"): Promise<SyncFile> {
  if (mode === "r") {
    const file = await (await fileAt(path)).getFile();
    if (typeof FileReaderSync !== "undefined")
      return readOnly(sliceReader(new FileReaderSync(), file, path), path);
    const content = allocate(held(file.size, path), path);
    await readInto(file, content, 0, path);
    return readOnly((bytes, position) => copyFrom(content, bytes, position), path);
  }
  await writableFile(path);
  if (givesSyncHandles()) return inPlace(path);
  const disk = await openInPlace(path);
  try {
    const content = allocate(held(await disk.size(), path), path);
    await disk.read(content, 0);
    return new WriteBehind(path, content, disk);
  } catch (error) {
    await disk.close();
    throw error;
  }
}

function held(size: number, path: string): number {
  if (size <= MAX_HELD_BYTES) return size;
  throw new FileError(
    path,
    `it has more than ${MAX_HELD_BYTES / 2 ** 20} MiB, which is all that a page keeps in memory of a file; do the work in a worker, which reads and writes files as they lie`,
  );
}

function copyFrom(content: Uint8Array, bytes: Uint8Array, position: number): number {
  const part = content.subarray(position, position + bytes.length);
  bytes.set(part);
  return part.length;
}

function sliceReader(reader: SliceReader, file: Blob, path: string): SyncFile["read"] {
  return (bytes, position) => {
    try {
      const part = reader.readAsArrayBuffer(file.slice(position, position + bytes.length));
      bytes.set(new Uint8Array(part));
      return part.byteLength;
    } catch (error) {
      throw refusalOf(error, path, "file");
    }
  };
}

function readOnly(read: SyncFile["read"], path: string): SyncFile {
  const refuse = (): never => {
    throw refusal("EBADF", "the file is open for reading only", path);
  };
  return { read, write: refuse, truncate: refuse, sync: async () => {}, close: async () => {} };
}

async function inPlace(path: string): Promise<SyncFile> {
  const handle = await openSyncHandle(path);
  const explained = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw refusalOf(error, path, "file");
    }
  };
  return {
    read: (bytes, position) => explained(() => handle.read(bytes, { at: position })),
    write(bytes, position) {
      writeWhole(handle, bytes, position, path);
      return bytes.length;
    },
    truncate: (size) => explained(() => handle.truncate(size)),
    sync: async () => explained(() => handle.flush()),
    close: async () => handle.close(),
  };
}

class WriteBehind implements SyncFile {
  readonly #path: string;
  readonly #disk: InPlaceFile;
  /** The content, with room behind it. */
  #content: Uint8Array;
  #size: number;
  /** Why something could not be written. Nothing is written after that. */
  #failure: unknown;

  constructor(path: string, content: Uint8Array, disk: InPlaceFile) {
    this.#path = path;
    this.#content = content;
    this.#size = content.length;
    this.#disk = disk;
  }

  read(bytes: Uint8Array, position: number): number {
    this.#check();
    return copyFrom(this.#content.subarray(0, this.#size), bytes, position);
  }

  write(bytes: Uint8Array, position: number): number {
    this.#check();
    this.#resize(Math.max(this.#size, position + bytes.length));
    this.#content.set(bytes, position);
    this.#behind(this.#disk.write(bytes, position));
    return bytes.length;
  }

  truncate(size: number): void {
    this.#check();
    this.#resize(size);
    this.#behind(this.#disk.truncate(size));
  }

  async sync(): Promise<void> {
    this.#check();
    await this.#disk.flush();
    this.#check();
  }

  async close(): Promise<void> {
    // It is closed after all that was to be written before.
    await this.#disk.close();
    this.#check();
  }

  #behind(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #resize(size: number): void {
    if (size > this.#content.length) {
      const room = Math.min(
        MAX_HELD_BYTES,
        Math.max(held(size, this.#path), 2 * this.#content.length, 2 ** 16),
      );
      const content = allocate(room, this.#path);
      content.set(this.#content.subarray(0, this.#size));
      this.#content = content;
    }
    // What was cut off must not come back.
    if (size < this.#size) this.#content.fill(0, size, this.#size);
    this.#size = size;
  }
}
