// Files of the user, and of addresses, as paths that everything reads.

import { mountFiles, type PlacedFile, unmountFiles } from "imago/browser";
import type { Placed } from "../messages.ts";

/**
 * Gives `use` the path of files, which is theirs as long as it takes.
 * @throws Error, in one line, for an address at which there is none
 */
export async function withMounted<T>(
  placed: readonly Placed[],
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = await mountFiles(await Promise.all(placed.map(here)));
  try {
    return await use(path);
  } finally {
    unmountFiles(path);
  }
}

async function here({ path, file }: Placed): Promise<PlacedFile> {
  if (file instanceof File) return { path, file };
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${path} is no longer there; choose another model`);
  return { path, file: new File([await response.blob()], path.split("/").at(-1) ?? path) };
}
