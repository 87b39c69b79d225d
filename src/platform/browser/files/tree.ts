// From paths to files and folders: of the origin's private file system, or mounted.

import { paths } from "../paths.ts";
import { isMounted, mountedRoot } from "./mount_table.ts";
import { type FileNode, type FolderNode, folderNode, type Node } from "./nodes.ts";
import { isFolder, isNamed, missing, notFolder, refusal, refusalOf } from "./refusals.ts";

/** Where a file or folder of the private file system is. */
export interface Place {
  readonly folder: FileSystemDirectoryHandle;
  /** Of the entry in the folder. */
  readonly name: string;
}

const partsOf = (path: string): string[] =>
  paths
    .resolve(path)
    .split("/")
    .filter((part) => part !== "");

/** What a path leads to, for reading. @throws PlatformError (ENOENT, ENOTDIR, ...) */
export async function lookUp(path: string, likely: "file" | "folder" = "file"): Promise<Node> {
  const [first = "", ...rest] = partsOf(path);
  const isMount = isMounted([first]);
  let node: Node = isMount ? mountedRoot : folderNode(await privateRoot(path), "");
  const names = isMount || first === "" ? rest : [first, ...rest];
  for (const [i, name] of names.entries()) {
    if (node.kind === "file") throw notFolder(path);
    const next: Node | undefined = await node.child(name, i < names.length - 1 ? "folder" : likely);
    if (next === undefined) throw missing(path);
    node = next;
  }
  return node;
}

/** Undefined if there is nothing. @throws PlatformError when that cannot be seen */
export const find = (path: string): Promise<Node | undefined> =>
  lookUp(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw error;
  });

export async function fileAt(path: string): Promise<FileNode> {
  const node = await lookUp(path, "file");
  if (node.kind === "folder") throw isFolder(path);
  return node;
}

export async function folderAt(path: string): Promise<FolderNode> {
  const node = await lookUp(path, "folder");
  if (node.kind === "file") throw notFolder(path);
  return node;
}

/** A folder of the private file system, to write into. @throws PlatformError, also for mounted folders */
export async function writableFolder(path: string): Promise<FileSystemDirectoryHandle> {
  const parts = writableParts(path);
  let folder = await privateRoot(path);
  for (const name of parts) {
    folder = await folder.getDirectoryHandle(name).catch((error: unknown) => {
      throw refusalOfName(error, path, "folder");
    });
  }
  return folder;
}

/** Where an entry of the private file system is or will be. @throws PlatformError when its folder is missing */
export async function writablePlace(path: string): Promise<Place> {
  const name = writableParts(path).at(-1);
  if (name === undefined) throw refusal("EPERM", "this is the root of all files", path);
  return { folder: await writableFolder(paths.dirname(paths.resolve(path))), name };
}

/** An existing file of the private file system. @throws PlatformError */
export async function writableFile(path: string): Promise<FileSystemFileHandle> {
  const { folder, name } = await writablePlace(path);
  return fileIn(folder, name, path, false);
}

/** A file in a folder. @param path the file's, for errors */
export const fileIn = (
  folder: FileSystemDirectoryHandle,
  name: string,
  path: string,
  create: boolean,
): Promise<FileSystemFileHandle> =>
  folder.getFileHandle(name, { create }).catch((error: unknown) => {
    throw refusalOfName(error, path, "file");
  });

/** A folder in a folder, which is made if it is missing. @param path the inner folder's, for errors */
export const folderIn = (
  folder: FileSystemDirectoryHandle,
  name: string,
  path: string,
): Promise<FileSystemDirectoryHandle> =>
  folder.getDirectoryHandle(name, { create: true }).catch((error: unknown) => {
    throw refusalOfName(error, path, "folder");
  });

/** The names that a path of the private file system goes through. @throws PlatformError for mounted files */
export function writableParts(path: string): string[] {
  const parts = partsOf(path);
  if (isMounted(parts)) throw refusal("EROFS", "dropped and picked files are only read", path);
  return parts;
}

/** The root of the private file system. @param path what it is needed for */
export async function privateRoot(path: string): Promise<FileSystemDirectoryHandle> {
  if (typeof navigator.storage?.getDirectory !== "function")
    throw refusal("ENOSYS", "there is no private file system", path);
  try {
    return await navigator.storage.getDirectory();
  } catch (error) {
    throw refusal("ENOSYS", "the private file system does not open", path, error);
  }
}

/** A TypeError is the browser's answer to names that it does not permit. */
function refusalOfName(error: unknown, path: string, wanted: "file" | "folder"): unknown {
  return isNamed(error, "TypeError")
    ? refusal("EINVAL", "no permitted name", path, error)
    : refusalOf(error, path, wanted);
}
