// Folders that are replaced, removed and renamed whole. The private file system renames files only, so the files of a
// folder are moved one by one. Before the first of them, a word is put beside the folder: what is to take its place is
// complete. A page that is closed in the middle leaves the word, and whoever finds it does the rest.
//
// A folder's own files leave first and come last, so a folder in the middle of it seems to lack them.

import * as v from "valibot";
import { explainSystemError, FileError, isMissing } from "../../errors.ts";
import type { Permit } from "../../platform.ts";
import { paths } from "../paths.ts";
import { isLeftover, namesAside, targetOfWord } from "./leftovers.ts";
import { readText } from "./reading.ts";
import { missing, notFolder, refusal, refusalOf } from "./refusals.ts";
import { find, folderAt, folderIn, writableFolder, writableParts, writablePlace } from "./tree.ts";
import { makeFolders, moveFile, removeAll, renameFile, writeFileAtomic } from "./writing.ts";

const always: Permit = () => {};

const wordSchema = v.strictObject({
  /** The folder that takes the place; absent if the place is to be empty. */
  from: v.exactOptional(v.string()),
  /** Whether what stood there is gone. */
  isCleared: v.boolean(),
});
type Word = v.InferOutput<typeof wordSchema>;

/**
 * Creates or replaces a whole folder, which `fill` writes beside it. If `fill` fails, `path` stays as it was.
 * @throws FileError, in one line
 */
export async function replaceDirAtomic(
  path: string,
  fill: (folder: string) => Promise<void>,
  permit = always,
): Promise<void> {
  const place = paths.resolve(path);
  const names = namesAside(paths.basename(place));
  const aside = paths.join(paths.dirname(place), names.aside);
  try {
    writableParts(place);
    await makeFolders(paths.dirname(place), permit);
    let isDecided = false;
    try {
      await makeFolders(aside);
      await fill(aside);
      await alone([place], async () => {
        await settle(place);
        await checkFolder(place);
        permit();
        isDecided = true;
        await decide(place, names.word, { from: aside, isCleared: false });
      });
    } catch (error) {
      if (!isDecided) await removeAll(aside).catch(() => {});
      throw error;
    }
  } catch (error) {
    throw explainSystemError(refusalOf(error, path, "folder"), "write the folder", path);
  }
}

/** Removes a folder so that a closed page leaves no part of it for long. @throws FileError */
export async function removeFolder(path: string, permit = always): Promise<void> {
  const place = paths.resolve(path);
  try {
    writableParts(place);
    permit();
    await alone([place], async () => {
      await settle(place);
      if (await checkFolder(place))
        await decide(place, namesAside(paths.basename(place)).word, { isCleared: false });
    });
  } catch (error) {
    throw explainSystemError(refusalOf(error, path, "folder"), "remove the folder", path);
  }
}

/** Renames a file or a folder; a file, or an empty folder, with the new name is replaced. */
export async function rename(from: string, to: string): Promise<void> {
  const [source, place] = [paths.resolve(from), paths.resolve(to)];
  writableParts(source);
  writableParts(place);
  if (source === place) return void (await lookUpAny(source));
  if ((await lookUpAny(source)).kind === "file") return renameFile(source, place);
  if (place.startsWith(`${source}/`)) throw refusal("EINVAL", "a folder cannot go into itself", to);
  await alone([source, place], async () => {
    for (const one of [source, place]) await settle(one);
    // Somebody else may have been faster.
    await folderAt(source);
    const there = await find(place);
    if (there?.kind === "file") throw notFolder(to);
    if (there !== undefined && (await namesIn(place)).length > 0)
      throw refusal("ENOTEMPTY", "the folder is not empty", to);
    await writablePlace(place);
    await decide(place, namesAside(paths.basename(place)).word, { from: source, isCleared: true });
  }).catch((error: unknown) => {
    throw refusalOf(error, to, "folder");
  });
}

/**
 * Does the rest of what closed pages left undone in a folder, and removes what they left half written. Nobody else may
 * write there meanwhile.
 * @throws FileError, in one line; a missing folder counts as clean
 */
export async function repairFolder(folder: string): Promise<void> {
  try {
    for (const name of await namesIn(folder)) {
      const target = targetOfWord(name);
      if (target === undefined) continue;
      const place = paths.join(paths.resolve(folder), target);
      await alone([place], () => settle(place));
    }
    for (const name of (await namesIn(folder)).filter(isLeftover)) await removeAll(paths.join(folder, name));
  } catch (error) {
    throw explainSystemError(error, "clean the folder", folder);
  }
}

/** Does the rest of a replacement that a closed page left undone. @returns the path then; undefined if there was none */
export async function replacementOf(path: string): Promise<string | undefined> {
  const place = paths.resolve(path);
  if ((await wordsFor(place)).length === 0) return undefined;
  await alone([place], () => settle(place));
  return (await find(place))?.kind === "folder" ? path : undefined;
}

/** One page or worker at a time works at a place. */
async function alone<T>(places: readonly string[], work: () => Promise<T>): Promise<T> {
  const [first, ...others] = [...new Set(places)].sort();
  if (first === undefined) return work();
  return navigator.locks.request(`imago: replace ${first}`, () => alone(others, work));
}

/** Does the rest of what was decided for a place. Called alone there. */
async function settle(place: string): Promise<void> {
  for (const name of await wordsFor(place)) await carryOut(place, name);
}

/** Puts a word beside a place and does what it says. */
async function decide(place: string, name: string, word: Word): Promise<void> {
  await writeFileAtomic(paths.join(paths.dirname(place), name), JSON.stringify(word));
  await carryOut(place, name);
}

async function carryOut(place: string, name: string): Promise<void> {
  const path = paths.join(paths.dirname(place), name);
  const word = await readWord(path);
  if (word !== undefined) {
    if (!word.isCleared) {
      await clear(place);
      if (word.from !== undefined) await writeFileAtomic(path, JSON.stringify({ ...word, isCleared: true }));
    }
    if (word.from !== undefined) await moveFolder(word.from, place);
  }
  await removeAll(path);
}

/** Undefined for what is no word: nothing was done yet. */
async function readWord(path: string): Promise<Word | undefined> {
  const text = await readText(path);
  try {
    const word = v.safeParse(wordSchema, JSON.parse(text));
    return word.success ? word.output : undefined;
  } catch {
    return undefined;
  }
}

/** Removes a folder, its own files first. */
async function clear(place: string): Promise<void> {
  const folder = await writableFolder(place).catch(unlessMissing);
  if (folder === undefined) return;
  for (const { name } of (await handlesIn(folder)).files) await folder.removeEntry(name);
  await removeAll(place);
}

/** Moves what is left of a folder to a place. */
async function moveFolder(from: string, place: string): Promise<void> {
  const source = await writableFolder(from).catch(unlessMissing);
  // All of it was moved before.
  if (source === undefined) return;
  const target = await writablePlace(place);
  await moveContents(source, await folderIn(target.folder, target.name, place));
  await removeAll(from);
}

async function moveContents(from: FileSystemDirectoryHandle, to: FileSystemDirectoryHandle): Promise<void> {
  const { folders, files } = await handlesIn(from);
  for (const folder of folders)
    await moveContents(folder, await to.getDirectoryHandle(folder.name, { create: true }));
  for (const file of files) await moveFile(file, from, { folder: to, name: file.name });
}

interface Handles {
  readonly folders: readonly FileSystemDirectoryHandle[];
  readonly files: readonly FileSystemFileHandle[];
}

async function handlesIn(folder: FileSystemDirectoryHandle): Promise<Handles> {
  const folders: FileSystemDirectoryHandle[] = [];
  const files: FileSystemFileHandle[] = [];
  for await (const handle of folder.values()) {
    if (handle instanceof FileSystemDirectoryHandle) folders.push(handle);
    if (handle instanceof FileSystemFileHandle) files.push(handle);
  }
  return { folders, files };
}

/** Names of the words beside a place. */
const wordsFor = async (place: string): Promise<string[]> =>
  (await namesIn(paths.dirname(place))).filter((name) => targetOfWord(name) === paths.basename(place));

/** None in a folder that is missing. */
async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  const node = await folderAt(folder).catch(unlessMissing);
  if (node !== undefined) for await (const { name } of node.children()) names.push(name);
  return names;
}

function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

/** Whether there is a folder. @throws FileError if it is a file */
async function checkFolder(path: string): Promise<boolean> {
  const there = await find(path);
  if (there?.kind === "file")
    throw new FileError(
      path,
      "a file stands where a folder is to be written; remove it or choose another name",
    );
  return there !== undefined;
}

async function lookUpAny(path: string): Promise<{ readonly kind: "file" | "folder" }> {
  const node = await find(path);
  if (node === undefined) throw missing(path);
  return node;
}
