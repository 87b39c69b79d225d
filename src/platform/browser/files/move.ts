// Moves files and folders.

import { createWritable } from "./open.ts";
import { childOf } from "./tree.ts";

/** A name in a folder. */
export interface Place {
  readonly folder: FileSystemDirectoryHandle;
  readonly name: string;
}

/**
 * Moves a file in place of one that may be there, at once where the browser can move files; or the entries of a folder,
 * one by one, into one that may be there.
 * @throws DOMException NotFoundError if there is nothing at `from`
 */
export async function move(from: Place, to: Place): Promise<void> {
  const entry = await childOf(from.folder, from.name);
  if (entry?.kind !== "directory") {
    await moveFile(entry ?? (await from.folder.getFileHandle(from.name)), from, to);
    return;
  }
  const target = await to.folder.getDirectoryHandle(to.name, { create: true });
  for (const name of await namesIn(entry)) await move({ folder: entry, name }, { folder: target, name });
  await from.folder.removeEntry(from.name);
}

/** A folder's names at present. */
export async function namesIn(folder: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  return names;
}

async function moveFile(file: FileSystemFileHandle, from: Place, to: Place): Promise<void> {
  if ("move" in file && typeof file.move === "function") {
    await file.move(to.folder, to.name);
    return;
  }
  // A copy, which is put in place at once when it is closed.
  const copy = await to.folder.getFileHandle(to.name, { create: true });
  await (await file.getFile()).stream().pipeTo(await createWritable(copy, to.name));
  await from.folder.removeEntry(from.name);
}
