// Which files of the user stand under which paths, in this page or worker.

import { type FolderNode, memoryFolder, type Node } from "./nodes.ts";

/** The folder of all mounts; nothing can be written into it. */
const MOUNTED = "mounted";

const mounts = new Map<string, Node>();
let count = 0;

/** All mounts, as a folder. */
export const mountedRoot: FolderNode = memoryFolder(mounts);

/** @param parts of an absolute path */
export const isMounted = (parts: readonly string[]): boolean => parts[0] === MOUNTED;

/** Gives something a path: the same for the same order of mounts, so that what was made of it is found again. */
export function addMount(node: Node): string {
  const name = String(++count);
  mounts.set(name, node);
  return `/${MOUNTED}/${name}`;
}

/** @param name of the mount. */
export const removeMount = (name: string): void => void mounts.delete(name);
