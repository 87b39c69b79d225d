// A second name for a file.

import { constants } from "node:fs";
import { copyFile, mkdir, rename, rm, symlink } from "node:fs/promises";
import { dirname, relative } from "node:path";
import { errorCode } from "../errors.ts";

/** Errors of systems without symbolic links, or where not every user may make them. */
const NO_LINKS = ["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL", "UNKNOWN"];

export async function addName(file: string, second: string, mayMove: boolean): Promise<void> {
  await mkdir(dirname(second), { recursive: true });
  await rm(second, { force: true });
  await symlink(relative(dirname(second), file), second).catch(async (error: unknown) => {
    // Another process was faster.
    if (errorCode(error) === "EEXIST") return;
    if (!NO_LINKS.includes(errorCode(error) ?? "")) throw error;
    await (mayMove ? rename(file, second) : copyFile(file, second, constants.COPYFILE_FICLONE));
  });
}
