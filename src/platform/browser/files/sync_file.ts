// A file with synchronous reads and writes on any thread of a page: its content is in memory, and what is written follows
// into the file behind, in order.

import { FileError } from "../../errors.ts";
import type { SyncFile } from "../../platform.ts";
import { createWritable, unshared } from "./open.ts";
import { named, systemError } from "./system_error.ts";
import { fileAt, parentOf } from "./tree.ts";

/** Longer files are not taken into memory. */
const MAX_BYTES = 2 ** 30;
/** How long writes are gathered before they go into the file (milliseconds). */
const GATHER_MS = 1000;

export async function openToSync(path: string, mode: "r" | "r+"): Promise<SyncFile> {
  const file = await named("open", path, async () => (await fileAt(path)).getFile());
  if (file.size > MAX_BYTES) {
    throw new FileError(
      path,
      `has ${file.size} bytes, and a browser holds such a file in memory, where ${MAX_BYTES} are allowed; use fewer or smaller images`,
    );
  }
  const content = new Uint8Array(await named("read", path, () => file.arrayBuffer()));
  if (mode === "r") return new MemoryFile(path, content);
  const { folder, name } = await parentOf(path);
  return new MemoryFile(path, content, await named("open", path, () => folder.getFileHandle(name)));
}

class MemoryFile implements SyncFile {
  readonly #path: string;
  readonly #handle: FileSystemFileHandle | undefined;
  #bytes: Uint8Array;
  #size: number;
  /** From here on the file differs from what is in memory. */
  #changedFrom = Number.POSITIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** Why what is in memory is not in the file; told once. */
  #failure: unknown;

  constructor(path: string, content: Uint8Array, handle?: FileSystemFileHandle) {
    this.#path = path;
    this.#handle = handle;
    this.#bytes = content;
    this.#size = content.length;
  }

  read(bytes: Uint8Array, position: number): number {
    const found = this.#bytes.subarray(position, Math.min(this.#size, position + bytes.length));
    bytes.set(found);
    return found.length;
  }

  write(bytes: Uint8Array, position: number): number {
    this.#throwFailure();
    const end = position + bytes.length;
    if (end > this.#bytes.length) {
      const longer = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      longer.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = longer;
    }
    this.#bytes.set(bytes, position);
    this.#size = Math.max(this.#size, end);
    this.#changed(position);
    return bytes.length;
  }

  truncate(size: number): void {
    this.#throwFailure();
    this.#bytes.fill(0, size);
    this.#size = Math.min(this.#size, size);
    this.#changed(size);
  }

  async sync(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flush();
    await this.#writing;
    this.#throwFailure();
  }

  close(): Promise<void> {
    return this.sync();
  }

  #changed(from: number): void {
    if (this.#handle === undefined) throw systemError("EBADF", "write", this.#path);
    this.#changedFrom = Math.min(this.#changedFrom, from);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, GATHER_MS);
  }

  /** Puts what differs into the file, after what is being put there already. */
  #flush(): void {
    this.#writing = this.#writing.then(async () => {
      const from = this.#changedFrom;
      if (this.#handle === undefined || from === Number.POSITIVE_INFINITY) return;
      this.#changedFrom = Number.POSITIVE_INFINITY;
      try {
        await putEnd(this.#handle, this.#path, this.#bytes.slice(0, this.#size), from);
      } catch (error) {
        this.#changedFrom = Math.min(this.#changedFrom, from);
        this.#failure = error;
      }
    });
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }
}

/** Makes a file hold `content`, of which it holds what lies before `from`. */
function putEnd(
  handle: FileSystemFileHandle,
  path: string,
  content: Uint8Array,
  from: number,
): Promise<void> {
  return named("write", path, async () => {
    const stream = await createWritable(handle, path, { keepExistingData: true });
    await stream.truncate(Math.min(from, content.length));
    await stream.seek(Math.min(from, content.length));
    await stream.write(unshared(content.subarray(from)));
    await stream.close();
  });
}
