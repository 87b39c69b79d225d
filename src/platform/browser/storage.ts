// What a page does with the files that Imago keeps for it: shows them, lists them, removes them.

import { explainSystemError } from "../errors.ts";
import type { FolderEntry } from "../platform.ts";
import { fileAt } from "./files/tree.ts";
import { files } from "./files.ts";

/**
 * A file that Imago wrote, or that was mounted: to show it (`URL.createObjectURL`), read it or send it.
 * @param path such as the `samples` of a step of `Trainer.run()`
 * @throws FileError, in one line
 */
export async function getFile(path: string): Promise<File> {
  try {
    return await (await fileAt(path)).getFile();
  } catch (error) {
    throw explainSystemError(error, "read the file", path);
  }
}

/** The files and folders in a folder, such as the runs in "/runs". @throws FileError, in one line */
export async function listFiles(folder: string): Promise<FolderEntry[]> {
  try {
    return await files.entries(folder);
  } catch (error) {
    throw explainSystemError(error, "read the folder", folder);
  }
}

/** Removes a file, or a folder with all that is in it; nothing if there is none. @throws FileError, in one line */
export async function removeFiles(path: string): Promise<void> {
  try {
    await files.removeAll(path);
  } catch (error) {
    throw explainSystemError(error, "remove", path);
  }
}
