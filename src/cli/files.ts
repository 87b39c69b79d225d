// Checks for a command's output files before it begins its work.

import { constants, existsSync } from "node:fs";
import { access, readdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ANIMATED_FORMATS } from "../io/image/index.ts";
import { UsageError } from "./errors.ts";

/** The supported formats for writing images. */
export const IMAGE_FILES = [".png", ".jpg", ".jpeg", ".webp"];
/** The supported formats for animations. */
export const ANIMATED_FILES = ANIMATED_FORMATS.map((format) => `.${format}`);

/**
 * Checks that a file can be written.
 * @throws UsageError when it exists (without --force), or its folder is not writable
 */
export async function checkOutputFile(option: string, file: string, force: boolean): Promise<void> {
  if (existsSync(file) && !force) {
    throw new UsageError(
      `${option} ${file} is there already; add --force to replace it, or choose another name`,
    );
  }
  await checkWritable(option, dirname(resolve(file)));
}

/** The same for an output folder. */
export async function checkOutputFolder(option: string, folder: string, force: boolean): Promise<void> {
  await checkWritable(option, resolve(folder));
  if (force || !existsSync(folder)) return;
  if ((await readdir(folder)).length > 0) {
    throw new UsageError(
      `${option} ${folder} is not empty; add --force to write there, or choose another folder`,
    );
  }
}

/** Missing folders are created later, so this checks the nearest existing one. */
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
