import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FileError } from "../../src/platform/errors.ts";
import {
  makeFolder,
  removeFolder,
  repairFolder,
  replaceDirAtomic,
  replacementOf,
  writeFileAtomic,
} from "../../src/platform/node/atomic.ts";
import { temporaryFolder } from "../io/fixtures.ts";

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

describe("after a crash", () => {
  const TMP = ".step-1.0123456789ab.tmp";
  const OLD = ".step-1.0123456789ab.old";
  /** A folder of folders, each with a file that says which it is. */
  function crashed(...names: string[]): string {
    const folder = temporaryFolder();
    for (const name of names) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "is"), name);
    }
    return folder;
  }
  const repaired = async (...names: string[]) => {
    const folder = crashed(...names);
    const found = await replacementOf(join(folder, "step-1"));
    const foundNow = found === undefined ? undefined : readFileSync(join(found, "is"), "utf8");
    await repairFolder(folder);
    const left = readdirSync(folder);
    const content = left.includes("step-1") ? readFileSync(join(folder, "step-1", "is"), "utf8") : undefined;
    expect(content).toBe(names.includes("step-1") ? "step-1" : foundNow);
    return { left, content };
  };

  test("between the two renames: the new folder is put in its place", async () => {
    expect(await repaired(TMP, OLD)).toEqual({ left: ["step-1"], content: TMP });
  });

  test("before, after, or without an old one: what stands there stays, the rest goes", async () => {
    expect(await repaired("step-1", TMP)).toEqual({ left: ["step-1"], content: "step-1" });
    expect(await repaired("step-1", OLD)).toEqual({ left: ["step-1"], content: "step-1" });
    expect(await repaired(TMP)).toEqual({ left: [], content: undefined });
  });

  test("an old one is never lost to a half written one of another time", async () => {
    const other = TMP.replace("0123", "4567");
    expect(await repaired(OLD, other)).toEqual({ left: ["step-1"], content: OLD });
  });

  test("files aside are removed, and nothing of the user's; a missing folder is clean", async () => {
    const folder = crashed(".git", ".a.tmp", "b.0123456789ab.tmp");
    writeFileSync(join(folder, ".config.json.0123456789ab.tmp"), "{");
    await repairFolder(folder);
    expect(readdirSync(folder).sort()).toEqual([".a.tmp", ".git", "b.0123456789ab.tmp"]);
    await repairFolder(join(folder, "missing"));
  });

  test("a folder is removed whole, and a missing one is no fault", async () => {
    const folder = crashed("step-1");
    await removeFolder(join(folder, "step-1"));
    expect(readdirSync(folder)).toEqual([]);
    await removeFolder(join(folder, "step-1"));
  });
});
