import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeFolder, replaceDirAtomic, writeFileAtomic } from "../../src/io/atomic.ts";
import { FileError } from "../../src/io/errors.ts";
import { temporaryFolder } from "./fixtures.ts";

/** Fails as a full disk does. */
async function fillTheDisk(): Promise<void> {
  throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
}

describe("writeFileAtomic", () => {
  test("writes text, bytes and streams, making folders, replacing what was there", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "a", "b", "x.txt");
    await writeFileAtomic(path, "one");
    expect(readFileSync(path, "utf8")).toBe("one");
    await writeFileAtomic(path, new Uint8Array([50]));
    expect(readFileSync(path, "utf8")).toBe("2");
    await writeFileAtomic(path, async (file) => {
      await file.write("three");
    });
    expect(readFileSync(path, "utf8")).toBe("three");
    expect(readdirSync(join(folder, "a", "b"))).toEqual(["x.txt"]);
  });

  test("a failure leaves the old file and nothing else", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "x.txt");
    await writeFileAtomic(path, "old");
    const failing = writeFileAtomic(path, async (file) => {
      await file.write("half of the n");
      await fillTheDisk();
    });
    await expect(failing).rejects.toThrow(
      `${path}: cannot write the file: the disk is full; free some space or choose a folder on another disk (ENOSPC)`,
    );
    await expect(failing).rejects.toBeInstanceOf(FileError);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["x.txt"]);
  });

  test.runIf(process.platform === "linux")(
    "the system's own answer to a full disk is explained",
    async () => {
      const writing = writeFileAtomic(join(temporaryFolder(), "x"), async () => {
        const full = await open("/dev/full", "w");
        await full.write("x").finally(() => full.close());
      });
      await expect(writing).rejects.toThrow(/the disk is full/);
    },
  );

  test("an error that is not the system's comes through unchanged", async () => {
    const mine = new RangeError("mine");
    await expect(writeFileAtomic(join(temporaryFolder(), "x"), () => Promise.reject(mine))).rejects.toBe(
      mine,
    );
  });

  test("a path through a file is explained", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "file"), "");
    await expect(writeFileAtomic(join(folder, "file", "x"), "")).rejects.toBeInstanceOf(FileError);
    mkdirSync(join(folder, "taken"));
    await expect(writeFileAtomic(join(folder, "taken"), "")).rejects.toThrow(/this is a folder where a file/);
    expect(readdirSync(folder).sort()).toEqual(["file", "taken"]);
  });
});

describe("makeFolder", () => {
  test("makes what is missing, at the same time too, and takes what is there", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "a", "b", "c");
    await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(folder, "a", "b"))]);
    await makeFolder(path);
    expect(readdirSync(join(folder, "a", "b"))).toEqual(["c"]);
    writeFileSync(join(folder, "file"), "");
    await expect(makeFolder(join(folder, "file"))).rejects.toThrow(
      /cannot make the folder: it exists already/,
    );
    await expect(makeFolder(join(folder, "file", "x"))).rejects.toThrow(/a file where a folder was expected/);
  });

  test.runIf(process.platform === "linux")("ends where a file system refuses new folders", async () => {
    await expect(makeFolder("/proc/imago/x")).rejects.toThrow(
      "/proc/imago/x: cannot make the folder: no such file",
    );
  });
});

describe("replaceDirAtomic", () => {
  test("makes a folder, then replaces it whole", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "runs", "step-1");
    await replaceDirAtomic(path, async (aside) => writeFileSync(join(aside, "a"), "1"));
    expect(readdirSync(path)).toEqual(["a"]);
    await replaceDirAtomic(path, async (aside) => {
      expect(readdirSync(path)).toEqual(["a"]);
      writeFileSync(join(aside, "b"), "2");
    });
    expect(readdirSync(path)).toEqual(["b"]);
    expect(readdirSync(join(folder, "runs"))).toEqual(["step-1"]);
  });

  test("a failure leaves the old folder and nothing else", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "step-1");
    await replaceDirAtomic(path, async (aside) => writeFileSync(join(aside, "a"), "1"));
    await expect(
      replaceDirAtomic(path, async (aside) => {
        writeFileSync(join(aside, "b"), "2");
        await fillTheDisk();
      }),
    ).rejects.toThrow(`${path}: cannot write the folder: the disk is full`);
    expect(readdirSync(path)).toEqual(["a"]);
    expect(readdirSync(folder)).toEqual(["step-1"]);
  });

  test("a file in its place is not replaced", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "step-1");
    writeFileSync(path, "mine");
    await expect(replaceDirAtomic(path, async () => {})).rejects.toThrow(
      /a file stands where a folder is to be written/,
    );
    expect(readFileSync(path, "utf8")).toBe("mine");
    expect(readdirSync(folder)).toEqual(["step-1"]);
  });
});
