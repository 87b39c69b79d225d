// Whether a folder's disk has room for what will be written.
import { files } from "#platform";

/** Bytes needed and free, in words: "12 MB". */
export interface Shortage {
  readonly needed: string;
  readonly free: string;
}

/** Undefined if `needed` bytes may be written on the disk of `folder`, which need not exist yet. */
export async function shortageOf(folder: string, needed: number): Promise<Shortage | undefined> {
  const free = await files.freeBytes(folder);
  return free >= needed ? undefined : { needed: megabytes(needed), free: megabytes(free) };
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
