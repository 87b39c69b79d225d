// Finds files and folders by path: in the origin private file system, and in what is mounted beside it.

import { namesOf } from "../paths.ts";
import { mountedAt } from "./mounts.ts";
import type { Readable, ReadableFile, ReadableFolder } from "./readable.ts";
import { named, systemError } from "./system_error.ts";

/** The origin private file system. */
export async function root(path: string): Promise<FileSystemDirectoryHandle> {
  if (typeof navigator.storage?.getDirectory !== "function") {
    throw new Error(
      `${path}: this page has no file system; serve it by https:// or from localhost, in a window that is not private`,
    );
  }
  return named("open", path, () => navigator.storage.getDirectory());
}

class StoredFolder implements ReadableFolder {
  readonly kind = "directory";
  readonly #handle: FileSystemDirectoryHandle;

  constructor(handle: FileSystemDirectoryHandle) {
    this.#handle = handle;
  }

  entries() {
    return this.#handle.entries();
  }

  async child(name: string): Promise<Readable | undefined> {
    const handle = await childOf(this.#handle, name);
    return handle?.kind === "directory" ? new StoredFolder(handle) : handle;
  }
}

/** A folder's entry, or undefined. */
export async function childOf(
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<FileSystemFileHandle | FileSystemDirectoryHandle | undefined> {
  try {
    return await folder.getFileHandle(name);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name === "TypeMismatchError") return folder.getDirectoryHandle(name);
    // A name that cannot be, such as "a\b", is none that is there.
    if (error.name === "NotFoundError") return undefined;
    throw error;
  }
}

/** What a path names, or undefined. @throws where a file stands for a folder on the way, ENOTDIR */
export async function find(path: string): Promise<Readable | undefined> {
  const names = namesOf(path);
  const mounted = mountedAt(names);
  let at: Readable | undefined = mounted?.entry ?? new StoredFolder(await root(path));
  for (const name of names.slice(mounted?.depth ?? 0)) {
    if (at.kind === "file") throw systemError("ENOTDIR", "open", path);
    const folder: ReadableFolder = at;
    at = await named("open", path, () => folder.child(name));
    if (at === undefined) return undefined;
  }
  return at;
}

/** @throws ENOENT, EISDIR */
export async function fileAt(path: string): Promise<ReadableFile> {
  const found = await find(path);
  if (found === undefined) throw systemError("ENOENT", "open", path);
  if (found.kind === "directory") throw systemError("EISDIR", "read", path);
  return found;
}

/** @throws ENOENT, ENOTDIR */
export async function folderAt(path: string): Promise<ReadableFolder> {
  const found = await find(path);
  if (found === undefined) throw systemError("ENOENT", "open", path);
  if (found.kind === "file") throw systemError("ENOTDIR", "scandir", path);
  return found;
}

/**
 * The folder to write in.
 * @param create makes it, and those it is in
 * @throws EROFS for what is mounted, ENOENT, ENOTDIR
 */
export async function storedFolder(path: string, create = false): Promise<FileSystemDirectoryHandle> {
  const names = namesOf(path);
  if (mountedAt(names) !== undefined) throw systemError("EROFS", "write", path);
  let folder = await root(path);
  for (const name of names)
    folder = await named("open", path, () => folder.getDirectoryHandle(name, { create }));
  return folder;
}

/** The folder to write in that a path's last name is in, and that name. @throws EISDIR for the root */
export async function parentOf(
  path: string,
  create = false,
): Promise<{ readonly folder: FileSystemDirectoryHandle; readonly name: string }> {
  const names = namesOf(path);
  const name = names.pop();
  if (name === undefined) throw systemError("EISDIR", "open", path);
  return { folder: await storedFolder(names.join("/"), create), name };
}
