// What the studio keeps of files between two looks of the page.

import { appendFile, rm, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { Unchanged } from "../../src/cli/studio/unchanged.ts";
import { testFolder } from "../support/folder.ts";

const folder = testFolder();

test("a file is read again when it changed, and not otherwise; of too many, the oldest are forgotten", async () => {
  const read: string[] = [];
  const unchanged = new Unchanged(async (path) => {
    read.push(path);
    return read.length;
  }, 2);
  const [a, b, c] = ["a", "b", "c"].map((name) => folder(name));
  for (const path of [a, b, c]) await writeFile(path, "1");
  expect([await unchanged.read(a), await unchanged.read(a)]).toEqual([1, 1]);
  await appendFile(a, "2");
  expect(await unchanged.read(a)).toBe(2);
  expect([await unchanged.read(b), await unchanged.read(c), await unchanged.read(b)]).toEqual([3, 4, 3]);
  expect(await unchanged.read(a)).toBe(5);
  await rm(b);
  await expect(unchanged.read(b)).rejects.toThrow("ENOENT");
});
