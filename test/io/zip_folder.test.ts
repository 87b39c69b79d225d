// A folder as a zip archive, and back.

import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { unzipFolder } from "../../src/io/unzip_folder.ts";
import { zipFolder } from "../../src/io/zip_folder.ts";
import { zip } from "./zip_writer.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "imago-zip-folder-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A run's folder in small: a file longer than one piece, an empty one, a lock, and a name that is not ASCII. */
async function makeRun(): Promise<string> {
  const run = join(folder, "run");
  await mkdir(join(run, "pipeline", "unet"), { recursive: true });
  await writeFile(join(run, "pipeline", "unet", "weights.safetensors"), randomBytes(2 ** 23 + 12_345));
  await writeFile(join(run, "metrics.jsonl"), '{"step":1}\n');
  await writeFile(join(run, "Schmetterlinge für Ö.txt"), "");
  await writeFile(join(run, ".lock"), "12");
  return run;
}

async function save(run: string): Promise<string> {
  const path = join(folder, "run.zip");
  await writeFile(path, await zipFolder(run));
  return path;
}

async function contents(root: string): Promise<Record<string, string>> {
  const names = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  const read = names.map(async ({ parentPath, name }) => [
    join(parentPath, name).slice(root.length + 1),
    (await readFile(join(parentPath, name))).toString("base64"),
  ]);
  return Object.fromEntries((await Promise.all(read)).toSorted());
}

test("comes back byte for byte, without its lock", async () => {
  const run = await makeRun();
  await unzipFolder(await save(run), join(folder, "back"));
  const { ".lock": _, ...expected } = await contents(run);
  expect(await contents(join(folder, "back"))).toEqual(expected);
});

test.skipIf(spawnSync("unzip", ["-v"]).status !== 0)(
  "is read by others (unzip), which see the run's name",
  async () => {
    const path = await save(await makeRun());
    execFileSync("unzip", ["-q", path, "-d", join(folder, "others")]);
    const { ".lock": _, ...expected } = await contents(join(folder, "run"));
    expect(await contents(join(folder, "others", "run"))).toEqual(expected);
  },
);

test("archives that others made: compressed, with or without a folder around, with what systems add", async () => {
  const path = join(folder, "a.zip");
  await writeFile(
    path,
    zip([
      { name: "model_index.json", content: "{}" },
      { name: "unet/config.json", content: "x".repeat(1000) },
      { name: "__MACOSX/unet/._config.json", content: "junk" },
      { name: "unet/.DS_Store", content: "junk" },
    ]),
  );
  await unzipFolder(path, join(folder, "back"));
  expect(Object.keys(await contents(join(folder, "back")))).toEqual(["model_index.json", "unet/config.json"]);
});

test("damage, and a folder that holds something, are refused; nothing is left", async () => {
  const run = await makeRun();
  const path = await save(run);
  await expect(unzipFolder(path, run)).rejects.toThrow(`${run}: it exists already; choose a new folder`);

  const bytes = await readFile(path);
  bytes[2 ** 22] ^= 1;
  await writeFile(path, bytes);
  await expect(unzipFolder(path, join(folder, "back"))).rejects.toThrow(
    `${path}: "run/pipeline/unet/weights.safetensors" damaged in the archive`,
  );
  await expect(unzipFolder(join(run, "metrics.jsonl"), join(folder, "back"))).rejects.toThrow(
    /metrics\.jsonl: /,
  );
  await expect(zipFolder(join(folder, "none"))).rejects.toThrow(/none: cannot read the folder: /);
  expect((await readdir(folder)).toSorted()).toEqual(["run", "run.zip"]);
});
