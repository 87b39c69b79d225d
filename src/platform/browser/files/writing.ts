// Files that are written whole, copied, moved and removed.

import { explainSystemError } from "../../errors.ts";
import type { FileWriter, Permit } from "../../platform.ts";
import { paths } from "../paths.ts";
import { unshared } from "./bytes.ts";
import { isLeftover, namesAside } from "./leftovers.ts";
import { isFolder, isNamed, missing, refusal, refusalOf } from "./refusals.ts";
import { fileAt, fileIn, find, folderIn, privateRoot, writableParts, writablePlace } from "./tree.ts";

const always: Permit = () => {};

/**
 * Writes a file so that readers see the old content or the new: under a temporary name, which is then changed.
 * @throws FileError, in one line
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | FileWriter,
  permit = always,
): Promise<void> {
  try {
    const name = writableParts(path).at(-1);
    if (name === undefined) throw isFolder(path);
    const folder = await makeFolders(paths.dirname(paths.resolve(path)), permit);
    const { aside } = namesAside(name);
    const file = await fileIn(folder, aside, path, true);
    try {
      await fill(file, content);
      permit();
      if ((await find(path))?.kind === "folder") throw isFolder(path);
      await moveFile(file, folder, { folder, name });
    } catch (error) {
      await folder.removeEntry(aside).catch(() => {});
      throw error;
    }
  } catch (error) {
    throw explainSystemError(refusalOf(error, path, "file"), "write the file", path);
  }
}

async function fill(file: FileSystemFileHandle, content: string | Uint8Array | FileWriter): Promise<void> {
  const stream = await file.createWritable();
  const write = async (piece: string | Uint8Array): Promise<void> => {
    if (typeof piece === "string") await stream.write(piece);
    else for (const bytes of unshared(piece)) await stream.write(bytes);
  };
  try {
    await (typeof content === "function" ? content({ write }) : write(content));
    await stream.close();
  } catch (error) {
    await stream.abort().catch(() => {});
    throw error;
  }
}

/** Where a file goes. */
interface Target {
  readonly folder: FileSystemDirectoryHandle;
  readonly name: string;
}

/** Not in every browser. */
interface Movable {
  move(folder: FileSystemDirectoryHandle, name: string): Promise<void>;
}

const isMovable = (file: FileSystemFileHandle): file is FileSystemFileHandle & Movable =>
  "move" in file && typeof file.move === "function";

/** Moves a file; one that stands there is replaced. At any moment, one of the two places holds all of the content. */
export async function moveFile(
  file: FileSystemFileHandle,
  from: FileSystemDirectoryHandle,
  { folder, name }: Target,
): Promise<void> {
  const before = file.name;
  if (isMovable(file)) {
    try {
      await file.move(folder, name);
      return;
    } catch (error) {
      // Not every browser moves a file over another.
      if (isNamed(error, "NotFoundError") || isNamed(error, "QuotaExceededError")) throw error;
    }
  }
  await copyTo(await file.getFile(), { folder, name });
  await from.removeEntry(before);
}

/** The content is there when all of it was written, not before. */
async function copyTo(content: Blob, { folder, name }: Target): Promise<void> {
  const file = await folder.getFileHandle(name, { create: true });
  await content.stream().pipeTo(await file.createWritable());
}

/** Moves a file of the private file system. @param to may be a file, which is replaced */
export async function renameFile(from: string, to: string): Promise<void> {
  const source = await writablePlace(from);
  const target = await writablePlace(to);
  if ((await find(to))?.kind === "folder") throw isFolder(to);
  try {
    await moveFile(await fileIn(source.folder, source.name, from, false), source.folder, target);
  } catch (error) {
    throw refusalOf(error, to, "file");
  }
}

/** Gives a file a second name: a copy, as there are no links, or the only one. */
export async function addName(path: string, second: string, mayMove: boolean): Promise<void> {
  await makeFolders(paths.dirname(paths.resolve(second)));
  if (mayMove) return renameFile(path, second);
  const file = await (await fileAt(path)).getFile();
  await writeFileAtomic(second, async (sink) => {
    const reader = file.stream().getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      await sink.write(piece.value);
  });
}

/** Removes a file; does nothing if there is none. */
export async function removeFile(path: string): Promise<void> {
  writableParts(path);
  const there = await find(path);
  if (there?.kind === "folder") throw isFolder(path);
  if (there !== undefined) await removeEntry(path, false);
}

/** Removes a file, or a folder and its contents; does nothing if there is none. */
export async function removeAll(path: string): Promise<void> {
  writableParts(path);
  if ((await find(path)) !== undefined) await removeEntry(path, true);
}

async function removeEntry(path: string, recursive: boolean): Promise<void> {
  const { folder, name } = await writablePlace(path);
  await folder.removeEntry(name, { recursive }).catch((error: unknown) => {
    // Somebody else was faster.
    if (!isNamed(error, "NotFoundError")) throw refusalOf(error, path, "file");
  });
}

/** Creates a folder and missing parents. @throws FileError, in one line */
export async function makeFolder(path: string): Promise<void> {
  try {
    if ((await find(path))?.kind === "file") throw refusal("EEXIST", "a file stands there", path);
    await makeFolders(path);
  } catch (error) {
    throw explainSystemError(error, "make the folder", path);
  }
}

/** @param permit asked before each folder that is made */
export async function makeFolders(path: string, permit = always): Promise<FileSystemDirectoryHandle> {
  const parts = writableParts(path);
  let folder = await privateRoot(path);
  for (const [i, name] of parts.entries()) {
    const here = folder;
    folder = await here.getDirectoryHandle(name).catch((error: unknown) => {
      if (isNamed(error, "NotFoundError")) {
        // A temporary folder that was removed meanwhile must not be made again.
        if (isLeftover(name) && i < parts.length - 1) throw missing(path, error);
        permit();
      }
      return folderIn(here, name, path);
    });
  }
  return folder;
}

/** Opens a file of the private file system; creates it if it is missing. */
export async function ensureFile(path: string, makesFolders: boolean): Promise<FileSystemFileHandle> {
  if (makesFolders) await makeFolders(paths.dirname(paths.resolve(path)));
  const { folder, name } = await writablePlace(path);
  return fileIn(folder, name, path, true);
}
