// The origin private file system, and the files that the page was given.

import { explainSystemError } from "../errors.ts";
import type { FileInfo, Files, FolderEntry } from "../platform.ts";
import {
  isLeftover,
  removeFolder,
  repairFolder,
  replaceDirAtomic,
  replacementOf,
  writeFileAtomic,
} from "./files/atomic.ts";
import { move } from "./files/move.ts";
import { openToAppend, openToRead } from "./files/open.ts";
import { PageLock } from "./files/page_lock.ts";
import { openToSync } from "./files/sync_file.ts";
import { named, systemError } from "./files/system_error.ts";
import { fileAt, find, folderAt, parentOf, root, storedFolder } from "./files/tree.ts";
import { paths } from "./paths.ts";

export const files: Files = {
  exists: (path) =>
    find(path).then(
      (found) => found !== undefined,
      () => false,
    ),

  async stat(path): Promise<FileInfo> {
    const found = await find(path);
    if (found === undefined) throw systemError("ENOENT", "stat", path);
    if (found.kind === "directory") return { size: 0, mtimeMs: 0, isFile: false, isFolder: true };
    const { size, lastModified } = await named("stat", path, () => found.getFile());
    return { size, mtimeMs: lastModified, isFile: true, isFolder: false };
  },

  async realPath(path) {
    if ((await find(path)) === undefined) throw systemError("ENOENT", "realpath", path);
    return paths.resolve(path);
  },

  async checkFolderReadable(path) {
    await folderAt(path);
  },

  list: async (folder) => (await files.entries(folder)).map(({ name }) => name),

  async entries(folder) {
    const found: FolderEntry[] = [];
    for await (const [name, { kind }] of (await folderAt(folder)).entries()) {
      found.push({ name, kind: kind === "directory" ? "folder" : "file" });
    }
    return found;
  },

  async readText(path) {
    const file = await fileAt(path);
    return named("read", path, async () => (await file.getFile()).text());
  },

  async *lines(path) {
    const file = await named("open", path, async () => (await fileAt(path)).getFile());
    let rest = "";
    for await (const piece of file.stream().pipeThrough(new TextDecoderStream())) {
      // A line's end may be cut in two.
      const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      yield* lines;
    }
    if (rest !== "") yield rest.replace(/\r$/, "");
  },

  open: openToRead,
  openToAppend,
  openSync: openToSync,

  async rename(from, to) {
    const [source, target] = [await parentOf(from), await parentOf(to)];
    await named("rename", from, async () => {
      if ((await find(from)) === undefined) throw systemError("ENOENT", "rename", from);
      const there = await find(to);
      if (there?.kind === "directory") {
        for await (const _ of there.entries()) throw systemError("ENOTEMPTY", "rename", to);
      }
      await move(source, target);
    });
  },

  async remove(path) {
    if ((await find(path)) === undefined) return;
    const { folder, name } = await parentOf(path);
    await named("unlink", path, () => folder.removeEntry(name));
  },

  async removeAll(path) {
    if ((await find(path)) === undefined) return;
    const { folder, name } = await parentOf(path);
    await named("rm", path, () => folder.removeEntry(name, { recursive: true }));
  },

  removeSoon(path) {
    void files.remove(path).catch(() => undefined);
  },

  async makeFolder(path) {
    try {
      if ((await find(path))?.kind === "file") throw systemError("EEXIST", "mkdir", path);
      await storedFolder(path, true);
    } catch (error) {
      throw explainSystemError(error, "make the folder", path);
    }
  },

  writeFileAtomic,
  replaceDirAtomic,
  removeFolder,
  repairFolder,
  replacementOf,
  isLeftover,
  lockOf: (folder, file, timing) => new PageLock(folder, file, timing),

  async freeBytes(folder) {
    await root(folder);
    const { quota = 0, usage = 0 } = await navigator.storage.estimate();
    return Math.max(0, quota - usage);
  },

  async addName(file, second, mayMove) {
    const [source, target] = [await parentOf(file), await parentOf(second, true)];
    if (mayMove) {
      await named("rename", file, () => move(source, target));
      return;
    }
    const content = await named("open", file, async () => (await fileAt(file)).getFile());
    await writeFileAtomic(second, async (copy) => {
      for await (const piece of content.stream()) await copy.write(piece);
    });
  },

  contentToSend: async (path) => (await fileAt(path)).getFile(),
};
