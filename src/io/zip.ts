// Files of a zip archive, unpacked on demand, never to more bytes than the directory says.
import { compression } from "#platform";
import { explainSystemError } from "../platform/errors.ts";
import type { OpenFile } from "../platform/platform.ts";
import { explainForeign } from "./foreign.ts";
import { openFile } from "./open_file.ts";
import { readZipDirectory, type ZipEntry } from "./zip_directory.ts";

export type { ZipEntry } from "./zip_directory.ts";

/** An open archive. */
export interface ZipArchive {
  /** The wanted files, in the archive's order. */
  readonly entries: readonly ZipEntry[];
  /** The bytes of a file. @throws Error that says in a few words what is wrong with it */
  read(entry: ZipEntry): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Size and signature of a local header, which ends with the lengths of name and extra field. */
const HEADER_BYTES = 30;
const SIGNATURE = 0x04034b50;

/**
 * Opens an archive and reads its directory. The caller closes it.
 * @param wanted selects files by name
 * @throws FileError, in one line, for an invalid archive, and for one that looks like an attack
 */
export async function openZip(path: string, wanted: (name: string) => boolean): Promise<ZipArchive> {
  const file = await openFile(path);
  try {
    const size = await file.size();
    const entries = await readZipDirectory(file, size, path, wanted);
    return {
      entries,
      read: (entry) => readEntry(file, size, entry),
      close: () => file.close(),
    };
  } catch (error) {
    const explained = await explainForeign(error, file, path, "a zip archive").finally(() => file.close());
    throw explainSystemError(explained, "read the file", path);
  }
}

async function readEntry(
  file: OpenFile,
  size: number,
  { offset, compressedBytes, bytes, crc32: expected, deflated }: ZipEntry,
): Promise<Uint8Array> {
  if (offset + HEADER_BYTES > size) throw new Error("lies outside of the archive");
  const header = new DataView(await file.read(offset, HEADER_BYTES));
  if (header.getUint32(0, true) !== SIGNATURE) throw new Error("the archive is damaged here");
  const begin = offset + HEADER_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
  if (begin + compressedBytes > size) throw new Error("the archive is cut short here");
  const packed = new Uint8Array(await file.read(begin, compressedBytes));
  const content = deflated ? await unpack(packed, bytes) : packed;
  if (content.length !== bytes || compression.crc32(content) !== expected)
    throw new Error("damaged in the archive");
  return content;
}

async function unpack(packed: Uint8Array, bytes: number): Promise<Uint8Array> {
  try {
    return await compression.inflateRaw(packed, bytes);
  } catch (error) {
    throw new Error("damaged in the archive", { cause: error });
  }
}
