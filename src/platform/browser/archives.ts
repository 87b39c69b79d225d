// Directories of zip archives. What is read, what is refused and in which words is the same as in Node.

import type { Archives, ZipDirectoryEntry } from "../platform.ts";
import { compression } from "./compression.ts";

type Read = (position: number, length: number) => Promise<Uint8Array>;

/** Record at the end of an archive: its signature, size without the comment, and the comment's largest size. */
const END = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
/** Zip64's locator, right before that record, and the record that it locates. */
const LOCATOR = 0x07064b50;
const LOCATOR_BYTES = 20;
const END64 = 0x06064b50;
const END64_BYTES = 56;
/** A file's header in the directory, without its name, extra fields and comment. */
const HEADER = 0x02014b50;
const HEADER_BYTES = 46;

/** Flags of a header. */
const ENCRYPTED = 0x1;
const STRONGLY_ENCRYPTED = 0x40;
const UTF8 = 0x800;
/** Size of the header that traditional encryption puts before a file's data. */
const ENCRYPTION_BYTES = 12;
/** Extra fields: zip64's numbers, and a name in Unicode. */
const ZIP64 = 0x0001;
const UNICODE_NAME = 0x7075;
/** A number that stands in the zip64 field. */
const ELSEWHERE = 0xffffffff;

/** The characters of IBM's code page 437 that ASCII does not have: those below the blank, and those from DEL on. */
const LOW = "\0☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
const HIGH =
  "⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

/** Numbers above 2^53 are rounded; no archive is as large. */
const uint64 = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

interface Directory {
  readonly offset: number;
  readonly count: number;
}

export const archives: Archives = {
  async zipDirectory(read, size) {
    const within: Read = async (position, length) => {
      if (length === 0) return new Uint8Array(0);
      if (position + length > size) throw new Error("unexpected EOF");
      return read(position, length);
    };
    const directory = await findDirectory(within, size);
    return { count: directory.count, entries: entriesOf(within, directory) };
  },
};

async function findDirectory(read: Read, size: number): Promise<Directory> {
  const length = Math.min(size, LOCATOR_BYTES + END_BYTES + MAX_COMMENT_BYTES);
  const view = viewOf(await read(size - length, length));
  let at = length - END_BYTES;
  while (at >= 0 && view.getUint32(at, true) !== END) at--;
  if (at < 0) throw new Error("no end of a directory; either not a zip archive, or cut short");
  const comment = view.getUint16(at + 20, true);
  if (comment !== length - at - END_BYTES) {
    throw new Error(`a comment of ${length - at - END_BYTES} bytes, where ${comment} were expected`);
  }
  if (at >= LOCATOR_BYTES && view.getUint32(at - LOCATOR_BYTES, true) === LOCATOR) {
    return findDirectory64(read, uint64(view, at - LOCATOR_BYTES + 8));
  }
  refuseSeveralDisks(view.getUint16(at + 4, true));
  return { count: view.getUint16(at + 10, true), offset: view.getUint32(at + 16, true) };
}

async function findDirectory64(read: Read, position: number): Promise<Directory> {
  const view = viewOf(await read(position, END64_BYTES));
  if (view.getUint32(0, true) !== END64) throw new Error("no end of a zip64 directory where it should be");
  refuseSeveralDisks(view.getUint32(16, true));
  return { count: uint64(view, 32), offset: uint64(view, 48) };
}

function refuseSeveralDisks(disk: number): void {
  if (disk !== 0) throw new Error(`multi-disk archives are not read: this is disk ${disk}`);
}

async function* entriesOf(
  read: Read,
  { offset, count }: Directory,
): AsyncGenerator<ZipDirectoryEntry, void, void> {
  let position = offset;
  for (let i = 0; i < count; i++) {
    const header = viewOf(await read(position, HEADER_BYTES));
    if (header.getUint32(0, true) !== HEADER) throw new Error("no header of a file where one should be");
    if (header.getUint16(8, true) & STRONGLY_ENCRYPTED) throw new Error("strong encryption is not read");
    // The header's bytes may be gone once more is read.
    const numbers = numbersOf(header);
    position += HEADER_BYTES;
    const length = numbers.nameBytes + numbers.extraBytes + numbers.commentBytes;
    const bytes = await read(position, length);
    position += length;
    yield entryOf(numbers, bytes);
  }
}

const numbersOf = (header: DataView) => ({
  flags: header.getUint16(8, true),
  method: header.getUint16(10, true),
  crc32: header.getUint32(16, true),
  compressedBytes: header.getUint32(20, true),
  bytes: header.getUint32(24, true),
  nameBytes: header.getUint16(28, true),
  extraBytes: header.getUint16(30, true),
  commentBytes: header.getUint16(32, true),
  offset: header.getUint32(42, true),
});

/** @param following name, extra fields and comment */
function entryOf(numbers: ReturnType<typeof numbersOf>, following: Uint8Array): ZipDirectoryEntry {
  const { flags, method, crc32, nameBytes, extraBytes } = numbers;
  const fields = extraFields(following.subarray(nameBytes, nameBytes + extraBytes));
  const name = nameOf(following.subarray(0, nameBytes), flags, fields);
  const { bytes, compressedBytes, offset } = withZip64(numbers, fields);
  const isEncrypted = (flags & ENCRYPTED) !== 0;
  if (method === 0 && compressedBytes !== bytes + (isEncrypted ? ENCRYPTION_BYTES : 0)) {
    throw new Error(`a stored file takes ${compressedBytes} bytes, and has ${bytes}`);
  }
  return { name, offset, compressedBytes, bytes, crc32, method, isEncrypted };
}

interface ExtraField {
  readonly id: number;
  readonly data: Uint8Array;
}

function extraFields(bytes: Uint8Array): ExtraField[] {
  const view = viewOf(bytes);
  const fields: ExtraField[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (end > bytes.length) throw new Error("an extra field is longer than its place");
    fields.push({ id: view.getUint16(at, true), data: bytes.subarray(at + 4, end) });
    at = end;
  }
  return fields;
}

function nameOf(raw: Uint8Array, flags: number, fields: readonly ExtraField[]): string {
  // Info-ZIP's field holds for the name that it was made with, in version 1.
  const unicode = fields.find(
    ({ id, data }) =>
      id === UNICODE_NAME &&
      data.length >= 6 &&
      data[0] === 1 &&
      viewOf(data).getUint32(1, true) === compression.crc32(raw),
  );
  const text = unicode ? utf8.decode(unicode.data.subarray(5)) : flags & UTF8 ? utf8.decode(raw) : cp437(raw);
  const name = text.replaceAll("\\", "/");
  if (/^(?:[a-z]:|\/)/i.test(name)) throw new Error(`absolute path: ${name}`);
  if (name.split("/").includes("..")) throw new Error(`invalid relative path: ${name}`);
  return name;
}

const cp437 = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) =>
    byte < 32 ? LOW[byte] : byte < 127 ? String.fromCharCode(byte) : HIGH[byte - 127],
  ).join("");

type Sizes = Pick<ZipDirectoryEntry, "bytes" | "compressedBytes" | "offset">;

/** The numbers that do not fit into 32 bits are in the zip64 field, in this order. */
function withZip64({ bytes, compressedBytes, offset }: Sizes, fields: readonly ExtraField[]): Sizes {
  const field = fields.find(({ id }) => id === ZIP64);
  if (field === undefined) return { bytes, compressedBytes, offset };
  const view = viewOf(field.data);
  let at = 0;
  const whole = (number: number): number => {
    if (number !== ELSEWHERE) return number;
    if (at + 8 > view.byteLength) throw new Error("the zip64 field is too short");
    at += 8;
    return uint64(view, at - 8);
  };
  return { bytes: whole(bytes), compressedBytes: whole(compressedBytes), offset: whole(offset) };
}
