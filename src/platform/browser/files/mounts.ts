// Gives files of the user a path, under which everything reads them as it reads a page's own.

import { paths } from "../paths.ts";
import { addMount, isMounted, removeMount } from "./mount_table.ts";
import { type FolderNode, fileNode, folderNode, memoryFolder, type Node } from "./nodes.ts";
import { refusalOf } from "./refusals.ts";

/**
 * What a page has from its user: the files of an input element (`input.files`, folders with `webkitdirectory`), what was
 * dropped (`event.dataTransfer`), a folder or file that was picked (`showDirectoryPicker()`), or any other `File`s, also
 * with paths that are given with them.
 */
export type MountSource =
  | Iterable<File | PlacedFile>
  | DataTransfer
  | FileSystemDirectoryHandle
  | FileSystemFileHandle;

/** A file with the path that it shall have, "folder/name", such as one that a page has sent to its worker. */
export interface PlacedFile {
  /** With "/" between folders. */
  readonly path: string;
  /** Its content. */
  readonly file: File;
}

/** More files are not taken. */
const MAX_FILES = 1_000_000;
/** Nor deeper folders. */
const MAX_DEPTH = 64;

/**
 * Gives files of the user a path in this page or worker, until it ends or `unmountFiles` forgets them. They are not
 * copied, and can only be read: `openImages(path)`, `DDPMPipeline.fromPretrained(path)` and all else take the path as
 * that of files or folders of their own. Files keep the folders of their `webkitRelativePath`; dropped folders are
 * walked at once, picked ones when they are read. Another worker needs a mount of its own.
 *
 * What was dropped must be mounted before the event's handler waits for anything: browsers forget it after that.
 * @returns the path of the one file or folder, otherwise of a folder with all of them, such as "/mounted/1/photos"
 * @throws Error, in one line, if there are no files, too many of them, or two with the same path
 */
export async function mountFiles(files: MountSource): Promise<string> {
  const top = new Branch();
  if (isDropped(files)) await addDropped(top, files);
  else if ("kind" in files) top.add([files.name === "" ? "files" : files.name], handleNode(files));
  else
    for (const given of files) {
      const { path, file } = placed(given);
      top.add(path.split("/"), ofFile(file));
    }
  const [first, ...others] = top.children.keys();
  if (first === undefined) throw new Error("no files to mount were given; drop or pick files or folders");
  const path = addMount(top.node);
  return others.length === 0 ? `${path}/${first}` : path;
}

/** Forgets files that were mounted; does nothing if there are none. @param path what `mountFiles` returned */
export function unmountFiles(path: string): void {
  const parts = paths.resolve(path).slice(1).split("/");
  if (isMounted(parts)) removeMount(parts[1] ?? "");
}

/** A folder in memory that is being filled. */
class Branch {
  readonly children = new Map<string, Node>();
  readonly node: FolderNode = memoryFolder(this.children);
  readonly #branches = new Map<string, Branch>();

  add(path: readonly string[], node: Node): void {
    const [name = "", ...rest] = path;
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name) || rest.length > MAX_DEPTH)
      throw new Error(`${JSON.stringify(path.join("/"))} is no path of a file; give it another name`);
    const inner = this.#branches.get(name);
    if (rest.length === 0 || (inner === undefined && this.children.has(name))) {
      if (this.children.has(name))
        throw new Error(
          `two of the files are named ${JSON.stringify(path.join("/"))}; mount them one by one`,
        );
      this.children.set(name, node);
    } else (inner ?? this.#branch(name)).add(rest, node);
  }

  #branch(name: string): Branch {
    const branch = new Branch();
    this.#branches.set(name, branch);
    this.children.set(name, branch.node);
    return branch;
  }
}

/** Workers have no such thing. */
const isDropped = (files: MountSource): files is DataTransfer =>
  typeof DataTransfer !== "undefined" && files instanceof DataTransfer;

const placed = (file: File | PlacedFile): PlacedFile =>
  file instanceof File ? { path: file.webkitRelativePath || file.name, file } : file;

const ofFile = (file: File): Node => ({ kind: "file", getFile: async () => file });

const handleNode = (handle: FileSystemDirectoryHandle | FileSystemFileHandle): Node =>
  handle.kind === "directory" ? folderNode(handle, handle.name) : fileNode(handle, handle.name);

async function addDropped(top: Branch, { items, files }: DataTransfer): Promise<void> {
  // All of it is asked for before the first wait.
  const entries: FileSystemEntry[] = [];
  const others: File[] = [];
  for (const item of items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry();
    const file = entry === null ? item.getAsFile() : null;
    if (entry !== null) entries.push(entry);
    if (file !== null) others.push(file);
  }
  if (items.length === 0) others.push(...files);
  for (const file of others) top.add([file.name], ofFile(file));
  const count = { files: others.length };
  for (const entry of entries) await addEntry(top, entry, [], count);
}

const isFileEntry = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isFolderEntry = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;

async function addEntry(
  top: Branch,
  entry: FileSystemEntry,
  inside: readonly string[],
  count: { files: number },
): Promise<void> {
  const path = [...inside, entry.name];
  if (isFileEntry(entry)) {
    if (++count.files > MAX_FILES)
      throw new Error(`more than ${MAX_FILES} files were dropped; pick the folder`);
    top.add(path, { kind: "file", getFile: () => fileOf(entry, path.join("/")) });
  } else if (isFolderEntry(entry)) {
    if (path.length > MAX_DEPTH) throw new Error(`${path[0]}: its folders are more than ${MAX_DEPTH} deep`);
    for (const inner of await entriesIn(entry)) await addEntry(top, inner, path, count);
  }
}

const fileOf = (entry: FileSystemFileEntry, path: string): Promise<File> =>
  new Promise((resolve, reject) => {
    entry.file(resolve, (error) => reject(refusalOf(error, path, "file")));
  });

async function entriesIn(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    // A few at a time, until there are none.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, (error) => reject(refusalOf(error, folder.fullPath, "folder")));
    });
    if (some.length === 0) return found;
    found.push(...some);
  }
}
