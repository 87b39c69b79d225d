// What the browser's side does without a browser's help, run in Node beside Node's side: the same results.

import { brotliCompressSync, deflateRawSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { archives } from "../../src/platform/browser/archives.ts";
import { compression } from "../../src/platform/browser/compression.ts";
import { hashing } from "../../src/platform/browser/hashing.ts";
import { tables } from "../../src/platform/browser/tables.ts";
import * as node from "../../src/platform/node/index.ts";
import type { Archives, Tables, ZipDirectoryEntry } from "../../src/platform/platform.ts";
import { zip } from "../io/zip_writer.ts";

const words = Buffer.from("A moth, a moth, a moth of the night. ".repeat(4000));
const noise = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i * 7919) >> 7);

describe("hashes", () => {
  it("are those of Node, piece by piece, of bytes and text", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.string())), (parts) => {
        for (const algorithm of ["sha256", "sha1"] as const) {
          const [here, there] = [hashing, node.hashing].map((side) => {
            const hasher = side.hasher(algorithm);
            for (const part of parts) expect(hasher.update(part)).toBe(hasher);
            return hasher.digest();
          });
          expect(here).toBe(there);
        }
      }),
    );
    expect(hashing.sha256("é")).toBe(node.hashing.sha256("é"));
    expect(hashing.sha256(noise)).toBe(node.hashing.sha256(noise));
  });

  it("are random of any length", () => {
    expect(hashing.randomHex(16)).toMatch(/^[0-9a-f]{32}$/);
    expect(hashing.randomHex(100_000)).toHaveLength(200_000);
    expect(hashing.randomHex(16)).not.toBe(hashing.randomHex(16));
  });
});

describe("unpacking", () => {
  it("has Node's CRC-32", () => {
    for (const data of [new Uint8Array(0), words, noise, noise.subarray(3, 1001)]) {
      expect(compression.crc32(data)).toBe(node.compression.crc32(data));
      expect(compression.crc32(data.subarray(7), compression.crc32(data.subarray(0, 7)))).toBe(
        compression.crc32(data),
      );
    }
  });

  it("inflates to what was packed, and no further than allowed", async () => {
    for (const data of [Buffer.alloc(0), words, Buffer.from(noise), Buffer.alloc(2 ** 22)]) {
      const packed = deflateRawSync(data);
      expect(Buffer.from(await compression.inflateRaw(packed, data.length)).equals(data)).toBe(true);
      if (data.length === 0) continue;
      await expect(compression.inflateRaw(packed, data.length - 1)).rejects.toThrow(/more than \d+ bytes/);
    }
  });

  it("refuses raw deflate that is cut short, damaged, or followed by more", async () => {
    const packed = deflateRawSync(words);
    for (const length of [0, 1, packed.length >> 1, packed.length - 1]) {
      await expect(compression.inflateRaw(packed.subarray(0, length), 1e6)).rejects.toThrow();
    }
    await expect(compression.inflateRaw(Buffer.concat([packed, packed]), 1e6)).rejects.toThrow();
    await expect(compression.inflateRaw(noise, 1e6)).rejects.toThrow();
  });

  it("unpacks gzip, its bytes checked; also of several members that fill the page", () => {
    for (const data of [Buffer.alloc(0), words, Buffer.from(noise), Buffer.alloc(5000)]) {
      const packed = gzipSync(data);
      for (const most of [data.length, data.length + 1000]) {
        expect(Buffer.from(compression.gunzip(packed, most)).equals(data)).toBe(true);
      }
      if (data.length > 0) expect(() => compression.gunzip(packed, data.length - 1)).toThrow(/more than/);
    }
    const [a, b] = [words.subarray(0, 70_000), words.subarray(70_000)];
    const members = Buffer.concat([gzipSync(a), gzipSync(b)]);
    expect(Buffer.from(compression.gunzip(members, words.length)).equals(words)).toBe(true);
  });

  it("refuses gzip that is cut short or damaged", () => {
    const packed = gzipSync(words);
    for (const length of [0, 5, 18, packed.length >> 1, packed.length - 1]) {
      expect(() => compression.gunzip(packed.subarray(0, length), words.length)).toThrow();
    }
    for (let at = 10; at < packed.length; at++) {
      const damaged = Buffer.from(packed);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      expect(() => compression.gunzip(damaged, words.length)).toThrow();
    }
    const lying = gzipSync(words);
    lying.writeUInt32LE(10, lying.length - 4);
    expect(() => compression.gunzip(lying, 10)).toThrow();
  });

  it("says that brotli is not unpacked", () => {
    expect(() => compression.brotli(brotliCompressSync(words), words.length)).toThrow(/zstd or snappy/);
  });
});

describe("tables", () => {
  const rowsOf = (side: Tables, text: string, most = 1000) =>
    side.csvRows(text, most).catch((error: Error) => `! ${error.message}`);

  it("have Node's rows, and its words for what is wrong", async () => {
    const texts = [
      "file_name,label\na.png,wasp\nb.png,\n",
      '\ufeffa,b\r\n\r\n"x, y","say ""hi"""\r\n',
      'a,b\n"line one\nline two",é\n',
      "",
      "a,b\n1,2,3\n",
      'a,b\n"open,2\n',
      'a,b\n1,"x"y\n',
      `a\n${"x".repeat(2000)}\n`,
    ];
    for (const text of texts) expect(await rowsOf(tables, text)).toEqual(await rowsOf(node.tables, text));
    expect(await rowsOf(tables, texts[0]!)).toEqual([
      ["file_name", "label"],
      ["a.png", "wasp"],
      ["b.png", ""],
    ]);
    expect(await rowsOf(tables, texts[7]!)).toMatch(/^! .*1000/);
  });
});

describe("directories of zip archives", () => {
  async function entriesOf(side: Archives, archive: Uint8Array) {
    const entries: ZipDirectoryEntry[] = [];
    try {
      const read = async (position: number, length: number) => {
        if (!(position >= 0 && position + length <= archive.length)) throw new Error("unexpected EOF");
        return archive.subarray(position, position + length);
      };
      const directory = await side.zipDirectory(read, archive.length);
      for await (const entry of directory.entries) entries.push(entry);
      return { count: directory.count, entries };
    } catch (error) {
      // How archives are refused that lead out, are encrypted or in parts is told by these words.
      const known = /^Error: (invalid relative path|absolute path|strong encryption|multi-disk)/.exec(
        String(error),
      );
      return { entries, refused: known?.[1] ?? "otherwise" };
    }
  }

  it("have Node's entries and refusals, whatever byte is wrong", async () => {
    const whole = archive64([
      { name: Buffer.from("a.txt"), flags: 0x800 },
      { name: Buffer.from([0x81, 0xff, 0x01, 0x5c, 0x62]), flags: 0 },
      { name: Buffer.from("old"), flags: 0, unicode: "né.png" },
      { name: Buffer.from("large"), flags: 0x801, isLarge: true },
    ]);
    const good = await entriesOf(archives, whole);
    expect(good.entries.map(({ name }) => name)).toEqual(["a.txt", "ü\u00a0☺/b", "né.png", "large"]);
    expect(good.entries[3]).toMatchObject({ bytes: 2 ** 33, offset: 2 ** 34, isEncrypted: true });
    const archivesToTry = [whole, zip([{ name: "a", content: "x" }]), zip([{ name: "../a", content: "x" }])];
    for (const archive of [...archivesToTry, zip([{ name: "C:a", content: "x" }])]) {
      expect(await entriesOf(archives, archive)).toEqual(await entriesOf(node.archives, archive));
      for (let at = 0; at < archive.length; at++) {
        for (const flip of [0xff, 0x01, 0x40]) {
          const bytes = Uint8Array.from(archive);
          bytes[at] = (bytes[at] ?? 0) ^ flip;
          expect(await entriesOf(archives, bytes), `byte ${at}`).toEqual(
            await entriesOf(node.archives, bytes),
          );
        }
        const cut = archive.subarray(0, at);
        expect(await entriesOf(archives, cut)).toEqual(await entriesOf(node.archives, cut));
      }
    }
  });
});

interface Entry64 {
  readonly name: Buffer;
  readonly flags: number;
  /** Also named so, in Info-ZIP's field. */
  readonly unicode?: string;
  /** Its numbers are in the zip64 field. */
  readonly isLarge?: boolean;
}

/** A directory alone, with zip64's records at its end, and a comment. */
function archive64(entries: readonly Entry64[]): Buffer {
  const directory = Buffer.concat(entries.map(header64));
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(0x06064b50, 0);
  end64.writeBigUInt64LE(BigInt(entries.length), 32);
  end64.writeBigUInt64LE(0n, 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(directory.length), 8);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(0xffff, 10);
  end.writeUInt32LE(0xffffffff, 16);
  end.writeUInt16LE(5, 20);
  return Buffer.concat([directory, end64, locator, end, Buffer.from("hello")]);
}

function header64({ name, flags, unicode, isLarge = false }: Entry64): Buffer {
  const extra: Buffer[] = [];
  if (unicode !== undefined) {
    const field = Buffer.alloc(9);
    field.writeUInt16LE(0x7075, 0);
    field.writeUInt16LE(5 + Buffer.byteLength(unicode), 2);
    field[4] = 1;
    field.writeUInt32LE(node.compression.crc32(name), 5);
    extra.push(field, Buffer.from(unicode));
  }
  if (isLarge) {
    const field = Buffer.alloc(28);
    field.writeUInt16LE(1, 0);
    field.writeUInt16LE(24, 2);
    for (const [i, value] of [2n ** 33n, 2n ** 32n, 2n ** 34n].entries())
      field.writeBigUInt64LE(value, 4 + 8 * i);
    extra.push(field);
  }
  const fields = Buffer.concat(extra);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(flags, 8);
  header.writeUInt16LE(8, 10);
  header.writeUInt32LE(isLarge ? 0xffffffff : 7, 20);
  header.writeUInt32LE(isLarge ? 0xffffffff : 9, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(fields.length, 30);
  header.writeUInt32LE(isLarge ? 0xffffffff : 11, 42);
  return Buffer.concat([header, name, fields]);
}
