// Files of a tar archive: ustar, with the long names of pax and of GNU. Headers are checked one after another; links,
// devices and files with holes are passed over, and names that lead out of the archive are refused.
import { explainSystemError, FileError } from "../platform/errors.ts";
import type { OpenFile } from "../platform/platform.ts";
import { BlockReader } from "./block_reader.ts";
import { explainForeign } from "./foreign.ts";
import { openFile } from "./open_file.ts";
import { quoted } from "./printable.ts";
import { decodeUtf8 } from "./text.ts";

/** One file of an archive. */
export interface TarEntry {
  /** With "/" between folders; never absolute, never with "..". */
  readonly name: string;
  /** Where its bytes begin. */
  readonly offset: number;
  readonly bytes: number;
}

const BLOCK = 512;
/** Bytes read at a time: the headers of small files are near to each other. */
const READ_BYTES = 2 ** 16;
/** Archives with more files are refused as an attack, and larger long names and pax headers (bytes). */
const MAX_ENTRIES = 5_000_000;
const MAX_EXTRA_BYTES = 2 ** 16;

/** Kinds of entries. */
const FILES: ReadonlySet<string> = new Set(["0", "\0", "7"]);
const GNU_LONG_NAME = "L";
const PAX = "x";
const GNU_SPARSE = "S";
/** Links, devices and folders have no content, whatever their size says. */
const EMPTY: ReadonlySet<string> = new Set(["1", "2", "3", "4", "5", "6"]);

/**
 * The wanted files of an archive, in the archive's order.
 * @param wanted selects files by name
 * @throws FileError, in one line, for an invalid archive, and for one that looks like an attack
 */
export async function readTar(path: string, wanted: (name: string) => boolean): Promise<TarEntry[]> {
  const file = await openFile(path);
  try {
    const size = await file.size();
    return await entriesOf(file, size, path, wanted);
  } catch (error) {
    throw explainSystemError(await explainForeign(error, file, path, "a tar archive"), "read the file", path);
  } finally {
    await file.close();
  }
}

/** What a header of its own says about the file behind it. */
interface Extra {
  readonly name?: string;
  readonly bytes?: number;
  readonly isSparse?: boolean;
}

async function entriesOf(
  file: OpenFile,
  size: number,
  path: string,
  wanted: (name: string) => boolean,
): Promise<TarEntry[]> {
  const blocks = new BlockReader(file, size, READ_BYTES);
  const damaged = (at: number) =>
    new FileError(path, `not a tar archive, damaged or cut short (at byte ${at} of ${size})`);
  const entries: TarEntry[] = [];
  let extra: Extra = {};
  let isAtEnd = false;
  if (size < BLOCK) throw damaged(0);
  for (let at = 0; at < size; ) {
    if (at + BLOCK > size) {
      if (isAtEnd) return entries;
      throw damaged(at);
    }
    const header = new Uint8Array(await blocks.read(at, BLOCK));
    // Blocks of zeros end an archive; others may be appended to it.
    if (header.every((byte) => byte === 0)) {
      isAtEnd = true;
      at += BLOCK;
      continue;
    }
    if (!isSound(header)) {
      if (isAtEnd) return entries;
      throw damaged(at);
    }
    isAtEnd = false;
    const kind = String.fromCharCode(header[156]);
    const said = sizeIn(header);
    const isExtra = kind === PAX || kind === GNU_LONG_NAME;
    const bytes = isExtra ? said : EMPTY.has(kind) ? 0 : (extra.bytes ?? said);
    const begin = kind === GNU_SPARSE ? await behindMaps(blocks, header, at, size) : at + BLOCK;
    if (!Number.isSafeInteger(bytes) || begin + bytes > size) throw damaged(at);
    if (isExtra) {
      if (bytes > MAX_EXTRA_BYTES) throw damaged(at);
      const content = await blocks.read(begin, bytes);
      extra = { ...extra, ...(kind === PAX ? paxExtra(content) : { name: textIn(content) }) };
    } else {
      const name = checkedName(path, extra.name ?? nameIn(header));
      const isFile = FILES.has(kind) && !name.endsWith("/") && extra.isSparse !== true;
      if (isFile && wanted(name)) entries.push({ name, offset: begin, bytes });
      if (entries.length > MAX_ENTRIES) {
        throw new FileError(path, `the archive holds over ${MAX_ENTRIES} files, more than are allowed`);
      }
      extra = {};
    }
    at = begin + Math.ceil(bytes / BLOCK) * BLOCK;
  }
  if (!isAtEnd)
    throw new FileError(path, "cut short: the archive's end is missing; copy or download it again");
  return entries;
}

/** The sum of a header's bytes, its own place counted as spaces, is in the header; some programs sum signed bytes. */
function isSound(header: Uint8Array): boolean {
  let [sum, signed] = [0, 0];
  for (const [i, byte] of header.entries()) {
    const counted = i >= 148 && i < 156 ? 32 : byte;
    sum += counted;
    signed += counted > 127 ? counted - 256 : counted;
  }
  const said = octal(header.subarray(148, 156));
  return said === sum || said === signed;
}

function sizeIn(header: Uint8Array): number {
  const field = header.subarray(124, 136);
  if (field[0] !== 0x80) return octal(field);
  // GNU's form for large files: base 256 behind a mark.
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
}

/** NaN for what is no number. */
function octal(field: Uint8Array): number {
  const text = String.fromCharCode(...field).replaceAll(/^[ \0]+|[ \0][\s\S]*$/g, "");
  return /^[0-7]*$/.test(text) ? Number.parseInt(text === "" ? "0" : text, 8) : Number.NaN;
}

const textIn = (field: Uint8Array): string => {
  const end = field.indexOf(0);
  return decodeUtf8(end < 0 ? field : field.subarray(0, end));
};

function nameIn(header: Uint8Array): string {
  const name = textIn(header.subarray(0, 100));
  // GNU's own format has times in the place of the prefix.
  const isPosix = textIn(header.subarray(257, 263)) === "ustar" && header[262] === 0;
  const prefix = isPosix ? textIn(header.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Records "LENGTH KEY=VALUE\n". */
function paxExtra(content: Uint8Array): Extra {
  let extra: Extra = {};
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(32, at);
    const length = Number(decodeUtf8(content.subarray(at, Math.max(at, space))));
    if (!Number.isInteger(length) || length < 5 || at + length > content.length) break;
    const record = decodeUtf8(content.subarray(space + 1, at + length - 1));
    const equals = record.indexOf("=");
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (key === "path") extra = { ...extra, name: value };
    if (key === "size") extra = { ...extra, bytes: /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN };
    if (key.startsWith("GNU.sparse.")) extra = { ...extra, isSparse: true };
    at += length;
  }
  return extra;
}

/** GNU's list of holes may go on in blocks behind the header. */
async function behindMaps(
  blocks: BlockReader,
  header: Uint8Array,
  from: number,
  size: number,
): Promise<number> {
  let at = from + BLOCK;
  for (let goesOn = header[482] !== 0; goesOn; at += BLOCK) {
    if (at + BLOCK > size) return size + 1;
    goesOn = (await blocks.read(at, BLOCK))[504] !== 0;
  }
  return at;
}

function checkedName(path: string, name: string): string {
  const plain = name.replace(/^(?:\.\/+)+/, "");
  if (/^(?:[/\\]|[A-Za-z]:)/.test(plain) || plain.split(/[/\\]/).includes("..")) {
    throw new FileError(path, `the name ${quoted(name)} in it leads out of the archive; it is refused`);
  }
  return plain;
}
