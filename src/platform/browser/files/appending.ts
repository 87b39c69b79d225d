// Files open for reading and appending.

import type { AppendFile } from "../../platform.ts";
import { allocate, readRange } from "./bytes.ts";
import { openInPlace } from "./in_place.ts";
import { ensureFile } from "./writing.ts";

/** Bytes per piece of a file that is streamed. */
const PIECE_BYTES = 2 ** 20;

const utf8 = new TextEncoder();

/** Opens a file for appending; creates it if it is missing. @param makesFolders also create missing folders */
export async function openToAppend(path: string, makesFolders = false): Promise<AppendFile> {
  await ensureFile(path, makesFolders);
  const file = await openInPlace(path);
  /** The end, where what is asked for next will be written. */
  let end = await file.size();
  const readInto = (bytes: Uint8Array, position: number) => file.read(bytes, position);
  async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
    for (let at = 0; ; ) {
      const bytes = new Uint8Array(PIECE_BYTES);
      const count = await readInto(bytes, at);
      if (count === 0) return;
      yield bytes.subarray(0, count);
      at += count;
    }
  }
  return {
    size: () => file.size(),
    read: (position, length) => readRange(readInto, position, length, path),
    readInto,
    async readAll() {
      const bytes = allocate(await file.size(), path);
      return bytes.subarray(0, await readInto(bytes, 0));
    },
    pieces,
    async write(content) {
      const bytes = typeof content === "string" ? utf8.encode(content) : content;
      const position = end;
      end += bytes.length;
      try {
        await file.write(bytes, position);
      } catch (error) {
        end = await file.size();
        throw error;
      }
    },
    async truncate(size) {
      end = size;
      await file.truncate(size);
    },
    sync: () => file.flush(),
    close: () => file.close(),
  };
}
