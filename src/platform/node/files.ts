// The file system.

import { constants, createReadStream, type Dirent, rmSync } from "node:fs";
import { access, readdir, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import type { Files, FolderEntry } from "../platform.ts";
import {
  isLeftover,
  makeFolder,
  removeFolder,
  repairFolder,
  replaceDirAtomic,
  replacementOf,
  writeFileAtomic,
} from "./atomic.ts";
import { FileLock } from "./folder_lock.ts";
import { freeBytes } from "./free_space.ts";
import { openToAppend, openToRead, openToSync } from "./open_files.ts";
import { addName } from "./second_name.ts";

export const files: Files = {
  exists: (path) =>
    access(path).then(
      () => true,
      () => false,
    ),
  async stat(path) {
    const info = await stat(path);
    const { size, mtimeMs } = info;
    return { size, mtimeMs, isFile: info.isFile(), isFolder: info.isDirectory() };
  },
  realPath: (path) => realpath(path),
  checkFolderReadable: (path) => access(path, constants.R_OK | constants.X_OK),
  list: (folder) => readdir(folder),
  entries: async (folder) =>
    (await readdir(folder, { withFileTypes: true })).map((entry) => ({
      name: entry.name,
      kind: kindOf(entry),
    })),
  readText: (path) => readFile(path, "utf8"),
  lines: (path) => createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY }),
  open: openToRead,
  openToAppend,
  openSync: openToSync,
  rename,
  remove: (path) => rm(path, { force: true }),
  removeAll: (path) => rm(path, { recursive: true, force: true }),
  removeSoon: (path) => rmSync(path, { force: true }),
  makeFolder,
  writeFileAtomic,
  replaceDirAtomic,
  removeFolder,
  repairFolder,
  replacementOf,
  isLeftover,
  lockOf: (folder, file, timing) => new FileLock(folder, file, timing),
  freeBytes,
  addName,
  contentToSend: async (path) => pathToFileURL(path),
};

function kindOf(entry: Dirent): FolderEntry["kind"] {
  if (entry.isSymbolicLink()) return "link";
  return entry.isDirectory() ? "folder" : "file";
}
