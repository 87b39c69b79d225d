// Writes tar archives for tests, valid ones and others.

export interface TarFile {
  readonly name: string;
  readonly content?: Uint8Array | string;
  /** Default: a file, "0". */
  readonly kind?: string;
  /** Said in place of the truth. */
  readonly size?: number;
  readonly prefix?: string;
  /** Writes the size in GNU's form for large files. */
  readonly wideSize?: boolean;
  readonly badSum?: boolean;
}

const filled = (bytes: Uint8Array): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);

function entry({ name, content = "", kind = "0", size, prefix = "", wideSize, badSum }: TarFile): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write("0000644\0", 100);
  const said = size ?? bytes.length;
  if (wideSize) {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(said), 128);
  } else header.write(`${said.toString(8).padStart(11, "0")}\0`, 124);
  header.write("        ", 148);
  header.write(kind, 156, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  header.write(prefix, 345, 155);
  const sum = header.reduce((total, byte) => total + byte, badSum ? 1 : 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, filled(bytes)]);
}

/** @param end whether the blocks of zeros that end an archive are there */
export const tar = (files: readonly TarFile[], end = true): Buffer =>
  Buffer.concat([...files.map(entry), Buffer.alloc(end ? 1024 : 0)]);

/** A name of any length, as GNU tar writes it. */
export const gnuName = (name: string): TarFile => ({
  name: "././@LongLink",
  kind: "L",
  content: `${name}\0`,
});

/** A header of pax with records. */
export function pax(records: Readonly<Record<string, string>>): TarFile {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const bytes = Buffer.byteLength(rest);
    const digits = String(bytes + String(bytes + 2).length).length;
    return `${bytes + digits}${rest}`;
  });
  return { name: "PaxHeader", kind: "x", content: lines.join("") };
}
