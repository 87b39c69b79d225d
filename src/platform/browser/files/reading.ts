// Files that are read.

import type { OpenFile } from "../../platform.ts";
import { allocate, readInto, readRange } from "./bytes.ts";
import { refusalOf } from "./refusals.ts";
import { fileAt } from "./tree.ts";

/** Opens a file as it is now: once it is changed, reading it fails. */
export async function openToRead(path: string): Promise<OpenFile> {
  const file = await (await fileAt(path)).getFile();
  const read = (bytes: Uint8Array, position: number) => readInto(file, bytes, position, path);
  return {
    size: async () => file.size,
    read: (position, length) => readRange(read, position, length, path),
    readInto: read,
    readAll: () => readWhole(file, path),
    pieces: () => piecesOf(file, path),
    close: async () => {},
  };
}

export async function readText(path: string): Promise<string> {
  const bytes = await readWhole(await (await fileAt(path)).getFile(), path);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

async function readWhole(file: File, path: string): Promise<Uint8Array> {
  const bytes = allocate(file.size, path);
  await readInto(file, bytes, 0, path);
  return bytes;
}

async function* piecesOf(file: Blob, path: string): AsyncGenerator<Uint8Array, void, void> {
  // Not every browser iterates over streams.
  const reader = file.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw refusalOf(error, path, "file");
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** The lines of a text; "\r\n" and "\r" end one, too. */
export async function* linesOf(path: string): AsyncGenerator<string, void, void> {
  const file = await (await fileAt(path)).getFile();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** What was read of the line so far. */
  let begun: string[] = [];
  let endsWithReturn = false;
  const feed = function* (text: string): Generator<string> {
    // The two characters of one line end may lie in two pieces.
    if (endsWithReturn && text.startsWith("\n")) text = text.slice(1);
    if (text !== "") endsWithReturn = text.endsWith("\r");
    const [first = "", ...others] = text.split(/\r\n|\n|\r/);
    begun.push(first);
    for (const other of others) {
      yield begun.join("");
      begun = [other];
    }
  };
  for await (const piece of piecesOf(file, path)) yield* feed(decoder.decode(piece, { stream: true }));
  yield* feed(decoder.decode());
  const last = begun.join("");
  if (last !== "") yield last;
}
