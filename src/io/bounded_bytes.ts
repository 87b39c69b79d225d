// Reads small files whole: never more of them than is expected.

import { files } from "#platform";
import { explainSystemError, FileError } from "../platform/errors.ts";
import { joinedBytes } from "./text.ts";

/** @param what was expected, such as "a JSON file" @throws FileError for a file of more bytes, or that cannot be read */
export async function readBounded(path: string, maxBytes: number, what: string): Promise<Uint8Array> {
  try {
    const file = await files.open(path);
    try {
      // Pipes and devices have no size, so the bytes are counted as they arrive.
      const parts: Uint8Array[] = [];
      const size = await file.size();
      let read = 0;
      if (size <= maxBytes) {
        for await (const part of file.pieces()) {
          parts.push(part);
          read += part.length;
          if (read > maxBytes) break;
        }
      }
      const bytes = Math.max(size, read);
      if (bytes <= maxBytes) return joinedBytes(parts);
      throw new FileError(
        path,
        `the file has ${bytes} bytes, where ${what} of at most ${maxBytes} was expected`,
      );
    } finally {
      await file.close();
    }
  } catch (error) {
    throw explainSystemError(error, "read the file", path);
  }
}
