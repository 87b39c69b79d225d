// A folder as a zip archive: what leaves a browser as one download, and comes back.

import { makeZip } from "client-zip";
import { files, paths } from "#platform";
import { explainSystemError, FileError } from "../platform/errors.ts";
import { openFile } from "./open_file.ts";

const { basename, inside, join } = paths;

/**
 * A folder's files as a zip archive, under the folder's own name; nothing is compressed, since weights hardly are. A
 * run may go on meanwhile: files are whole in it, as they are in its folder.
 * @returns the archive's bytes, made as they are read: `new Response(zip).blob()` collects them
 * @throws FileError, in one line, if the folder cannot be listed; the stream fails where a file cannot be read
 */
export async function zipFolder(folder: string): Promise<ReadableStream<Uint8Array>> {
  const found = await walk(folder).catch((error: unknown) => {
    throw explainSystemError(error, "read the folder", folder);
  });
  if (found.length === 0) throw new FileError(folder, "there are no files in it");
  const root = basename(folder);
  async function* entries() {
    // Sizes are not told before: metrics may grow meanwhile.
    for (const { path, mtimeMs } of found) {
      const name = `${root}/${inside(folder, path)}`;
      yield { name, lastModified: new Date(mtimeMs), input: contentOf(path) };
    }
  }
  return makeZip(entries());
}

interface Found {
  readonly path: string;
  readonly mtimeMs: number;
}

/** Files of a folder and its folders, by name. Leftovers of a crash, and locks of runs, are nobody's content. */
async function walk(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const { name, kind } of (await files.entries(folder)).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, name);
    if (name.startsWith(".") || files.isLeftover(name)) continue;
    if (kind === "folder") found.push(...(await walk(path)));
    else found.push({ path, mtimeMs: (await files.stat(path)).mtimeMs });
  }
  return found;
}

async function* contentOf(path: string): AsyncGenerator<Uint8Array, void, void> {
  const file = await openFile(path);
  try {
    yield* file.pieces();
  } finally {
    await file.close();
  }
}
