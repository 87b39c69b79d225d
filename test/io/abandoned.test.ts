// The unfinished work of a process is taken over after its end, and never while it may be running.

import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { processes } from "#platform";
import { isAbandoned } from "../../src/io/abandoned.ts";
import { testFolder } from "../support/folder.ts";

const folder = testFolder();

/** A file, and a folder with a file in it, both last changed so many minutes ago. */
async function made(minutes: number): Promise<string[]> {
  const file = folder(`part-${minutes}`);
  const build = folder(`build-${minutes}`);
  await mkdir(build, { recursive: true });
  const at = Date.now() / 1000 - 60 * minutes;
  for (const path of [file, join(build, "pixels.bin")]) {
    await writeFile(path, "x");
    await utimes(path, at, at);
  }
  await utimes(build, at, at);
  return [file, build];
}

test("of a process that is alive or gone, whatever its age", async () => {
  const own = await processes.mark();
  const another = own.replace(/-\d+-/, "-4194999-");
  const before = own.replace(/[0-9a-f]{8}$/, "00000000");
  for (const path of [...(await made(0)), ...(await made(60))]) {
    expect(await isAbandoned(path, own)).toBe(false);
    expect(await isAbandoned(path, another)).toBe(true);
    // Its number is used again by a process that began at another time.
    expect(await isAbandoned(path, before)).toBe(true);
  }
});

test("of a process in another container, of which only its number is alive or dead here, by its age alone", async () => {
  const own = await processes.mark();
  const marks = [own.replace(/^[0-9a-f]{8}/, "00000000"), "00000000-4194999-00000000", "4194999"];
  for (const mark of marks) {
    for (const path of await made(0)) expect(await isAbandoned(path, mark)).toBe(false);
    for (const path of await made(60)) expect(await isAbandoned(path, mark)).toBe(true);
  }
  // A build is as young as the youngest file in it.
  const [, build = ""] = await made(30);
  await writeFile(join(build, "index.jsonl"), "x");
  expect(await isAbandoned(build, "00000000-4194999-00000000")).toBe(false);
});
