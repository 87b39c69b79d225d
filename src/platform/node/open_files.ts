// file_range.ts: pieces of a file, read where they lie.
import { type FileHandle, open } from "node:fs/promises";
import { explainSystemError, FileError } from "../../io/errors.ts";

/** Most bytes asked of the system in one read or write: it takes no more than 2 GiB. */
export const MAX_CHUNK_BYTES = 2 ** 28;

/** Opens a file for reading. The caller closes it. @throws FileError */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw explainSystemError(error, "open the file", path);
  }
}

/**
 * Bytes `position` .. `position + length` of an open file.
 * @param path the file's name, for errors
 * @throws FileError if the file ends before, or there is no memory for as many bytes
 */
export async function readRange(
  file: FileHandle,
  position: number,
  length: number,
  path: string,
): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(allocate(length, path));
  let done = 0;
  while (done < length) {
    const chunk = bytes.subarray(done, Math.min(length, done + MAX_CHUNK_BYTES));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position + done);
    if (bytesRead === 0)
      throw new FileError(path, `the file ended at byte ${position + done} while it was being read`);
    done += bytesRead;
  }
  return bytes.buffer;
}

function allocate(length: number, path: string): ArrayBuffer {
  try {
    return new ArrayBuffer(length);
  } catch (error) {
    throw new FileError(path, `there is no memory for ${length} bytes of it`, { cause: error });
  }
}
