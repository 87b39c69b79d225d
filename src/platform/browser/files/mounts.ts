// Files that a page was given, by dropping, a file input or a picker, as folders of the file system: read-only, gone when
// the page is.

import type { Readable, ReadableFile, ReadableFolder } from "./readable.ts";

/** The folder of all mounts. */
const MOUNTS = "mounted";

const mounts = new Map<string, Readable>();
let count = 0;

/** What is mounted at or above a path, and how many names lead to it. */
export function mountedAt(
  names: readonly string[],
): { readonly entry: Readable; readonly depth: number } | undefined {
  if (names[0] !== MOUNTS) return undefined;
  const entry = names[1] === undefined ? undefined : mounts.get(names[1]);
  return entry && { entry, depth: 2 };
}

/** What a page can be given. */
export type MountSource = Iterable<File> | FileSystemDirectoryHandle | DataTransfer;

/**
 * Gives files that the user dropped or chose a path, under which everything that takes paths reads them: `openImages`,
 * `DDPMPipeline.fromPretrained`, `unzipFolder`, `Trainer` runs to begin from. Nothing is copied; nothing can be written
 * there; the path is good until the page is closed or `unmountFiles` is called.
 * @param source the files of an `<input type="file">` (with `webkitdirectory` their folders stay) or any others; a folder
 *   of `showDirectoryPicker`; or a drop's `dataTransfer`, folders included, to be given before the event's handler awaits
 *   anything else
 * @returns the path of a folder with the files in it, or of the one file or folder if there is just one
 * @throws Error, in one line, if there are no files
 */
export async function mountFiles(source: MountSource): Promise<string> {
  const folder = await folderOf(source);
  const key = String(++count);
  mounts.set(key, folder);
  const path = `/${MOUNTS}/${key}`;
  const names: string[] = [];
  for await (const [name] of folder.entries()) names.push(name);
  if (names.length === 0) {
    mounts.delete(key);
    throw new Error("no files were given; drop or choose files, or a folder with some");
  }
  return names.length === 1 && !isHandle(source) ? `${path}/${names[0]}` : path;
}

/** Forgets what `mountFiles` gave a path to. */
export function unmountFiles(path: string): void {
  const [, mounted, key] = path.split("/");
  if (mounted === MOUNTS && key !== undefined) mounts.delete(key);
}

const isHandle = (source: MountSource): source is FileSystemDirectoryHandle =>
  "kind" in source && source.kind === "directory";

const isDrop = (source: MountSource): source is DataTransfer => "items" in source;

async function folderOf(source: MountSource): Promise<ReadableFolder> {
  if (isHandle(source)) return new PickedFolder(source);
  const tree = new Tree();
  if (isDrop(source)) {
    // All at once: a drop's items are gone after the first await.
    const entries = [...source.items].map((item) => item.webkitGetAsEntry());
    for (const entry of entries) if (entry) tree.set(entry.name, droppedEntry(entry));
    return tree;
  }
  for (const file of source)
    tree.put(file.webkitRelativePath || file.name, { kind: "file", getFile: async () => file });
  return tree;
}

/** Files by the names of their folders. */
class Tree implements ReadableFolder {
  readonly kind = "directory";
  readonly #entries = new Map<string, Readable>();

  async *entries() {
    yield* this.#entries;
  }

  async child(name: string): Promise<Readable | undefined> {
    return this.#entries.get(name);
  }

  set(name: string, entry: Readable): void {
    this.#entries.set(name, entry);
  }

  /** @param path relative, with slashes */
  put(path: string, file: ReadableFile): void {
    const names = path.split("/").filter((name) => name !== "");
    const last = names.pop() ?? path;
    let folder: Tree = this;
    for (const name of names) {
      const next = folder.#entries.get(name);
      const inner = next instanceof Tree ? next : new Tree();
      folder.#entries.set(name, inner);
      folder = inner;
    }
    folder.#entries.set(last, file);
  }
}

/** A folder of the user's disk. */
class PickedFolder implements ReadableFolder {
  readonly kind = "directory";
  readonly #handle: FileSystemDirectoryHandle;

  constructor(handle: FileSystemDirectoryHandle) {
    this.#handle = handle;
  }

  entries() {
    return this.#handle.entries();
  }

  async child(name: string): Promise<Readable | undefined> {
    const file = await this.#handle.getFileHandle(name).catch(ifMissing);
    if (file !== undefined) return file;
    const folder = await this.#handle.getDirectoryHandle(name).catch(ifMissing);
    return folder && new PickedFolder(folder);
  }
}

function ifMissing(error: unknown): undefined {
  if (error instanceof DOMException && ["NotFoundError", "TypeMismatchError"].includes(error.name))
    return undefined;
  throw error;
}

/** What was dropped; folders are read when they are asked for. */
function droppedEntry(entry: FileSystemEntry): Readable {
  if (isDroppedFile(entry)) {
    return { kind: "file", getFile: () => new Promise((resolve, reject) => entry.file(resolve, reject)) };
  }
  let children: Promise<ReadonlyMap<string, Readable>> | undefined;
  const read = () => (children ??= droppedChildren(entry));
  return {
    kind: "directory",
    async *entries() {
      yield* await read();
    },
    child: async (name) => (await read()).get(name),
  };
}

const isDroppedFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isDroppedFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;

async function droppedChildren(entry: FileSystemEntry): Promise<ReadonlyMap<string, Readable>> {
  const found = new Map<string, Readable>();
  if (!isDroppedFolder(entry)) return found;
  const reader = entry.createReader();
  // Browsers give some hundred at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return found;
    for (const child of some) found.set(child.name, droppedEntry(child));
  }
}
