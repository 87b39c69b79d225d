// The file system of a page: what is written is there whole after a reload, what is cut off is completed.

import { posix } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeInBrowser, launch } from "./support/chromium.ts";
import { type OpenPage, openPage } from "./support/page.ts";

type Files = typeof import("./pages/files.ts");

describeInBrowser("files in a page", () => {
  let browser: Browser;
  let page: OpenPage<Files>;
  beforeAll(async () => {
    browser = await launch();
    page = await openPage<Files>(browser, "files", { isolated: false });
  });
  afterAll(() => browser?.close());

  test("are written whole, with their folders, and are there after a reload", async () => {
    const { call } = page;
    expect(await call.write("/a/b/x.txt", "one")).toBeUndefined();
    expect(await call.write("/a/b/x.txt", "two")).toBeUndefined();
    expect(await call.failingWrite("/a/b/x.txt", "mine")).toBe("mine");
    expect(await call.failingWrite("/a/b/y.txt", "mine")).toBe("mine");
    await page.reload();
    expect(await call.tree("/a")).toEqual({ "/a/b/": "", "/a/b/x.txt": "two" });
    expect(await call.stat("/a/b/x.txt")).toEqual({ size: 3, mtimeMs: 0, isFile: true, isFolder: false });
    expect(await call.stat("/a")).toEqual({ size: 0, mtimeMs: 0, isFile: false, isFolder: true });
    expect(await call.freeBytes()).toBeGreaterThan(1e6);
  });

  test("errors have the codes of systems, and say what to do", async () => {
    const { call } = page;
    await call.write("/e/file", "x");
    expect(await call.read("/e/none")).toMatch(/^ENOENT: /);
    expect(await call.read("/none/none")).toMatch(/^ENOENT: /);
    expect(await call.read("/e/file/x")).toMatch(/^ENOTDIR: /);
    expect(await call.read("/e")).toMatch(/^EISDIR: /);
    expect(await call.list("/e/file")).toMatch(/^ENOTDIR: /);
    expect(await call.exists("/e/file/x")).toBe(false);
    expect(await call.write("/e", "x")).toMatch(/^\/e: cannot write the file: this is a folder where a file/);
    expect(await call.write("/e/file/x", "x")).toMatch(
      /^\/e\/file\/x: cannot write the file: a part of the path/,
    );
    expect(await call.makeFolder("/e/file")).toMatch(/^\/e\/file: cannot make the folder: it exists already/);
    expect(await call.makeFolder("/e/a/b/c")).toBeUndefined();
    expect(await call.replace("/e/file", {})).toMatch(/a file stands where a folder is to be written/);
    expect(await call.rename("/e/none", "/e/x")).toMatch(/^ENOENT: /);
    expect(await call.rename("/e/file", "/e/renamed")).toBeUndefined();
    expect(await call.rename("/e", "/e2")).toBeUndefined();
    expect(Object.keys(await call.tree("/e2"))).toEqual(["/e2/a/", "/e2/a/b/", "/e2/a/b/c/", "/e2/renamed"]);
    await call.write("/e/x", "");
    expect(await call.rename("/e", "/e2")).toMatch(/^ENOTEMPTY: /);
    expect(await call.removeAll("/e2")).toBeUndefined();
    expect(await call.removeAll("/e2")).toBeUndefined();
    expect(await call.exists("/e2")).toBe(false);
  });

  test("folders are replaced whole, removed, and left as they were by a failure", async () => {
    const { call } = page;
    expect(await call.replace("/r/run", { a: "1", "sub/b": "2" })).toBeUndefined();
    expect(await call.replace("/r/run", { a: "9" }, "mine")).toBe("mine");
    expect(await call.tree("/r")).toEqual({
      "/r/run/": "",
      "/r/run/a": "1",
      "/r/run/sub/": "",
      "/r/run/sub/b": "2",
    });
    expect(await call.replace("/r/run", { c: "3" })).toBeUndefined();
    expect(await call.tree("/r")).toEqual({ "/r/run/": "", "/r/run/c": "3" });
    expect(await call.removeFolder("/r/run")).toBeUndefined();
    expect(await call.removeFolder("/r/run")).toBeUndefined();
    expect(await call.tree("/r")).toEqual({});
  });

  test("a replacement that was cut off anywhere is completed by whoever comes next", async () => {
    const { call } = page;
    const [old, next] = [
      { a: "old", "sub/b": "old" },
      { a: "new", "sub/c": "new", "sub/deep/d": "new" },
    ];
    const whole = {
      "/c/run/": "",
      "/c/run/a": "new",
      "/c/run/sub/": "",
      "/c/run/sub/c": "new",
      "/c/run/sub/deep/": "",
      "/c/run/sub/deep/d": "new",
    };
    let cuts = 0;
    for (let isDone = false; !isDone; cuts++) {
      await call.removeAll("/c");
      await call.replace("/c/run", old);
      isDone = await call.replaceCutOff("/c/run", next, cuts);
      await page.reload();
      if (cuts % 2 === 0) await call.repairFolder("/c");
      else expect(await call.replacementOf("/c/run")).toBeUndefined();
      expect(await call.tree("/c"), `cut off after ${cuts}`).toEqual(whole);
    }
    // The old folder, three files, two folders, the temporary one.
    expect(cuts).toBe(8);
  });

  test("what was half written is removed", async () => {
    const { call } = page;
    await call.write("/h/.x.txt.0123456789ab.tmp", "half");
    await call.write("/h/.run.0123456789ab.tmp/a", "half");
    await call.write("/h/x.txt", "whole");
    expect(await call.repairFolder("/h")).toBeUndefined();
    expect(await call.tree("/h")).toEqual({ "/h/x.txt": "whole" });
    expect(await call.repairFolder("/none")).toBeUndefined();
  });

  test("are appended to, and written at once from any thread of a page", async () => {
    const { call } = page;
    expect(await call.append("/p/log", ["one", "two"])).toEqual({
      sizes: [3, 6],
      text: "onetwo",
      after: "one!",
    });
    expect(await call.syncFile("/p/metrics")).toEqual({
      count: 8,
      memory: "one\ntwo\n",
      before: "one\n",
      synced: "one\ntwo\n",
      closed: "one\n2",
    });
    expect(await call.writesBehind("/p/behind")).toBe(true);
    expect(await call.lines("/p/lines", "a\r\nb\nc\rd\n\nlast")).toEqual(["a", "b", "c", "d", "", "last"]);
  });

  test("a folder's lock is one page's, and ends with it", async () => {
    const { call, context, site } = page;
    const second = await context.newPage();
    await second.goto(site.url);
    const inSecond = (name: string, ...args: unknown[]): Promise<unknown> =>
      second.evaluate(
        async ([name, args]) => Reflect.get(await Reflect.get(globalThis, "tested"), name)(...args),
        [name, args] as const,
      );
    expect(await inSecond("lock", "/l", 100)).toBeUndefined();
    expect(await call.lock("/l", 50)).toEqual({ holder: "in another page or worker of this site" });
    const mark = String(await inSecond("mark"));
    expect(await call.stateOf(mark)).toBe("alive");
    const waiting = call.lock("/l", 5000);
    await second.close();
    expect(await waiting).toBeUndefined();
    expect(await call.stateOf(mark)).toBe("gone");
    expect(await call.stateOf("12-ab")).toBe("unknown");

    expect(await call.loss("/l")).toBeUndefined();
    await call.removeAll("/l");
    await expect.poll(() => call.loss("/l"), { timeout: 5000 }).toBe("removed");
    await call.unlock("/l");
    expect(await call.lock("/l", 50)).toBeUndefined();
  });

  test("what a page is given has paths, is read-only, and is forgotten", async () => {
    const { call } = page;
    const one = await call.mount([{ name: "a.zip", text: "zip" }]);
    expect(one.tree).toEqual({ [one.path]: "zip" });
    const many = await call.mount([
      { name: "a.png", text: "1", path: "moths/day/a.png" },
      { name: "b.png", text: "2", path: "moths/night/b.png" },
    ]);
    const at = many.path;
    expect(many.tree).toEqual({
      [`${at}/day/`]: "",
      [`${at}/day/a.png`]: "1",
      [`${at}/night/`]: "",
      [`${at}/night/b.png`]: "2",
    });
    expect(at).toMatch(/^\/mounted\/\d+\/moths$/);
    expect(many.write).toMatch(/cannot write the file: the file system is read-only/);
    expect(many.gone).toBe(true);
    await expect(call.mount([])).rejects.toThrow(/no files were given; drop or choose files/);
  });

  test("paths are those of Node on Linux", async () => {
    const samples = [
      "/a/b.tar.gz",
      "a/../b",
      "../x",
      "/",
      "a",
      "",
      "./a",
      "/a//b",
      ".hidden",
      "a.",
      "/../a",
      "a/.b.c",
    ];
    const parts = [
      ["/a", "../b", "c"],
      ["a", "..", "..", "b"],
      ["", ""],
      ...samples.map((sample) => [sample]),
    ];
    const cases = [
      ...[...samples, "a/b/"].flatMap((sample) =>
        (["dirname", "basename", "extname"] as const).map((name) => ({ name, args: [sample] })),
      ),
      ...parts.map((args) => ({ name: "join" as const, args })),
    ];
    expect(await page.call.pathCases(cases)).toEqual(
      cases.map(({ name, args }) => Reflect.apply(posix[name], posix, args)),
    );
    // From the root, which is the only current folder that there is.
    expect(
      await page.call.pathCases([
        { name: "resolve", args: ["a", "b"] },
        { name: "resolve", args: ["/a", "/b", "../c"] },
        { name: "inside", args: ["/a/b", "/a/b/c/d"] },
        { name: "inside", args: ["/a/b", "/a/x"] },
      ]),
    ).toEqual(["/a/b", "/c", "c/d", "../x"]);
  });
});
