// What paths lead to, for reading: files and folders of the private file system, of the user's disk, or in memory.

import { isNamed, refusalOf } from "./refusals.ts";

export interface FileNode {
  readonly kind: "file";
  /** The file as it is now. */
  getFile(): Promise<File>;
}

export interface FolderNode {
  readonly kind: "folder";
  /** @param likely what it probably is. @returns undefined if there is none */
  child(name: string, likely: "file" | "folder"): Promise<Node | undefined>;
  children(): AsyncIterable<{ readonly name: string; readonly kind: "file" | "folder" }>;
}

export type Node = FileNode | FolderNode;

/** @param path of the file, for errors */
export const fileNode = (handle: FileSystemFileHandle, path: string): FileNode => ({
  kind: "file",
  getFile: () =>
    handle.getFile().catch((error: unknown) => {
      throw refusalOf(error, path, "file");
    }),
});

/** @param path of the folder, for errors */
export function folderNode(handle: FileSystemDirectoryHandle, path: string): FolderNode {
  const open = async (name: string, kind: "file" | "folder"): Promise<Node> => {
    const own = `${path}/${name}`;
    return kind === "file"
      ? fileNode(await handle.getFileHandle(name), own)
      : folderNode(await handle.getDirectoryHandle(name), own);
  };
  return {
    kind: "folder",
    async child(name, likely) {
      try {
        return await open(name, likely).catch((error: unknown) => {
          if (!isNamed(error, "TypeMismatchError")) throw error;
          return open(name, likely === "file" ? "folder" : "file");
        });
      } catch (error) {
        // A name that the browser does not permit is that of no file.
        if (isNamed(error, "NotFoundError") || error instanceof TypeError) return undefined;
        throw refusalOf(error, `${path}/${name}`, likely);
      }
    },
    async *children() {
      try {
        for await (const { name, kind } of handle.values())
          yield { name, kind: kind === "file" ? "file" : "folder" };
      } catch (error) {
        throw refusalOf(error, path, "folder");
      }
    },
  };
}

/** A folder in memory. */
export const memoryFolder = (children: ReadonlyMap<string, Node>): FolderNode => ({
  kind: "folder",
  child: async (name) => children.get(name),
  async *children() {
    for (const [name, { kind }] of children) yield { name, kind };
  },
});
