// The directory of a zip archive, checked before use. The platform finds and parses it; this file refuses names that
// lead out of the archive, and entries that are encrypted, overlap, or would unpack to far more than an image can be.
import { archives } from "#platform";
import { FileError } from "../platform/errors.ts";
import type { OpenFile, ZipDirectoryEntry } from "../platform/platform.ts";
import { BlockReader } from "./block_reader.ts";

/** One file of an archive. */
export interface ZipEntry {
  /** With "/" between folders; never absolute, never with "..". */
  readonly name: string;
  /** Where its local header begins. */
  readonly offset: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly crc32: number;
  readonly deflated: boolean;
}

/** What an archive may hold. */
export interface ZipLimits {
  /** The most bytes of a file that is not compressed. Default: 512 MiB. */
  readonly storedBytes?: number;
  /** How many times its size a larger file may unpack to. Default: 250, which no image in a supported format does. */
  readonly ratio?: number;
  /** What to do about a file that is larger, in place of the suspicion of an attack. */
  readonly advice?: string;
}

/** Archives with more files are refused as an attack. */
const MAX_ENTRIES = 5_000_000;
/** So are files that unpack to more than this (bytes): what is compressed is read in one piece. */
const MAX_ENTRY_BYTES = 512 * 2 ** 20;
/** And files, of some size, compressed by more than this factor. */
const MAX_RATIO = 250;
const RATIO_MATTERS_BYTES = 2 ** 20;
/** Compression methods: none, and deflate. */
const STORED = 0;
const DEFLATED = 8;
/** Bytes of the directory read at a time. */
const BLOCK_BYTES = 2 ** 18;

/**
 * The wanted files of an archive, in the archive's order.
 * @param file the open archive, `size` bytes long
 * @param path its name, for errors
 * @throws FileError, in one line, for an invalid archive, and for one that looks like an attack
 */
export async function readZipDirectory(
  file: OpenFile,
  size: number,
  path: string,
  wanted: (name: string) => boolean,
  limits: ZipLimits = {},
): Promise<ZipEntry[]> {
  const entries: ZipEntry[] = [];
  let packed = 0;
  try {
    const blocks = new BlockReader(file, size, BLOCK_BYTES);
    const zip = await archives.zipDirectory((position, length) => blocks.read(position, length), size);
    if (zip.count > MAX_ENTRIES) {
      throw new FileError(
        path,
        `the archive says it holds ${zip.count} files, where ${MAX_ENTRIES} are allowed`,
      );
    }
    for await (const entry of zip.entries) {
      packed += entry.compressedBytes;
      const { name, method, offset, compressedBytes, bytes, crc32 } = entry;
      if (name.endsWith("/") || !wanted(name)) continue;
      const problem = problemOf(entry, limits);
      if (problem !== undefined) throw new FileError(path, `${JSON.stringify(name)} ${problem}`);
      entries.push({ name, offset, compressedBytes, bytes, crc32, deflated: method === DEFLATED });
    }
  } catch (error) {
    throw explainZipError(error, path);
  }
  if (packed > size) {
    throw new FileError(
      path,
      `its files overlap (they take ${packed} bytes in an archive of ${size}): this looks like a zip bomb, and is refused`,
    );
  }
  return entries;
}

function problemOf(
  { isEncrypted, method, compressedBytes, bytes }: ZipDirectoryEntry,
  limits: ZipLimits,
): string | undefined {
  if (isEncrypted) return "is encrypted; unpack the archive with its password, and give the folder";
  if (method !== STORED && method !== DEFLATED) {
    return `is packed by method ${method}, which is not read; pack it with deflate, or unpack it and give the folder`;
  }
  const most = method === STORED ? (limits.storedBytes ?? MAX_ENTRY_BYTES) : MAX_ENTRY_BYTES;
  return bombProblem(compressedBytes, bytes, most, limits);
}

function bombProblem(
  compressed: number,
  bytes: number,
  most: number,
  { ratio = MAX_RATIO, advice }: ZipLimits,
): string | undefined {
  if (bytes > most) {
    const what = `would unpack to ${bytes} bytes, where ${most} are allowed`;
    return `${what}${advice === undefined ? ": this looks like a zip bomb, and is refused" : `; ${advice}`}`;
  }
  if (bytes > RATIO_MATTERS_BYTES && bytes > compressed * ratio) {
    return `would unpack to ${Math.round(bytes / Math.max(1, compressed))} times its size: this looks like a zip bomb, and is refused`;
  }
  return undefined;
}

function explainZipError(error: unknown, path: string): unknown {
  if (error instanceof FileError || !(error instanceof Error) || "code" in error) return error;
  const { message } = error;
  const unsafe = /^(?:invalid relative path|absolute path|invalid characters in fileName): (.*)/.exec(
    message,
  );
  if (unsafe !== null) {
    return new FileError(
      path,
      `the name ${JSON.stringify(unsafe[1])} in it leads out of the archive; it is refused`,
      { cause: error },
    );
  }
  if (/strong encryption/.test(message)) {
    return new FileError(path, "is encrypted; unpack it with its password, and give the folder", {
      cause: error,
    });
  }
  if (/multi-disk/.test(message)) {
    return new FileError(path, "is one part of several; join them, or unpack them and give the folder", {
      cause: error,
    });
  }
  return new FileError(path, `not a zip archive, damaged or cut short (${message.slice(0, 120)})`, {
    cause: error,
  });
}
