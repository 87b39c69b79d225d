// A zip archive as a folder: the other way of zip_folder.ts, and for archives that other programs made of such folders.

import { files, paths } from "#platform";
import { explainSystemError, FileError } from "../platform/errors.ts";
import { quoted } from "./printable.ts";
import { openZip, type ZipArchive, type ZipEntry } from "./zip.ts";

const { dirname, join, resolve } = paths;

/** Weights and their moments are large, and are not compressed. */
const MAX_FILE_BYTES = 64 * 2 ** 30;

/**
 * Unpacks a run's or a pipeline's folder. Where all of the archive lies in one folder, that folder's content is taken.
 * The new folder is there with all its files, or not at all.
 * @param zip the archive's path
 * @param folder must not exist, or be empty
 * @throws FileError, in one line, for what is no archive, damaged, or looks like an attack, and when the disk is full; the
 *   signal's reason
 */
export async function unzipFolder(
  zip: string,
  folder: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const target = resolve(folder);
  if (
    (await files.exists(target)) &&
    (!(await files.stat(target)).isFolder || (await files.list(target)).length > 0)
  ) {
    throw new FileError(folder, "it exists already; choose a new folder");
  }
  const archive = await openZip(zip, isContent, { storedBytes: MAX_FILE_BYTES });
  try {
    const { entries } = archive;
    if (entries.length === 0) throw new FileError(zip, "there are no files in it");
    const bytes = entries.reduce((total, entry) => total + entry.bytes, 0);
    const free = await files.freeBytes(dirname(target));
    if (bytes > free) {
      throw new FileError(
        folder,
        `the archive's files take ${bytes} bytes, but only ${free} are free on the disk`,
      );
    }
    const root = commonFolder(entries.map(({ name }) => name));
    await files.replaceDirAtomic(target, async (aside) => {
      for (const entry of entries) {
        signal?.throwIfAborted();
        const path = join(aside, entry.name.slice(root.length));
        await files.writeFileAtomic(path, (file) => copy(archive, entry, file, zip));
      }
    });
  } finally {
    await archive.close();
  }
}

async function copy(
  archive: ZipArchive,
  entry: ZipEntry,
  file: { write(content: Uint8Array): Promise<void> },
  zip: string,
): Promise<void> {
  try {
    for await (const piece of archive.pieces(entry)) await file.write(piece);
  } catch (error) {
    const explained = explainSystemError(error, "write the file", entry.name);
    if (explained instanceof FileError || !(error instanceof Error)) throw explained;
    throw new FileError(zip, `${quoted(entry.name)} ${error.message}`, { cause: error });
  }
}

/** What systems add to archives is left out. */
const isContent = (name: string): boolean =>
  !name.startsWith("__MACOSX/") && !name.split("/").some((part) => part.startsWith("."));

/** The folder that all names begin with, with its slash; or "". */
function commonFolder(names: readonly string[]): string {
  const first = names[0].slice(0, names[0].indexOf("/") + 1);
  return names.every((name) => name.startsWith(first)) ? first : "";
}
