// Files that a command writes: what must be known before it begins to work.

import { constants, existsSync } from "node:fs";
import { access, readdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { UsageError } from "./errors.ts";

/** The formats that images are written in. */
export const IMAGE_FILES = [".png", ".jpg", ".jpeg", ".webp"];

/**
 * Checks that a file can be written where it is asked for.
 * @throws UsageError when it is there already (without --force), or its folder may not be written to
 */
export async function checkOutputFile(option: string, file: string, force: boolean): Promise<void> {
  if (existsSync(file) && !force) {
    throw new UsageError(
      `${option} ${file} is there already; add --force to replace it, or choose another name`,
    );
  }
  await checkWritable(option, dirname(resolve(file)));
}

/** The same for a folder that is to hold many files. */
export async function checkOutputFolder(option: string, folder: string, force: boolean): Promise<void> {
  await checkWritable(option, resolve(folder));
  if (force || !existsSync(folder)) return;
  if ((await readdir(folder)).length > 0) {
    throw new UsageError(
      `${option} ${folder} is not empty; add --force to write there, or choose another folder`,
    );
  }
}

/** Folders that are missing are made later: what counts is the nearest that exists. */
async function checkWritable(option: string, folder: string): Promise<void> {
  if (!existsSync(folder)) {
    const parent = dirname(folder);
    if (parent !== folder) await checkWritable(option, parent);
    return;
  }
  try {
    await readdir(folder);
    await access(folder, constants.W_OK);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(",", 1)[0] : String(error);
    throw new UsageError(`${option}: ${folder} cannot be written to (${reason}); choose another place`, {
      cause: error,
    });
  }
}
