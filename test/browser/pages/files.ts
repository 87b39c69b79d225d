// A page that uses the browser's file system.

import { mountFiles, unmountFiles } from "../../../src/platform/browser/files/mounts.ts";
import { files } from "../../../src/platform/browser/files.ts";
import { paths } from "../../../src/platform/browser/paths.ts";
import { processes } from "../../../src/platform/browser/processes.ts";
import type { FolderLock } from "../../../src/platform/platform.ts";

/** What a call gives, or "CODE: message" of its error. */
async function outcome<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? `${String(error.code)}: ` : "";
    return `${code}${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Paths of all files below a folder, with their text. */
export async function tree(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, kind } of await files.entries(folder)) {
    const path = paths.join(folder, name);
    if (kind === "file") found[path] = await files.readText(path);
    else Object.assign(found, { [`${path}/`]: "" }, await tree(path));
  }
  return Object.fromEntries(Object.entries(found).toSorted());
}

export const write = (path: string, text: string) => outcome(() => files.writeFileAtomic(path, text));
export const read = (path: string) => outcome(() => files.readText(path));
export const exists = (path: string) => files.exists(path);
export const makeFolder = (path: string) => outcome(() => files.makeFolder(path));
export const rename = (from: string, to: string) => outcome(() => files.rename(from, to));
export const removeAll = (path: string) => outcome(() => files.removeAll(path));
export const removeFolder = (path: string) => outcome(() => files.removeFolder(path));
export const repairFolder = (path: string) => outcome(() => files.repairFolder(path));
export const replacementOf = (path: string) => outcome(() => files.replacementOf(path));
export const list = (path: string) => outcome(() => files.list(path));
export const stat = (path: string) => outcome(async () => ({ ...(await files.stat(path)), mtimeMs: 0 }));
export const freeBytes = () => files.freeBytes("/");

/** Writes half of a file, then fails. */
export const failingWrite = (path: string, message: string) =>
  outcome(() =>
    files.writeFileAtomic(path, async (file) => {
      await file.write("half of the n");
      throw new RangeError(message);
    }),
  );

export const replace = (path: string, content: Record<string, string>, failure?: string) =>
  outcome(() =>
    files.replaceDirAtomic(path, async (aside) => {
      for (const [name, text] of Object.entries(content)) {
        await files.writeFileAtomic(paths.join(aside, name), text);
      }
      if (failure !== undefined) throw new RangeError(failure);
    }),
  );

/**
 * Replaces a folder on a page that is gone after so many moves or removals.
 * @returns whether there were fewer
 */
export async function replaceCutOff(
  path: string,
  content: Record<string, string>,
  after: number,
): Promise<boolean> {
  const { prototype } = FileSystemFileHandle;
  const folders = FileSystemDirectoryHandle.prototype;
  const move = Reflect.get(prototype, "move");
  const removeEntry = folders.removeEntry;
  let left = after;
  const counted = (real: (...args: never[]) => unknown) =>
    async function (this: unknown, ...args: never[]) {
      if (left-- <= 0) throw new Error("cut off");
      return Reflect.apply(real, this, args);
    };
  // Only what follows the writing of the new folder is counted.
  const result = await outcome(() =>
    files.replaceDirAtomic(path, async (aside) => {
      for (const [name, text] of Object.entries(content)) {
        await files.writeFileAtomic(paths.join(aside, name), text);
      }
      Reflect.set(prototype, "move", counted(move));
      folders.removeEntry = counted(removeEntry);
    }),
  );
  Reflect.set(prototype, "move", move);
  folders.removeEntry = removeEntry;
  return result === undefined;
}

/** Appends in several pieces, reading in between. */
export const append = (path: string, pieces: string[]) =>
  outcome(async () => {
    const file = await files.openToAppend(path, true);
    const sizes: number[] = [];
    for (const piece of pieces) {
      await file.write(piece);
      sizes.push(await file.size());
    }
    await file.sync();
    const text = new TextDecoder().decode(await file.readAll());
    await file.truncate(3);
    await file.write("!");
    await file.close();
    return { sizes, text, after: await files.readText(path) };
  });

/** Writes like a metrics log; what is in the file at once, after `sync` and after `close`. */
export const syncFile = (path: string) =>
  outcome(async () => {
    await files.writeFileAtomic(path, "one\n");
    const file = await files.openSync(path, "r+");
    file.write(new TextEncoder().encode("two\n"), 4);
    const back = new Uint8Array(8);
    const count = file.read(back, 0);
    const before = await files.readText(path);
    await file.sync();
    const synced = await files.readText(path);
    file.write(new TextEncoder().encode("2"), 4);
    file.truncate(5);
    await file.close();
    return {
      count,
      memory: new TextDecoder().decode(back),
      before,
      synced,
      closed: await files.readText(path),
    };
  });

export const writesBehind = (path: string) =>
  outcome(async () => {
    await files.writeFileAtomic(path, "");
    const file = await files.openSync(path, "r+");
    for (let i = 0; i < 3; i++) file.write(new TextEncoder().encode(`${i}`), i);
    for (let tries = 0; tries < 100; tries++) {
      if ((await files.readText(path)) === "012") return tries > 0;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return "never";
  });

export async function lines(path: string, text: string): Promise<string[]> {
  await files.writeFileAtomic(path, text);
  const found: string[] = [];
  for await (const line of files.lines(path)) found.push(line);
  return found;
}

const locks = new Map<string, FolderLock>();
/** undefined when it is taken, or who holds it. */
export async function lock(folder: string, patience: number): Promise<unknown> {
  const own = files.lockOf(folder, ".lock", { patience });
  const held = await own.acquire();
  if (held === undefined) locks.set(folder, own);
  return held;
}
export const unlock = (folder: string) => locks.get(folder)?.release();
export const loss = (folder: string) => locks.get(folder)?.loss();

export const mark = () => processes.mark();
export const stateOf = (text: string) => processes.stateOf(text);

/** Mounts files as a file input gives them, and reads them by their paths. */
export async function mount(given: { name: string; text: string; path?: string }[]): Promise<{
  path: string;
  tree: Record<string, string>;
  write: string | undefined;
  gone: boolean;
}> {
  const made = given.map(({ name, text, path = "" }) => {
    const file = new File([text], name);
    Object.defineProperty(file, "webkitRelativePath", { value: path });
    return file;
  });
  const path = await mountFiles(made);
  const isFile = (await files.stat(path)).isFile;
  const found = isFile ? { [path]: await files.readText(path) } : await tree(path);
  const refusal = await outcome(() => files.writeFileAtomic(`${path}/x`, ""));
  unmountFiles(path);
  return {
    path,
    tree: found,
    write: refusal === undefined ? undefined : refusal,
    gone: !(await files.exists(path)),
  };
}

export const pathCases = (cases: { name: keyof typeof paths; args: string[] }[]) =>
  cases.map(({ name, args }): unknown => Reflect.apply(paths[name], paths, args));
