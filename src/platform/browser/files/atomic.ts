// Files and folders that are written whole or not at all.
//
// A file is written under a temporary name and moved. Folders cannot be moved in every browser: a new one is filled under
// a temporary name, and its entries are then moved one by one. Marks in it say how far that is, so that whoever comes
// next completes it if the page is closed meanwhile; a lock makes them wait if it is not.

import { explainSystemError, FileError } from "../../errors.ts";
import type { FileSink, FileWriter, Permit } from "../../platform.ts";
import { namesOf, paths } from "../paths.ts";
import { move, namesIn, type Place } from "./move.ts";
import { createWritable, unshared } from "./open.ts";
import { named, systemError } from "./system_error.ts";
import { childOf, find, parentOf, storedFolder } from "./tree.ts";

const always: Permit = () => {};

/** In a temporary folder: it is whole, and what stands in its place is to be removed. */
const WHOLE = ".imago-whole";
/** Nothing stands in its place any more: its entries are to be moved there. */
const MOVING = ".imago-moving";

const LEFTOVER = /^\.(.+)\.[0-9a-f]{12}\.tmp$/;
export const isLeftover = (name: string): boolean => LEFTOVER.test(name);

/** A temporary name in the same folder, hidden and unique. */
function nameAside(name: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return `.${name}.${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}.tmp`;
}

export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | FileWriter,
  permit = always,
): Promise<void> {
  try {
    const { folder, name } = await parentToWrite(path, permit);
    if ((await childOf(folder, name))?.kind === "directory") throw systemError("EISDIR", "open", path);
    const aside = nameAside(name);
    try {
      const handle = await named("open", path, () => folder.getFileHandle(aside, { create: true }));
      const stream = await createWritable(handle, path);
      const write = (piece: string | Uint8Array): Promise<void> =>
        named("write", path, () => stream.write(typeof piece === "string" ? piece : unshared(piece)));
      const sink: FileSink = { write };
      try {
        await (typeof content === "function" ? content(sink) : write(content));
      } catch (error) {
        await stream.abort().catch(() => undefined);
        throw error;
      }
      await named("write", path, () => stream.close());
      permit();
      await named("rename", path, () => move({ folder, name: aside }, { folder, name }));
    } catch (error) {
      await folder.removeEntry(aside).catch(() => undefined);
      throw error;
    }
  } catch (error) {
    throw explainSystemError(error, "write the file", path);
  }
}

export async function replaceDirAtomic(
  path: string,
  fill: (folder: string) => Promise<void>,
  permit = always,
): Promise<void> {
  try {
    const { folder, name } = await parentToWrite(path, permit);
    if ((await childOf(folder, name))?.kind === "file") throw fileInPlace(path);
    const aside = nameAside(name);
    try {
      const filled = await named("mkdir", path, () => folder.getDirectoryHandle(aside, { create: true }));
      await fill(paths.join(paths.dirname(paths.resolve(path)), aside));
      permit();
      await mark(filled, WHOLE, path);
    } catch (error) {
      await folder.removeEntry(aside, { recursive: true }).catch(() => undefined);
      throw error;
    }
    await alone(path, () => complete(folder, aside, path));
  } catch (error) {
    throw explainSystemError(error, "write the folder", path);
  }
}

export async function removeFolder(path: string, permit = always): Promise<void> {
  try {
    permit();
    const found = await find(path);
    if (found === undefined) return;
    if (found.kind === "file") throw fileInPlace(path);
    const { folder, name } = await parentOf(path);
    const aside = nameAside(name);
    // From here on the folder is gone: what replaces it is empty, and is removed.
    const empty = await named("mkdir", path, () => folder.getDirectoryHandle(aside, { create: true }));
    await mark(empty, WHOLE, path);
    await alone(path, async () => {
      await complete(folder, aside, path);
      await named("rmdir", path, () => folder.removeEntry(name));
    });
  } catch (error) {
    throw explainSystemError(error, "remove the folder", path);
  }
}

export async function repairFolder(path: string): Promise<void> {
  try {
    if ((await find(path))?.kind !== "directory") return;
    const folder = await storedFolder(path);
    for (const { name, target } of await leftovers(folder)) {
      const place = paths.join(path, target);
      await alone(place, () => settle(folder, name, place));
    }
  } catch (error) {
    throw explainSystemError(error, "clean the folder", path);
  }
}

/** What was begun is completed here, so nothing is ever found under another name. */
export async function replacementOf(path: string): Promise<string | undefined> {
  const names = namesOf(path);
  const target = names.pop();
  const parent = `/${names.join("/")}`;
  if (target === undefined || (await find(parent))?.kind !== "directory") return undefined;
  const folder = await storedFolder(parent).catch(() => undefined);
  if (folder === undefined) return undefined;
  const begun = (await leftovers(folder)).filter((leftover) => leftover.target === target);
  for (const { name } of begun) {
    await alone(path, async () => {
      const aside = await childOf(folder, name);
      if (aside?.kind === "directory" && (await isWhole(aside))) await complete(folder, name, path);
    });
  }
  return undefined;
}

/** Completes what is whole, and removes what is not. */
async function settle(folder: FileSystemDirectoryHandle, name: string, place: string): Promise<void> {
  const aside = await childOf(folder, name);
  if (aside === undefined) return;
  if (aside.kind === "directory" && (await isWhole(aside))) return complete(folder, name, place);
  await named("rm", place, () => folder.removeEntry(name, { recursive: true }));
}

/** Puts a folder that is whole into its place, from wherever an earlier attempt ended. */
async function complete(folder: FileSystemDirectoryHandle, asideName: string, path: string): Promise<void> {
  const target = namesOf(path).at(-1) ?? "";
  await named("rename", path, async () => {
    const aside = await folder.getDirectoryHandle(asideName);
    if ((await childOf(aside, MOVING)) === undefined) {
      if ((await childOf(folder, target)) !== undefined)
        await folder.removeEntry(target, { recursive: true });
      await mark(aside, MOVING, path);
    }
    const place = await folder.getDirectoryHandle(target, { create: true });
    for (const name of await namesIn(aside)) {
      if (name !== WHOLE && name !== MOVING) await move({ folder: aside, name }, { folder: place, name });
    }
    await folder.removeEntry(asideName, { recursive: true });
  });
}

const isWhole = async (aside: FileSystemDirectoryHandle): Promise<boolean> =>
  (await childOf(aside, WHOLE)) !== undefined;

async function mark(folder: FileSystemDirectoryHandle, name: string, path: string): Promise<void> {
  await named("write", path, () => folder.getFileHandle(name, { create: true }));
}

/** Temporary files and folders, with the names that they are for. */
async function leftovers(
  folder: FileSystemDirectoryHandle,
): Promise<{ readonly name: string; readonly target: string }[]> {
  return (await namesIn(folder)).flatMap((name) => {
    const [, target] = LEFTOVER.exec(name) ?? [];
    return target === undefined ? [] : [{ name, target }];
  });
}

/** Does work in the place of a folder while no other page does. */
async function alone(path: string, work: () => Promise<void>): Promise<void> {
  await navigator.locks.request(`imago:place:${paths.resolve(path)}`, work);
}

/** The folder that something is to be made in, made as well. */
async function parentToWrite(path: string, permit: Permit): Promise<Place> {
  permit();
  return parentOf(path, true);
}

const fileInPlace = (path: string): FileError =>
  new FileError(path, "a file stands where a folder is to be written; remove it or choose another name");
