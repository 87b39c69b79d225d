// Open files: for reading, and for appending.

import { FileError } from "../../errors.ts";
import type { AppendFile, OpenFile } from "../../platform.ts";
import { named, systemError } from "./system_error.ts";
import { fileAt, parentOf } from "./tree.ts";

/** Bytes per piece of a file that is streamed. */
const PIECE_BYTES = 2 ** 20;
/** Bytes after which appended ones are put into the file: until then they are lost with the page. */
const COMMIT_BYTES = 2 ** 26;

/** As it is now: if it is changed later, reading fails. */
export async function openToRead(path: string): Promise<OpenFile> {
  const handle = await fileAt(path);
  const file = await named("open", path, () => handle.getFile());
  return reading(path, async () => file);
}

function reading(path: string, current: () => Promise<File>): OpenFile {
  const bytes = async (begin: number, end: number): Promise<ArrayBuffer> => {
    const file = await current();
    return named("read", path, () => file.slice(begin, end).arrayBuffer());
  };
  return {
    size: async () => (await current()).size,
    async read(position, length) {
      let content: ArrayBuffer;
      try {
        content = await bytes(position, position + length);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new FileError(path, `there is no memory for ${length} bytes of it`, { cause: error });
      }
      if (content.byteLength === length) return content;
      throw new FileError(
        path,
        `the file ended at byte ${position + content.byteLength} while it was being read`,
      );
    },
    async readInto(target, position) {
      const content = await bytes(position, position + target.length);
      target.set(new Uint8Array(content));
      return content.byteLength;
    },
    readAll: async () => new Uint8Array(await bytes(0, (await current()).size)),
    async *pieces() {
      const { size } = await current();
      for (let at = 0; at < size; at += PIECE_BYTES)
        yield new Uint8Array(await bytes(at, Math.min(size, at + PIECE_BYTES)));
    },
    close: async () => {},
  };
}

export async function openToAppend(path: string, makesFolders = false): Promise<AppendFile> {
  const { folder, name } = await parentOf(path, makesFolders);
  const handle = await named("open", path, () => folder.getFileHandle(name, { create: true }));
  const file = new Appending(path, handle);
  return {
    ...reading(path, async () => {
      await file.commit();
      return named("open", path, () => handle.getFile());
    }),
    write: (content) => file.write(content),
    truncate: (size) => file.truncate(size),
    sync: () => file.commit(),
    close: () => file.commit(),
  };
}

/** Writes at a file's end. The browser keeps what is written apart until it is committed. */
class Appending {
  readonly #path: string;
  readonly #handle: FileSystemFileHandle;
  #stream: FileSystemWritableFileStream | undefined;
  #pending = 0;

  constructor(path: string, handle: FileSystemFileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  write(content: Uint8Array | string): Promise<void> {
    return named("write", this.#path, async () => {
      const stream = await this.#open();
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await stream.write(unshared(bytes));
      this.#pending += bytes.length;
      if (this.#pending >= COMMIT_BYTES) await this.commit();
    });
  }

  truncate(size: number): Promise<void> {
    return named("truncate", this.#path, async () => {
      await this.commit();
      const stream = await this.#open();
      await stream.truncate(size);
      await this.commit();
    });
  }

  commit(): Promise<void> {
    return named("write", this.#path, async () => {
      const stream = this.#stream;
      this.#stream = undefined;
      this.#pending = 0;
      await stream?.close();
    });
  }

  async #open(): Promise<FileSystemWritableFileStream> {
    if (this.#stream) return this.#stream;
    const stream = await createWritable(this.#handle, this.#path, { keepExistingData: true });
    await stream.seek((await this.#handle.getFile()).size);
    this.#stream = stream;
    return stream;
  }
}

/** What is written is in the file when the stream is closed, and not before. */
export async function createWritable(
  handle: FileSystemFileHandle,
  path: string,
  options?: FileSystemCreateWritableOptions,
): Promise<FileSystemWritableFileStream> {
  if (typeof handle.createWritable !== "function") {
    throw systemError(
      "ENOSYS",
      "write: this browser cannot write files; use a current Chrome, Edge, Firefox or Safari 26:",
      path,
    );
  }
  return handle.createWritable(options);
}

/** Streams take no shared memory. */
export function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}
