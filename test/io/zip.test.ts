// Zip archives: accepted and refused ones, on Node's side of the platform and on the browser's.
import { writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openZip } from "../../src/io/zip.ts";
import * as browser from "../../src/platform/browser/archives.ts";
import { compression } from "../../src/platform/browser/compression.ts";
import { FileError } from "../../src/platform/errors.ts";
import * as node from "../../src/platform/node/index.ts";
import { freshFolder } from "../support/folder.ts";
import { type ZipFileOptions, zip } from "./zip_writer.ts";

const folder = freshFolder();

async function put(files: readonly ZipFileOptions[] | Buffer): Promise<string> {
  const path = folder("a.zip");
  await writeFile(path, Buffer.isBuffer(files) ? files : zip(files));
  return path;
}

/** Name -> text of everything in the archive. */
async function readAll(path: string, wanted = (_: string) => true): Promise<Record<string, string>> {
  const archive = await openZip(path, wanted);
  try {
    const texts = archive.entries.map(async (entry) => {
      const bytes = await archive.read(entry).catch((error: Error) => `! ${error.message}`);
      return [entry.name, Buffer.from(bytes).toString()] as const;
    });
    return Object.fromEntries(await Promise.all(texts));
  } finally {
    await archive.close();
  }
}

async function refusal(files: readonly ZipFileOptions[] | Buffer): Promise<string> {
  const error = await readAll(await put(files)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(FileError);
  const message = error instanceof Error ? error.message : "";
  expect(message).not.toContain("\n");
  return message;
}

describe.each(["node", "browser"])("openZip, on the side of %s", (side) => {
  beforeEach(() => {
    if (side === "node") return;
    vi.spyOn(node.archives, "zipDirectory").mockImplementation(browser.archives.zipDirectory);
    vi.spyOn(node.compression, "inflateRaw").mockImplementation(compression.inflateRaw);
  });
  afterEach(() => vi.restoreAllMocks());

  it("reads stored and deflated files, those that are wanted", async () => {
    const path = await put([
      { name: "a.txt", content: "first" },
      { name: "b/", content: "", stored: true },
      { name: "b/é.txt", content: "x".repeat(1000), stored: true },
      { name: "c.bin", content: "not wanted" },
    ]);
    expect(await readAll(path, (name) => name.endsWith(".txt"))).toEqual({
      "a.txt": "first",
      "b/é.txt": "x".repeat(1000),
    });
  });

  it.each(["../up.png", "a/../../up.png", "/etc/up.png", "C:/up.png"])(
    "refuses a name that leads out: %s",
    async (name) => {
      expect(await refusal([{ name, content: "x" }])).toMatch(/leads out of the archive; it is refused/);
    },
  );

  it("refuses what is encrypted, or packed in another way", async () => {
    expect(await refusal([{ name: "a", content: "x", says: { flags: 0x801 } }])).toMatch(/is encrypted/);
    expect(await refusal([{ name: "a", content: "x", says: { flags: 0x841 } }])).toMatch(/is encrypted/);
    expect(await refusal([{ name: "a", content: "x", says: { method: 14 } }])).toMatch(/by method 14/);
  });

  it("refuses bombs: by ratio, by size, by overlap", async () => {
    const zeros = new Uint8Array(2 ** 22);
    expect(await refusal([{ name: "a", content: zeros }])).toMatch(/times its size: .* zip bomb/);
    const large = { name: "a", content: "x", says: { bytes: 2 ** 30 } };
    expect(await refusal([large])).toMatch(/unpack to 1073741824 bytes.* zip bomb/);
    const kernel = { name: "a", content: "x".repeat(500), stored: true };
    const again = (name: string) => ({ ...kernel, name, says: { offset: 0 } });
    const names = ["b", "c", "d", "e"];
    const archive = zip([kernel, ...names.map(again)]);
    // The bytes of the copies are cut out: five entries tell of the same ones.
    const one = 30 + 1 + 500;
    const cut = Buffer.concat([archive.subarray(0, one), archive.subarray(5 * one)]);
    cut.writeUInt32LE(one, cut.length - 6);
    expect(await refusal(cut)).toMatch(/overlap .* zip bomb/);
  });

  it("never unpacks more than was promised", async () => {
    const path = await put([
      { name: "a", content: "x".repeat(5000), says: { bytes: 10 } },
      { name: "b", content: "good" },
      { name: "c", content: "good", says: { crc32: 1 } },
    ]);
    expect(await readAll(path)).toEqual({
      a: "! damaged in the archive",
      b: "good",
      c: "! damaged in the archive",
    });
  });

  it("says so in one line wherever an archive is cut off, and whatever byte is wrong", async () => {
    const whole = zip([
      { name: "a.txt", content: "first" },
      { name: "b.txt", content: "second", stored: true },
    ]);
    expect(await refusal(Buffer.alloc(0))).toMatch(/this is an empty file, where a zip archive was expected/);
    for (let length = 1; length < whole.length; length++) {
      expect(await refusal(whole.subarray(0, length))).toMatch(/not a zip archive, damaged or cut short/);
    }
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      const read = await readAll(await put(bytes)).catch((reason: unknown) => reason);
      if (read instanceof Error) expect(read).toBeInstanceOf(FileError);
    }
  });
});
