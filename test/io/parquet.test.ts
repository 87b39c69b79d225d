// Parquet files as Python writes them, whole, cut off and damaged. tools/python/parquet_images.py made them.
import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { openParquet } from "../../src/io/parquet.ts";
import { FileError } from "../../src/platform/errors.ts";
import { fixture } from "../data/support.ts";
import { freshFolder } from "../support/folder.ts";

const folder = freshFolder();

async function readAll(path: string): Promise<Record<string, unknown>[]> {
  const file = await openParquet(path);
  try {
    const rows: Record<string, unknown>[] = [];
    for (const group of file.groups.keys()) {
      rows.push(
        ...(await file.readGroup(
          group,
          file.columns.map(({ name }) => name),
        )),
      );
    }
    return rows;
  } finally {
    await file.close();
  }
}

describe("openParquet", () => {
  it("tells columns, features and row groups, and reads a group", async () => {
    const file = await openParquet(fixture("hugging_face"));
    expect(file.rows).toBe(10);
    expect(file.groups).toEqual([4, 4, 2]);
    expect(file.columns).toEqual([
      { name: "image", type: "image struct", feature: "Image" },
      { name: "label", type: "integer", feature: "ClassLabel", classNames: ["wasp", "ant", "bee", "moth"] },
      { name: "caption", type: "string" },
    ]);
    const rows = await file.readGroup(1, ["image", "label"]);
    expect(rows.map(({ label }) => label)).toEqual([1n, 2n, 0n, 1n]);
    expect(rows[0]?.image).toMatchObject({ path: "4.png", bytes: expect.any(Uint8Array) });
    await file.close();
  });

  it("unpacks every codec to the same", async () => {
    const expected = await readAll(fixture("plain_none"));
    expect(expected).toHaveLength(5);
    for (const codec of ["snappy", "gzip", "brotli", "zstd", "lz4"]) {
      expect(await readAll(fixture(`plain_${codec}`)), codec).toEqual(expected);
    }
  });

  it("says so in one line wherever a file is cut off, and whatever byte is wrong", async () => {
    const whole = await readFile(fixture("plain_snappy"));
    const path = folder("a.parquet");
    await writeFile(path, "");
    await expect(readAll(path)).rejects.toThrow(/this is an empty file, where a parquet file was expected/);
    for (let length = 1; length < whole.length; length += 19) {
      await writeFile(path, whole.subarray(0, length));
      await expect(readAll(path)).rejects.toThrow(/not a parquet file, or cut short/);
    }
    for (let at = 0; at < whole.length; at += 5) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      await writeFile(path, bytes);
      const read = await readAll(path).catch((reason: unknown) => reason);
      if (!(read instanceof Error)) continue;
      expect(read, `byte ${at}`).toBeInstanceOf(FileError);
      expect(read.message).not.toContain("\n");
    }
  });
});
