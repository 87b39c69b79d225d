// Files of a zip archive, unpacked on demand, never to more bytes than the directory says.
import { compression } from "#platform";
import { explainSystemError } from "../platform/errors.ts";
import type { OpenFile } from "../platform/platform.ts";
import { type ByteRange, bytesRange, fileRange } from "./byte_range.ts";
import { explainForeign } from "./foreign.ts";
import { openFile } from "./open_file.ts";
import { readZipDirectory, type ZipEntry, type ZipLimits } from "./zip_directory.ts";

export type { ZipEntry } from "./zip_directory.ts";

/** An open archive. */
export interface ZipArchive {
  /** The wanted files, in the archive's order. */
  readonly entries: readonly ZipEntry[];
  /** The bytes of a file. @throws Error that says in a few words what is wrong with it */
  read(entry: ZipEntry): Promise<Uint8Array>;
  /** The same in pieces, so that a large file that is not compressed is never whole in memory. */
  pieces(entry: ZipEntry): AsyncIterable<Uint8Array>;
  /** The same for reading here and there. Only a file that is compressed is in memory. */
  range(entry: ZipEntry): Promise<ByteRange>;
  close(): Promise<void>;
}

/** Size and signature of a local header, which ends with the lengths of name and extra field. */
const HEADER_BYTES = 30;
const SIGNATURE = 0x04034b50;
/** Bytes of a piece. */
const PIECE_BYTES = 2 ** 23;

/**
 * Opens an archive and reads its directory. The caller closes it.
 * @param wanted selects files by name
 * @throws FileError, in one line, for an invalid archive, and for one that looks like an attack
 */
export async function openZip(
  path: string,
  wanted: (name: string) => boolean,
  limits?: ZipLimits,
): Promise<ZipArchive> {
  const file = await openFile(path);
  try {
    const size = await file.size();
    const entries = await readZipDirectory(file, size, path, wanted, limits);
    return {
      entries,
      read: (entry) => readEntry(file, size, entry),
      pieces: (entry) => piecesOf(file, size, entry),
      range: (entry) => rangeOf(file, size, entry),
      close: () => file.close(),
    };
  } catch (error) {
    const explained = await explainForeign(error, file, path, "a zip archive").finally(() => file.close());
    throw explainSystemError(explained, "read the file", path);
  }
}

async function readEntry(file: OpenFile, size: number, entry: ZipEntry): Promise<Uint8Array> {
  const { compressedBytes, bytes, crc32, deflated } = entry;
  const begin = await beginOf(file, size, entry);
  const packed = new Uint8Array(await file.read(begin, compressedBytes));
  const content = deflated ? await unpack(packed, bytes) : packed;
  if (content.length !== bytes || compression.crc32(content) !== crc32) throw damaged();
  return content;
}

async function* piecesOf(
  file: OpenFile,
  size: number,
  entry: ZipEntry,
): AsyncGenerator<Uint8Array, void, void> {
  if (entry.deflated) {
    yield await readEntry(file, size, entry);
    return;
  }
  const { bytes, compressedBytes, crc32 } = entry;
  const begin = await beginOf(file, size, entry);
  if (bytes !== compressedBytes) throw damaged();
  let sum = 0;
  for (let done = 0; done < bytes; done += PIECE_BYTES) {
    const piece = new Uint8Array(await file.read(begin + done, Math.min(PIECE_BYTES, bytes - done)));
    sum = compression.crc32(piece, sum);
    yield piece;
  }
  if (sum !== crc32) throw damaged();
}

async function rangeOf(file: OpenFile, size: number, entry: ZipEntry): Promise<ByteRange> {
  if (entry.deflated) return bytesRange(await readEntry(file, size, entry));
  const { bytes, compressedBytes, crc32 } = entry;
  const begin = await beginOf(file, size, entry);
  if (bytes !== compressedBytes) throw damaged();
  return { ...fileRange(file, begin, bytes), crc32 };
}

/** Where a file's bytes begin, all of which lie in the archive. */
async function beginOf(file: OpenFile, size: number, { offset, compressedBytes }: ZipEntry): Promise<number> {
  if (offset + HEADER_BYTES > size) throw new Error("lies outside of the archive");
  const header = new DataView(await file.read(offset, HEADER_BYTES));
  if (header.getUint32(0, true) !== SIGNATURE) throw new Error("the archive is damaged here");
  const begin = offset + HEADER_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
  if (begin + compressedBytes > size) throw new Error("the archive is cut short here");
  return begin;
}

const damaged = () => new Error("damaged in the archive");

async function unpack(packed: Uint8Array, bytes: number): Promise<Uint8Array> {
  try {
    return await compression.inflateRaw(packed, bytes);
  } catch (error) {
    throw new Error("damaged in the archive", { cause: error });
  }
}
