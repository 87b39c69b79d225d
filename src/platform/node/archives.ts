// Directories of zip archives, found and parsed by yauzl.

import type { RandomAccessReader } from "yauzl";
import type { Archives, ZipDirectoryEntry } from "../platform.ts";

type Read = (position: number, length: number) => Promise<Uint8Array>;

/** The archive's bytes, in yauzl's interface. */
async function readerOf(read: Read): Promise<RandomAccessReader> {
  const { RandomAccessReader } = await import("yauzl");
  return new (class extends RandomAccessReader {
    override read(
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
      callback: (error: Error | null) => void,
    ): void {
      read(position, length).then(
        (bytes) => {
          buffer.set(bytes, offset);
          callback(null);
        },
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
      );
    }
  })();
}

export const archives: Archives = {
  async zipDirectory(read, size) {
    const { fromRandomAccessReaderPromise } = await import("yauzl");
    const zip = await fromRandomAccessReaderPromise(await readerOf(read), size, { autoClose: false });
    async function* entries(): AsyncGenerator<ZipDirectoryEntry, void, void> {
      for await (const entry of zip.eachEntry()) {
        yield {
          name: entry.fileName,
          offset: entry.relativeOffsetOfLocalHeader,
          compressedBytes: entry.compressedSize,
          bytes: entry.uncompressedSize,
          crc32: entry.crc32,
          method: entry.compressionMethod,
          isEncrypted: entry.isEncrypted(),
        };
      }
    }
    return { count: zip.entryCount, entries: entries() };
  },
};
