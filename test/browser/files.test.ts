// The file system of a page: what Node's keeps (test/platform/atomic.test.ts) is kept there, too.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeInBrowser, launch } from "./support/chromium.ts";
import { type OpenPage, openPage } from "./support/page.ts";

describeInBrowser("the files of a page", () => {
  let browser: Browser;
  let page: OpenPage<typeof import("./pages/files.ts")>;
  beforeAll(async () => {
    browser = await launch();
    page = await openPage(browser, "files", { isolated: true });
  });
  afterAll(() => browser?.close());

  let tests = 0;
  /** A new folder for each test. */
  let folder = "";
  beforeEach(() => {
    folder = `/test-${tests++}`;
  });

  test("text, bytes, streams and shared memory are written, folders made, old files replaced, and a reload keeps all", async () => {
    const { call } = page;
    const path = `${folder}/a/b/x.txt`;
    await call.write(path, "one");
    expect(await call.read(path)).toBe("one");
    await call.writePieces(path, ["t", "wö"]);
    expect(await call.read(path)).toBe("twö");
    await call.writeShared(path, "shared");
    expect(await call.read(path)).toBe("shared");
    await call.write(path, "\ufeffthree\n");
    expect(await call.list(`${folder}/a/b`)).toEqual(["x.txt"]);
    await page.reload();
    expect(await call.tree(folder)).toEqual({ "a/b/x.txt": "\ufeffthree\n" });
    expect(await call.inWorker("read", path)).toBe("\ufeffthree\n");
    expect(await call.stat(path)).toMatchObject({ size: 9, isFile: true, isFolder: false });
    expect(await call.stat(folder)).toMatchObject({ isFile: false, isFolder: true });
    expect(await call.freeBytes()).toBeGreaterThan(1e6);
  });

  test("a failure leaves the old file and nothing else, and a full disk is explained", async () => {
    const { call } = page;
    const path = `${folder}/x.txt`;
    await call.write(path, "old");
    expect(await call.writePieces(path, ["half of the n"], "full")).toBe(
      `FileError: ${path}: cannot write the file: the browser gives this site no more space; remove what is no longer needed, or free space on the disk (ENOSPC)`,
    );
    expect(await call.writePieces(path, ["x"], "mine")).toBe("RangeError: mine");
    expect(await call.tree(folder)).toEqual({ "x.txt": "old" });
  });

  test("what is missing, or of another kind, has Node's codes", async () => {
    const { call } = page;
    await call.write(`${folder}/file`, "x");
    await call.write(`${folder}/full/x`, "x");
    expect(await call.read(`${folder}/none`)).toMatch(/^ENOENT: /);
    expect(await call.open(`${folder}/none/x`)).toMatch(/^ENOENT: /);
    expect(await call.read(`${folder}/file/x`)).toMatch(/^ENOTDIR: /);
    expect(await call.read(`${folder}/full`)).toMatch(/^EISDIR: /);
    expect(await call.stat(`${folder}/none`)).toMatch(/^ENOENT: /);
    expect(await call.write(`${folder}/full`, "x")).toMatch(
      /cannot write the file: this is a folder where a file/,
    );
    expect(await call.write(`${folder}/file/x`, "x")).toMatch(/a file where a folder was expected/);
    expect(await call.makeFolder(`${folder}/file`)).toMatch(/cannot make the folder: it exists already/);
    expect(await call.makeFolder(`${folder}/file/x`)).toMatch(/a file where a folder was expected/);
    expect(await call.remove(`${folder}/full`)).toMatch(/^EISDIR: /);
    expect(await call.rename(`${folder}/none`, `${folder}/x`)).toMatch(/^ENOENT: /);
    expect(await call.rename(`${folder}/file`, `${folder}/none/x`)).toMatch(/^ENOENT: /);
    await call.makeFolder(`${folder}/other/inner`);
    expect(await call.rename(`${folder}/other`, `${folder}/full`)).toMatch(/^ENOTEMPTY: /);
    expect(await call.rename(`${folder}/other`, `${folder}/other/inner/x`)).toMatch(/^EINVAL: /);
    expect(await call.openSync(`${folder}/none`, "r+")).toMatch(/^ENOENT: /);
    expect(await call.remove(`${folder}/none`)).toBeUndefined();
    expect(await call.removeAll(`${folder}/none/x`)).toBeUndefined();
    expect([await call.exists("/"), await call.exists(`${folder}/none`)]).toEqual([true, false]);
    expect(await call.tree(folder)).toEqual({ file: "x", "full/x": "x" });
  });

  test("folders are made at the same time, too; files and folders are renamed, get second names, and go", async () => {
    const { call } = page;
    const inner = `${folder}/a/b`;
    await Promise.all([call.makeFolder(inner), call.makeFolder(inner), call.makeFolder(`${inner}/c`)]);
    await call.lay({
      [`${folder}/x`]: "x",
      [`${inner}/y`]: "y",
      [`${inner}/c/z`]: "z",
      [`${folder}/old`]: "old",
    });
    expect(await call.rename(`${folder}/x`, `${folder}/old`)).toBeUndefined();
    expect(await call.rename(inner, `${folder}/moved`)).toBeUndefined();
    expect(await call.addName(`${folder}/old`, `${folder}/new/copy`, false)).toBeUndefined();
    expect(await call.addName(`${folder}/moved/y`, `${folder}/new/moved`, true)).toBeUndefined();
    expect(await call.tree(folder)).toEqual({
      old: "x",
      "moved/c/z": "z",
      "new/copy": "x",
      "new/moved": "y",
    });
    expect(await call.list(folder)).toEqual(["a", "moved", "new", "old"]);
    await call.removeAll(`${folder}/moved`);
    await call.remove(`${folder}/old`);
    expect(await call.list(folder)).toEqual(["a", "new"]);
  });

  test("reading: by place, whole, in pieces, as a body, and line by line", async () => {
    const { call } = page;
    await call.write(`${folder}/x`, "0123456789");
    expect(await call.readAllWays(`${folder}/x`)).toEqual({
      size: 10,
      range: "234",
      into: [4, "1234", 0],
      all: "0123456789",
      pieces: "0123456789",
      long: `FileError: ${folder}/x: the file ended at byte 10 while it was being read`,
      sent: "0123456789",
    });
    const long = "ä".repeat(2e5);
    await call.write(`${folder}/lines`, `a\r\n\n${long}\rb\u2028\nlast`);
    expect(await call.lines(`${folder}/lines`)).toEqual(["a", "", long, "b\u2028", "last"]);
    await call.write(`${folder}/lines`, "a\n");
    expect(await call.lines(`${folder}/lines`)).toEqual(["a"]);
  });

  test.each(["page", "worker"])("a %s appends, cuts off and reads in an open file", async (where) => {
    const { call } = page;
    const append = (...args: Parameters<typeof call.appendAndCut>) =>
      where === "page" ? call.appendAndCut(...args) : call.inWorker("appendAndCut", ...args);
    expect(await append(`${folder}/none/x`, false)).toMatch(/^ENOENT: /);
    expect(await append(`${folder}/new/x`, true)).toEqual(["one two ", 9, "e thr"]);
    expect(await append(`${folder}/new/x`, true)).toEqual(["one threeone two ", 9, "e thr"]);
    expect(await call.read(`${folder}/new/x`)).toBe("one three");
    expect(await call.appendMuch(`${folder}/much`, 20, 1e6)).toBe(2e7);
  });

  test("a file that is open to be written is not opened twice, and says so", async () => {
    expect(await page.call.appendTwice(`/twice`)).toMatch(/^EBUSY: /);
  });

  test.each(["page", "worker"])(
    "a %s reads and writes at once, and what it wrote is on the disk",
    async (where) => {
      const { call } = page;
      const path = `${folder}/log`;
      await call.write(path, "0123456789");
      const at = (name: string, ...args: unknown[]) =>
        where === "page" ? Reflect.get(call, name)(...args) : call.inWorker(name, ...args);
      await at("openSync", path, "r+");
      expect(await at("writeSync", "abc", 8)).toBe(3);
      expect(await at("readSync", 6, 10)).toBe("67abc");
      await at("truncateSync", 9);
      await at("writeSync", "-", 10);
      await at("settleSync");
      expect(await call.read(path)).toBe("01234567a\0-");
      await at("writeSync", "end", 11);
      await at("closeSync");
      expect(await call.read(path)).toBe("01234567a\0-end");
      await at("openSync", path, "r");
      expect([await at("readSync", 2, 4), await at("readSync", 12, 4), await at("readSync", 50, 4)]).toEqual([
        "2345",
        "nd",
        "",
      ]);
      expect(await at("writeSync", "x", 0)).toMatch(/^EBADF: /);
      await at("closeSync");
    },
  );

  test("what a page wrote of a log is there when the page is loaded again without a word", async () => {
    const { call } = page;
    await call.write(`${folder}/log`, "");
    await call.openSync(`${folder}/log`, "r+");
    await call.writeSync("a record\n", 0);
    // The worker that writes has had its turn.
    await expect.poll(() => call.read(`${folder}/log`)).toBe("a record\n");
    await page.reload();
    expect(await call.read(`${folder}/log`)).toBe("a record\n");
    await call.openSync(`${folder}/log`, "r+");
    await call.writeSync("another\n", 9);
    await call.closeSync();
    expect(await call.read(`${folder}/log`)).toBe("a record\nanother\n");
  });

  test("a file that a page cannot keep in memory is refused, and read by a worker", async () => {
    const { call } = page;
    const path = `${folder}/large`;
    await call.write(path, "");
    await call.inWorker("openSync", path, "r+");
    await call.inWorker("truncateSync", 2 ** 30);
    await call.inWorker("writeSync", "end", 2 ** 30);
    await call.inWorker("closeSync");
    for (const mode of ["r", "r+"] as const) {
      expect(await call.openSync(path, mode)).toMatch(
        /large: it has more than 1024 MiB, which is all that a page keeps in memory of a file; do the work in a worker/,
      );
    }
    await call.inWorker("openSync", path, "r");
    expect(await call.inWorker("readSync", 2 ** 30, 9)).toBe("end");
    await call.remove(path);
  });

  test("a thousand records take a page no time to speak of", async () => {
    const took = await page.call.logSteps(`${folder}/log`, 1000);
    expect((await page.call.read(`${folder}/log`))?.toString().split("\n").length).toBe(1001);
    expect(took).toBeLessThan(2000);
  });

  test("what could not be written behind is told by the next call, and nothing is written after it", async () => {
    const { call } = page;
    await call.write(`${folder}/log`, "");
    await call.openSync(`${folder}/log`, "r+");
    await call.fillDisk();
    expect(await call.writeSync("lost", 0)).toBe(4);
    await expect.poll(() => call.writeSync("more", 4)).toMatch(/^ENOSPC: /);
    expect(await call.settleSync()).toMatch(/^ENOSPC: /);
    expect(await call.closeSync()).toMatch(/^ENOSPC: /);
    await page.reload();
    expect(await call.read(`${folder}/log`)).toBe("");
  });

  test("a folder is made, then replaced whole; a failure leaves the old one and nothing else", async () => {
    const { call } = page;
    const path = `${folder}/runs/step-1`;
    expect(await call.replaceDir(path, { a: "1", "inner/b": "2" })).toBeUndefined();
    expect(await call.tree(folder)).toEqual({ "runs/step-1/a": "1", "runs/step-1/inner/b": "2" });
    expect(await call.replaceDir(path, { "inner/c": "3" })).toBeUndefined();
    expect(await call.tree(folder)).toEqual({ "runs/step-1/inner/c": "3" });
    expect(await call.replaceDir(path, { d: "4" }, "full")).toMatch(
      `${path}: cannot write the folder: the browser gives this site no more space`,
    );
    expect(await call.tree(folder)).toEqual({ "runs/step-1/inner/c": "3" });
    await call.write(`${folder}/runs/file`, "mine");
    expect(await call.replaceDir(`${folder}/runs/file`, {})).toMatch(
      /a file stands where a folder is to be written/,
    );
    expect(await call.read(`${folder}/runs/file`)).toBe("mine");
    expect(await call.removeFolder(path)).toBeUndefined();
    expect(await call.removeFolder(path)).toBeUndefined();
    expect(await call.list(`${folder}/runs`)).toEqual(["file"]);
  });

  const OLD = { "config.json": "old", "unet/old.bin": "old" };
  const NEW = { "config.json": "new", "unet/weights.bin": "new" };
  /** Closes the page at each of its changes, one after the other, and looks at what is there when it is opened again. */
  async function cutEverywhere(
    work: () => Promise<unknown>,
    prepare: () => Promise<unknown>,
    look: (isDone: boolean) => Promise<void>,
  ): Promise<number> {
    const { call } = page;
    for (let allowed = 0; ; allowed++) {
      await call.removeAll(folder);
      await prepare();
      await call.cutAt(allowed);
      await work();
      const isDone = (await call.changesMade()) <= allowed;
      await page.reload();
      await look(isDone);
      if (isDone) return allowed;
    }
  }

  test("closed at any moment of a replacement, a page leaves the old folder or the new one to whoever comes next", async () => {
    const { call } = page;
    const path = `${folder}/pipeline`;
    const seen = new Set<unknown>();
    let asked = 0;
    const cuts = await cutEverywhere(
      () => call.replaceDir(path, NEW),
      () => call.replaceDir(path, OLD),
      async (isDone) => {
        if (asked++ % 2 === 0) expect([path, undefined]).toContain(await call.replacementOf(path));
        else expect(await call.repair(folder)).toBeUndefined();
        const left = await call.tree(path);
        expect([OLD, NEW]).toContainEqual(left);
        if (isDone) expect(left).toEqual(NEW);
        seen.add(left["config.json"]);
        await call.repair(folder);
        expect(await call.list(folder)).toEqual(["pipeline"]);
      },
    );
    expect(seen).toEqual(new Set(["old", "new"]));
    expect(cuts).toBeGreaterThan(10);
  });

  test("closed at any moment, a removal or a renaming of a folder is not done, or done by the repair", async () => {
    const { call } = page;
    const [path, other] = [`${folder}/a`, `${folder}/b`];
    await cutEverywhere(
      () => call.removeFolder(path),
      () => call.replaceDir(path, OLD),
      async (isDone) => {
        await call.repair(folder);
        expect(isDone ? [{}] : [{}, OLD]).toContainEqual(
          (await call.exists(path)) ? await call.tree(path) : {},
        );
        expect((await call.list(folder)).filter((name) => name.startsWith("."))).toEqual([]);
      },
    );
    await cutEverywhere(
      () => call.rename(path, other),
      () => call.replaceDir(path, OLD),
      async (isDone) => {
        await call.repair(folder);
        const [there] = await call.list(folder);
        expect(await call.list(folder)).toHaveLength(1);
        if (isDone) expect(there).toBe("b");
        expect(await call.tree(`${folder}/${there}`)).toEqual(OLD);
      },
    );
  });

  test("where a browser moves no files, they are copied", async () => {
    const { call } = page;
    await call.withoutMove();
    await call.replaceDir(`${folder}/a`, OLD);
    await call.replaceDir(`${folder}/a`, NEW);
    await call.rename(`${folder}/a`, `${folder}/b`);
    await call.rename(`${folder}/b/config.json`, `${folder}/x`);
    expect(await call.tree(folder)).toEqual({ x: "new", "b/unet/weights.bin": "new" });
    await page.reload();
  });

  test("what others left is removed by the repair, and nothing of the user's; a missing folder is clean", async () => {
    const { call } = page;
    const mine = { ".git/x": "x", ".a.tmp": "x", "b.0123456789ab.tmp": "x" };
    const theirs = { ".a.0123456789ab.tmp/x": "x", ".b.0123456789ab.tmp": "x", ".c.0123456789ab.new": "{" };
    await call.lay(
      Object.fromEntries(Object.keys({ ...mine, ...theirs }).map((name) => [`${folder}/${name}`, "x"])),
    );
    expect(await call.repair(folder)).toBeUndefined();
    expect(await call.tree(folder)).toEqual(mine);
    expect(await call.repair(`${folder}/missing`)).toBeUndefined();
  });

  test("where a page may have no worker to write its files, it is said", async () => {
    const { call } = page;
    await call.withoutWorkers();
    expect(await call.appendAndCut(`${folder}/x`, true)).toBe(
      "EIO: EIO: the worker that writes the page's files stopped: its script was not loaded; the page's Content-Security-Policy must allow blob: workers",
    );
    expect(await call.write(`${folder}/x`, "whole")).toBeUndefined();
    await page.reload();
    expect(await call.appendAndCut(`${folder}/x`, true)).toEqual(["wholeone two ", 9, "olthr"]);
  });

  test("where the browser gives no files, it is said", async () => {
    const { call } = page;
    await call.withoutFiles();
    expect(await call.exists("/")).toBe(false);
    expect(await call.write("/x", "x")).toMatch(
      /^FileError: \/x: cannot write the file: the browser gives this page no files of its own .*; open it in an ordinary window/,
    );
    await page.reload();
    expect(page.printed).toEqual([]);
  });
});
