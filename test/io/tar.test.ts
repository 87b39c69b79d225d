// Tar archives: names of every form, what is passed over, and what is refused.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTar } from "../../src/io/tar.ts";
import { FileError } from "../../src/platform/errors.ts";
import { workFolder } from "../data/support.ts";
import { gnuName, pax, tar } from "./tar_writer.ts";

const work = workFolder();

/** Names and contents of an archive's files. */
async function filesOf(archive: Buffer): Promise<Record<string, string>> {
  await work.put("a.tar", archive);
  const entries = await readTar(work.path("a.tar"), (name) => !name.endsWith(".txt"));
  return Object.fromEntries(
    entries.map(({ name, offset, bytes }) => [name, archive.subarray(offset, offset + bytes).toString()]),
  );
}

async function problemOf(archive: Buffer): Promise<string> {
  const error = await filesOf(archive).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(FileError);
  return error instanceof FileError ? error.problem : "";
}

const long = `${"d".repeat(150)}/${"ü".repeat(100)}.png`;

describe("readTar", () => {
  it("finds the wanted files, by names of ustar, GNU and pax", async () => {
    const archive = tar([
      { name: "./a.png", content: "first" },
      { name: "b.txt", content: "not wanted" },
      { name: "c.png", content: "x".repeat(512), prefix: "of/ustar" },
      gnuName(long),
      { name: long.slice(0, 99), content: "gnu" },
      pax({ mtime: "1.5", path: `p/${long}` }),
      { name: "short", content: "pax" },
      { name: "empty.png" },
      { name: "wide.png", content: "large", wideSize: true },
    ]);
    expect(await filesOf(archive)).toEqual({
      "a.png": "first",
      "of/ustar/c.png": "x".repeat(512),
      [long]: "gnu",
      [`p/${long}`]: "pax",
      "empty.png": "",
      "wide.png": "large",
    });
  });

  it("passes over folders, links, devices and files with holes", async () => {
    const archive = tar([
      { name: "folder.png/", kind: "5" },
      { name: "hard.png", kind: "1", size: 4000 },
      { name: "soft.png", kind: "2" },
      { name: "holes.png", kind: "S", content: "stored" },
      pax({ "GNU.sparse.major": "1", path: "h.png" }),
      { name: "holes.png", content: "stored" },
      { name: "g", kind: "g", content: "12 path=g.png\n" },
      { name: "a.png", content: "here" },
    ]);
    expect(await filesOf(archive)).toEqual({ "a.png": "here" });
  });

  it("goes on in an archive that was appended, and ignores what else is behind the end", async () => {
    const [one, two] = ["1", "2"].map((name) => tar([{ name, content: name }]));
    expect(await filesOf(Buffer.concat([one, two]))).toEqual({ "1": "1", "2": "2" });
    expect(await filesOf(Buffer.concat([one, Buffer.from("behind")]))).toEqual({ "1": "1" });
    expect(await filesOf(Buffer.concat([one, Buffer.alloc(600, 7)]))).toEqual({ "1": "1" });
    expect(await filesOf(tar([]))).toEqual({});
  });

  it("refuses names that lead out", async () => {
    for (const name of ["/etc/a.png", "../a.png", "a/../../b.png", "..", "C:/a.png", "a\\..\\..\\b.png"]) {
      expect(await problemOf(tar([{ name }]))).toBe(
        `the name ${JSON.stringify(name)} in it leads out of the archive; it is refused`,
      );
      expect(await problemOf(tar([gnuName(name), { name: "a" }]))).toMatch(/leads out of the archive/);
      expect(await problemOf(tar([pax({ path: name }), { name: "a" }]))).toMatch(/leads out of the archive/);
    }
  });

  it("says that an archive is damaged, cut short, or something else", async () => {
    const damaged = /^not a tar archive, damaged or cut short \(at byte (\d+) of \d+\)$/;
    const files = [
      { name: "a", content: "first" },
      { name: "b", content: "second" },
    ];
    expect(await problemOf(tar([files[0], { ...files[1], badSum: true }]))).toMatch(damaged);
    expect(await problemOf(tar([{ ...files[0], size: 2 ** 20 }]))).toMatch(damaged);
    expect(await problemOf(tar([{ ...files[0], size: 2 ** 60, wideSize: true }]))).toMatch(damaged);
    expect(await problemOf(tar([{ ...gnuName("x"), content: "x".repeat(2 ** 17) }, files[0]]))).toMatch(
      damaged,
    );
    expect(await problemOf(tar([pax({ size: "1e9" }), files[0]]))).toMatch(damaged);
    const whole = tar(files);
    expect(await problemOf(whole.subarray(0, 1300))).toMatch(damaged);
    expect(await problemOf(whole.subarray(0, 1600))).toMatch(/^cut short: the archive's end is missing/);
    expect(await problemOf(tar(files, false))).toMatch(/^cut short: the archive's end is missing/);
    expect(await problemOf(Buffer.alloc(0))).toMatch(/an empty file, where a tar archive was expected/);
    expect(await problemOf(Buffer.from("\x1f\x8b\x08\0", "latin1"))).toMatch(
      /a file packed with gzip, where a tar archive was expected; unpack it/,
    );
    expect(await problemOf(Buffer.from("PK\x03\x04 and more"))).toMatch(/a zip archive, where a tar archive/);
    expect(await problemOf(Buffer.from("only text here"))).toMatch(/text \("only text here"\)/);
  });

  it("damaged at random, gives files inside the archive, or one line", async () => {
    const sound = tar([
      gnuName(long),
      { name: "a", content: "first" },
      pax({ path: "b" }),
      { name: "c", content: "2" },
    ]);
    const changes = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(sound.length), fc.boolean(), async (places, length, isCut) => {
        const archive = Buffer.from(isCut ? sound.subarray(0, length) : sound);
        for (const [place, value] of places) if (place < archive.length) archive[place] = value;
        await work.put("a.tar", archive);
        try {
          for (const { offset, bytes } of await readTar(work.path("a.tar"), () => true)) {
            expect(offset + bytes).toBeLessThanOrEqual(archive.length);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(FileError);
          expect(String(error)).not.toContain("\n");
        }
      }),
      { numRuns: 100, seed: 3 },
    );
  });
});
