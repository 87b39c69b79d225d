// What of a file on the disk changes when its content does.

import { files, hashing } from "#platform";

/** The `stamp` of a source that is one file: made of its size and time. */
export async function fileStamp(path: string): Promise<string> {
  const { size, mtimeMs } = await files.stat(path);
  return hashing.sha256(JSON.stringify([size, mtimeMs]));
}
