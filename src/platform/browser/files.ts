// The file system of a page: the origin's private one, with the user's own files mounted in it.

import type { Files } from "../platform.ts";
import { openToAppend } from "./files/appending.ts";
import { isLeftover } from "./files/leftovers.ts";
import { PageLock } from "./files/lock.ts";
import { linesOf, openToRead, readText } from "./files/reading.ts";
import { removeFolder, rename, repairFolder, replaceDirAtomic, replacementOf } from "./files/replacing.ts";
import { openSync } from "./files/synchronous.ts";
import { fileAt, folderAt, lookUp } from "./files/tree.ts";
import { addName, makeFolder, removeAll, removeFile, writeFileAtomic } from "./files/writing.ts";
import { paths } from "./paths.ts";

export const files: Files = {
  exists: (path) =>
    lookUp(path).then(
      () => true,
      () => false,
    ),
  async stat(path) {
    const node = await lookUp(path);
    // Folders have neither.
    if (node.kind === "folder") return { size: 0, mtimeMs: 0, isFile: false, isFolder: true };
    const { size, lastModified } = await node.getFile();
    return { size, mtimeMs: lastModified, isFile: true, isFolder: false };
  },
  async realPath(path) {
    await lookUp(path);
    return paths.resolve(path);
  },
  async checkFolderReadable(path) {
    for await (const _ of (await folderAt(path)).children()) return;
  },
  list: async (folder) => (await entriesOf(folder)).map(({ name }) => name),
  entries: (folder) => entriesOf(folder),
  readText,
  lines: linesOf,
  open: openToRead,
  openToAppend,
  openSync,
  rename,
  remove: removeFile,
  removeAll,
  removeSoon: (path) => void removeFile(path).catch(() => {}),
  makeFolder,
  writeFileAtomic,
  replaceDirAtomic,
  removeFolder,
  repairFolder,
  replacementOf,
  isLeftover,
  lockOf: (folder, file, timing) => new PageLock(folder, file, timing),
  async freeBytes() {
    const { quota, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
    // Where the browser does not say, it is seen when writing.
    return quota === undefined ? Number.POSITIVE_INFINITY : Math.max(0, quota - usage);
  },
  addName,
  contentToSend: async (path) => (await fileAt(path)).getFile(),
};

async function entriesOf(
  folder: string,
): Promise<{ readonly name: string; readonly kind: "file" | "folder" }[]> {
  const entries = [];
  for await (const entry of (await folderAt(folder)).children()) entries.push(entry);
  return entries;
}
