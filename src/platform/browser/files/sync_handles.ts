// Files that a worker writes in place. Browsers have these in dedicated workers only, one for a file at a time.

import { refusal, refusalOf } from "./refusals.ts";
import { writableFile } from "./tree.ts";

/** The browser's own. */
export interface SyncHandle {
  read(bytes: Uint8Array, at: { readonly at: number }): number;
  write(bytes: Uint8Array, at: { readonly at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

interface WithSyncHandle {
  createSyncAccessHandle(): Promise<SyncHandle>;
}

const hasSyncHandle = (file: FileSystemFileHandle): file is FileSystemFileHandle & WithSyncHandle =>
  "createSyncAccessHandle" in file && typeof file.createSyncAccessHandle === "function";

/** Whether this thread may have them. */
export const givesSyncHandles = (): boolean =>
  typeof FileSystemFileHandle !== "undefined" && "createSyncAccessHandle" in FileSystemFileHandle.prototype;

/** A page that was closed or loaded again may have a file for another moment (milliseconds). */
const PATIENCE_MS = 1500;
const POLL_MS = 50;

/** Opens an existing file. @throws PlatformError, EBUSY where somebody else has it */
export async function openSyncHandle(path: string): Promise<SyncHandle> {
  const file = await writableFile(path);
  if (!hasSyncHandle(file)) throw refusal("ENOSYS", "no files are written in place here", path);
  const begun = performance.now();
  for (;;) {
    try {
      return await file.createSyncAccessHandle();
    } catch (error) {
      const why = refusalOf(error, path, "file");
      const isHeld = error instanceof Error && error.name === "NoModificationAllowedError";
      if (!isHeld || performance.now() - begun > PATIENCE_MS) throw why;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

/** Writes all of the bytes. @throws PlatformError */
export function writeWhole(handle: SyncHandle, bytes: Uint8Array, position: number, path: string): void {
  try {
    for (let done = 0; done < bytes.length; ) {
      const count = handle.write(bytes.subarray(done), { at: position + done });
      if (count === 0) throw refusal("ENOSPC", "nothing more was written", path);
      done += count;
    }
  } catch (error) {
    throw refusalOf(error, path, "file");
  }
}
