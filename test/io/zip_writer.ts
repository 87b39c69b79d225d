// Writes zip archives for tests, valid ones and others: the directory can differ from the content.
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipFileOptions {
  readonly name: string;
  readonly content: Uint8Array | string;
  /** Default: deflate. */
  readonly stored?: boolean;
  /** Said by the directory in place of the truth. */
  readonly says?: Partial<{
    bytes: number;
    crc32: number;
    flags: number;
    method: number;
    offset: number;
  }>;
}

export function zip(files: readonly ZipFileOptions[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, stored = false, says = {} } of files) {
    const bytes = Buffer.from(content);
    const packed = stored ? bytes : deflateRawSync(bytes);
    const label = Buffer.from(name);
    const fields = {
      bytes: bytes.length,
      crc32: crc32(bytes),
      flags: 0x800,
      method: stored ? 0 : 8,
      offset,
      ...says,
    };
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    common(local, 6, fields, packed.length, label.length);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(20, 4);
    central.writeUInt16LE(20, 6);
    common(central, 8, fields, packed.length, label.length);
    central.writeUInt32LE(fields.offset, 42);
    parts.push(local, label, packed);
    directory.push(central, label);
    offset += local.length + label.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(
    directory.reduce((sum, part) => sum + part.length, 0),
    12,
  );
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

/** What local header and directory have in common, from their flags on. */
function common(
  header: Buffer,
  at: number,
  fields: { bytes: number; crc32: number; flags: number; method: number },
  packed: number,
  nameLength: number,
): void {
  header.writeUInt16LE(fields.flags, at);
  header.writeUInt16LE(fields.method, at + 2);
  header.writeUInt32LE(fields.crc32, at + 8);
  header.writeUInt32LE(packed, at + 12);
  header.writeUInt32LE(fields.bytes, at + 16);
  header.writeUInt16LE(nameLength, at + 20);
}
