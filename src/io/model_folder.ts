// The entries of a model's folder.

import { files } from "#platform";
import { errorCode, explainSystemError, FileError } from "../platform/errors.ts";

/** The names in a folder. @throws FileError, in one line, where there is none */
export async function listModelFolder(folder: string): Promise<string[]> {
  try {
    return await files.list(folder);
  } catch (error) {
    if (errorCode(error) === "ENOTDIR")
      throw new FileError(folder, "this is a file, where a model's folder was expected");
    throw explainSystemError(error, "read the folder", folder);
  }
}
