// Opens a file for reading at arbitrary offsets.
import { files } from "#platform";
import { explainSystemError } from "../platform/errors.ts";
import type { OpenFile } from "../platform/platform.ts";

/** Opens a file for reading. The caller closes it. @throws FileError */
export async function openFile(path: string): Promise<OpenFile> {
  try {
    return await files.open(path);
  } catch (error) {
    throw explainSystemError(error, "open the file", path);
  }
}
