// Files and folders that are written completely or not at all: under a temporary name, flushed to disk, and renamed
// into place. A crash or a full disk leaves the previous version.
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { errorCode, explainSystemError, FileError } from "../errors.ts";
import type { FileSink, FileWriter, Permit } from "../platform.ts";
import { writeAll } from "./open_files.ts";

/** The default permit, for folders that nobody else removes. */
const always: Permit = () => {};

/**
 * Writes a file so that readers see the old content or the new, never a mixture. Missing parent folders are created.
 * @throws FileError, in one line, when the disk is full, permission is missing, ...
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | FileWriter,
  permit = always,
): Promise<void> {
  const { aside } = namesAside(path);
  try {
    await makeFolders(dirname(resolve(path)), permit);
    const file = await open(aside, "wx");
    try {
      if (typeof content === "function") await content(sinkOf(file));
      else await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    permit();
    await rename(aside, path);
  } catch (error) {
    await removeQuietly(aside);
    throw explainSystemError(error, "write the file", path);
  }
  await syncFolder(dirname(resolve(path)));
}

/**
 * Creates or replaces a whole folder: `fill` writes everything into an empty folder beside it, which is then renamed
 * into place. If `fill` fails, `path` stays as it was. A crash between the two renames of a replacement leaves the
 * finished folder under its temporary name, with the old one beside it; `repairFolder` completes such a replacement,
 * and `replacementOf` finds it.
 * @throws FileError, in one line, when the disk is full, permission is missing, `path` is a file, ...
 */
export async function replaceDirAtomic(
  path: string,
  fill: (folder: string) => Promise<void>,
  permit = always,
): Promise<void> {
  const { aside, old } = namesAside(path);
  try {
    await makeFolders(dirname(resolve(path)), permit);
    await mkdir(aside);
    await fill(aside);
    await syncFolder(aside);
    permit();
    const replaced = await moveAside(path, old);
    try {
      await rename(aside, path);
    } catch (error) {
      if (replaced) await rename(old, path);
      throw error;
    }
    await syncFolder(dirname(resolve(path)));
    if (replaced) await rm(old, { recursive: true, force: true });
  } catch (error) {
    await removeQuietly(aside);
    throw explainSystemError(error, "write the folder", path);
  }
}

/** Removes a folder and its contents so that a crash leaves no part of it under its name. @throws FileError */
export async function removeFolder(path: string, permit = always): Promise<void> {
  const { aside } = namesAside(path);
  try {
    permit();
    if (await moveAside(path, aside)) await rm(aside, { recursive: true, force: true });
  } catch (error) {
    throw explainSystemError(error, "remove the folder", path);
  }
}

/**
 * Cleans up what killed processes left in a folder: completes replacements that only lack their last rename, and
 * removes all other temporary files and folders. Nobody else may write there meanwhile.
 * @throws FileError, in one line; a missing folder counts as clean
 */
export async function repairFolder(folder: string): Promise<void> {
  try {
    for (const { target } of await leftovers(folder)) {
      const finished = await replacementOf(join(folder, target));
      if (finished !== undefined) await rename(finished, join(folder, target));
    }
    for (const { name } of await leftovers(folder))
      await rm(join(folder, name), { recursive: true, force: true });
  } catch (error) {
    throw explainSystemError(error, "clean the folder", folder);
  }
}

/**
 * Finds the content of a folder whose replacement a crash interrupted between its two renames: the new content, or the
 * old if there is no new; undefined if `path` exists or was never being replaced.
 */
export async function replacementOf(path: string): Promise<string | undefined> {
  const parent = dirname(resolve(path));
  if (await isFolder(path)) return undefined;
  const of = (await leftovers(parent)).filter(({ target }) => target === basename(resolve(path)));
  const old = of.find(({ kind }) => kind === "old");
  if (old === undefined) return undefined;
  const written = of.find(({ kind, id }) => kind === "tmp" && id === old.id);
  return join(parent, (written ?? old).name);
}

const LEFTOVER = /^\.(.+)\.([0-9a-f]{12})\.(tmp|old)$/;

/** Whether a name is that of a temporary file or folder, which `repairFolder` would rename or remove. */
export const isLeftover = (name: string): boolean => LEFTOVER.test(name);

/** Temporary files and folders, with the names they were meant for and the write they belong to. */
async function leftovers(
  folder: string,
): Promise<{ name: string; target: string; id: string; kind: string }[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  return names.flatMap((name) => {
    const [, target, id, kind] = LEFTOVER.exec(name) ?? [];
    return target !== undefined && id !== undefined && kind !== undefined ? [{ name, target, id, kind }] : [];
  });
}

/**
 * Creates a folder and missing parents. (Node's own recursive mkdir never returns when a file system refuses a new
 * folder with "does not exist".)
 * @throws FileError, in one line
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeFolders(resolve(path));
  } catch (error) {
    throw explainSystemError(error, "make the folder", path);
  }
}

async function makeFolders(path: string, permit = always): Promise<void> {
  const makeOne = () => {
    permit();
    return mkdir(path).catch(async (error: unknown) => {
      if (!(await isFolder(path))) throw error;
    });
  };
  const parent = dirname(path);
  try {
    await makeOne();
  } catch (error) {
    // The parent is a temporary folder that was removed meanwhile: it must not be created again.
    if (errorCode(error) !== "ENOENT" || parent === path || isLeftover(basename(parent))) throw error;
    await makeFolders(parent, permit);
    await makeOne();
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Renames the folder `path` to `old`; false if there is none. */
async function moveAside(path: string, old: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isDirectory()) {
      throw new FileError(
        path,
        "a file stands where a folder is to be written; remove it or choose another name",
      );
    }
    await rename(path, old);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

const sinkOf = (file: FileHandle): FileSink => ({
  write: (content) => writeAll(file, typeof content === "string" ? Buffer.from(content) : content),
});

/** Removes what a failed write left. An error here must not hide the first one. */
async function removeQuietly(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}

/** Temporary names in the same folder (a rename must not cross disks), hidden and unique. */
function namesAside(path: string): { aside: string; old: string } {
  const full = resolve(path);
  const base = join(dirname(full), `.${basename(full)}.${randomBytes(6).toString("hex")}`);
  return { aside: `${base}.tmp`, old: `${base}.old` };
}

/** Makes renames in a folder durable, where the system can (Windows cannot open folders). */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(folder, "r");
  } catch {
    return;
  }
  try {
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "EPERM", "EISDIR", "ENOTSUP"].includes(errorCode(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}
