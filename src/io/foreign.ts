// Recognises, by its first bytes, a file that is not what was expected. This runs only after reading has failed, so a
// valid file is never misjudged.

import { errorCode, FileError } from "../platform/errors.ts";
import type { OpenFile } from "../platform/platform.ts";
import { byteSize } from "./byte_size.ts";
import { quoted } from "./printable.ts";
import { unreadImage } from "./unread_images.ts";

/** What was expected, as words for "where ... was expected". */
export type Expected =
  | "a safetensors file"
  | "a parquet file"
  | "a zip archive"
  | "a tar archive"
  | "a NumPy array"
  | "an image"
  | "JSON text"
  | "a table"
  | "a list of files";

/** The first bytes of a file that are looked at. */
const HEAD_BYTES = 512;
/** Characters of a text that the message quotes. */
const TOLD = 40;

/** Binary formats, which can never be text. */
const BINARY: ReadonlySet<Expected> = new Set([
  "a safetensors file",
  "a parquet file",
  "a zip archive",
  "a tar archive",
  "a NumPy array",
]);

const PICKLE = "a pickle of PyTorch, which can run code and is not read";
const CONVERT = "convert it in Python: load the model and save_pretrained(..., safe_serialization=True)";
const UNPACK = "unpack it and give what is in it";
const RENAME = "check the file's name";

interface Kind {
  /** Whether a file begins like this kind; one character per byte. */
  readonly begins: (head: string) => boolean;
  readonly what: string;
  readonly advice: string;
  /** The expectation that this kind meets. */
  readonly is?: Expected;
}

const startsWith =
  (...beginnings: readonly string[]) =>
  (head: string): boolean =>
    beginnings.some((beginning) => head.startsWith(beginning));

/** The signature of a zip entry; the first entry's name starts at byte 30. */
const ZIP_ENTRY = "PK\x03\x04";
const NAME_AT = 30;
/** Where a tar archive's first header says what it is. */
const TAR_MARK_AT = 257;

const KINDS: readonly Kind[] = [
  {
    begins: (head) => /^\s*<(?:!doctype html|html|head|body|\?xml)\b/i.test(head),
    what: "a page of HTML or XML, as servers answer in place of a file",
    advice: "download it again",
  },
  {
    // A file of torch.save: one folder with data.pkl in it.
    begins: (head) => head.startsWith(ZIP_ENTRY) && /^[^/]*\/data\.pkl/.test(head.slice(NAME_AT)),
    what: PICKLE,
    advice: CONVERT,
    is: "a zip archive",
  },
  // A file of torch.save before 2020: bare pickles of protocol 2 or later.
  { begins: startsWith("\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"), what: PICKLE, advice: CONVERT },
  {
    begins: startsWith(ZIP_ENTRY, "PK\x05\x06"),
    what: "a zip archive",
    advice: UNPACK,
    is: "a zip archive",
  },
  { begins: startsWith("\x1f\x8b"), what: "a file packed with gzip", advice: UNPACK },
  { begins: startsWith("\x28\xb5\x2f\xfd"), what: "a file packed with zstd", advice: UNPACK },
  { begins: (head) => /^BZh[1-9]1AY&SY/.test(head), what: "a file packed with bzip2", advice: UNPACK },
  { begins: startsWith("\xfd7zXZ\0"), what: "a file packed with xz", advice: UNPACK },
  {
    begins: (head) => head.slice(TAR_MARK_AT, TAR_MARK_AT + 5) === "ustar",
    what: "a tar archive",
    advice: UNPACK,
    is: "a tar archive",
  },
  { begins: startsWith("\x93NUMPY"), what: "a NumPy array", advice: RENAME, is: "a NumPy array" },
  { begins: startsWith("PAR1"), what: "a parquet file", advice: RENAME, is: "a parquet file" },
  {
    begins: (head) => head.slice(4, 10) === '\0\0\0\0{"',
    what: "a safetensors file",
    advice: RENAME,
    is: "a safetensors file",
  },
  {
    begins: (head) =>
      /^(?:\x89PNG|\xff\xd8\xff|GIF8|RIFF[\s\S]{4}WEBP|II\*\0|MM\0\*|BM[\s\S]{4}\0{4})/.test(head),
    what: "an image",
    advice: RENAME,
    is: "an image",
  },
];

/** What Git leaves in place of a file kept in Git LFS: three lines, one of them with the file's size. */
const LFS_POINTER = /^version https:\/\/git-lfs\.github\.com\/spec\/v1\r?\n/;

/**
 * What a file is, as words for "this is"; undefined where it may be a damaged file of the expected kind.
 * @param content its bytes or text, or the beginning of it
 */
export function foreignContent(content: Uint8Array | string, expected: Expected): string | undefined {
  const head =
    typeof content === "string"
      ? content.slice(0, HEAD_BYTES)
      : String.fromCharCode(...content.subarray(0, HEAD_BYTES));
  if (LFS_POINTER.test(head)) {
    const size = /^size (\d{1,15})\r?$/m.exec(head)?.[1];
    const of = size === undefined ? "" : ` (${byteSize(Number(size))})`;
    return `a Git LFS pointer, not the file itself${of}; fetch it with \`git lfs pull\`, or download it again`;
  }
  const unread = expected === "an image" ? unreadImage(head) : undefined;
  if (unread !== undefined) return `${unread}, which is not read; convert it to JPEG or PNG`;
  const where = `where ${expected} was expected`;
  const kind = KINDS.find(({ begins, is }) => is !== expected && begins(head));
  if (kind !== undefined) return `${kind.what}, ${where}; ${kind.advice}`;
  if (head === "" && (BINARY.has(expected) || expected === "JSON text"))
    return `an empty file, ${where}; copy or download it again`;
  if (BINARY.has(expected) && /^[\t\n\r -~]{8,}$/.test(head)) {
    return `text (${quoted(head.trim(), TOLD)}), ${where}; download it again`;
  }
  return undefined;
}

/**
 * Replaces an error from reading a file by one that says what the file is, if that can be recognised.
 * @param error returned unchanged if it is the operating system's
 */
export async function explainForeign(
  error: unknown,
  file: OpenFile,
  path: string,
  expected: Expected,
): Promise<unknown> {
  if (errorCode(error) !== undefined || (error instanceof Error && errorCode(error.cause) !== undefined)) {
    return error;
  }
  const head = await file.read(0, Math.min(await file.size(), HEAD_BYTES));
  return asForeign(error, new Uint8Array(head), path, expected);
}

/** As `explainForeign`, for bytes in memory. */
export function asForeign(error: unknown, bytes: Uint8Array, path: string, expected: Expected): unknown {
  const what = foreignContent(bytes, expected);
  return what === undefined ? error : new FileError(path, `this is ${what}`, { cause: error });
}
