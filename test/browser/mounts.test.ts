// Files that a page was given: read by their paths as any others, and never written.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testFolder } from "../support/folder.ts";
import { describeInBrowser, launch } from "./support/chromium.ts";
import { type OpenPage, openPage } from "./support/page.ts";

describeInBrowser("files that a page was given", () => {
  const folder = testFolder();
  let browser: Browser;
  let page: OpenPage<typeof import("./pages/mounts.ts")>;
  beforeAll(async () => {
    browser = await launch();
    page = await openPage(browser, "mounts", { isolated: false });
    await mkdir(folder("moths/day"), { recursive: true });
    await writeFile(folder("moths/a.txt"), "a");
    await writeFile(folder("moths/day/b.txt"), "b");
    await writeFile(folder("c.txt"), "c");
  });
  afterAll(() => browser?.close());

  test("keep their folders; one file or folder has a path of its own; the same order has the same paths", async () => {
    const { call } = page;
    const one = await call.mount({ "a.zip": "zip" });
    const tree = await call.mount({ "moths/a": "1", "moths/day/b": "2" });
    const several = await call.mount({ "x.csv": "x", "y.csv": "y" });
    expect([one, tree, several]).toEqual(["/mounted/1/a.zip", "/mounted/2/moths", "/mounted/3"]);
    expect(await call.look(one)).toEqual({ "/mounted/1/a.zip": "zip" });
    expect(await call.look(tree)).toEqual({ "/mounted/2/moths/a": "1", "/mounted/2/moths/day/b": "2" });
    expect(await call.look("/mounted")).toMatchObject({ "/mounted/1/a.zip": "zip", "/mounted/3/y.csv": "y" });
    await call.unmount(tree);
    await call.unmount(tree);
    expect([await call.exists(tree), await call.exists(one)]).toEqual([false, true]);
    expect(await call.read(`${tree}/a`)).toMatch(/ENOENT/);
    expect(await call.read(`${one}/a`)).toMatch(/ENOTDIR/);
  });

  test("lie where they were placed, whatever their own names are", async () => {
    const path = await page.call.mountPlaced({ "moths/a.png": "1", "moths/day/b.png": "2" });
    expect(await page.call.look(path)).toEqual({ [`${path}/a.png`]: "1", [`${path}/day/b.png`]: "2" });
  });

  test("are read in all ways, and copied into the page's own files", async () => {
    const path = await page.call.mount({ "digits.txt": "01234567" });
    expect(await page.call.use(path)).toEqual({ range: "12", sync: "23", copy: "01234567", real: path });
  });

  test("are never changed, and whoever tries is told", async () => {
    const path = await page.call.mount({ "folder/a": "a" });
    for (const refusal of await page.call.changes(path)) expect(refusal).toMatch(/EROFS/);
    expect((await page.call.changes(path))[0]).toBe(
      `FileError: ${path}: cannot write the file: files that were dropped or picked can only be read; choose a folder outside of /mounted (EROFS)`,
    );
  });

  test("no files, two with one path, and paths that lead elsewhere are refused", async () => {
    const { call } = page;
    expect(await call.mountRefused([])).toMatch(/no files to mount were given; drop or pick/);
    const twice: [string, string][] = [
      ["a/b", "1"],
      ["a/b", "2"],
    ];
    expect(await call.mountRefused(twice)).toMatch(/two of the files are named "a\/b"|two of the files/);
    for (const path of ["../a", "a/../b", "a//b", "/a"]) {
      expect(await call.mountRefused([[path, "x"]])).toMatch(/is no path of a file; give it another name/);
    }
    expect(
      await call.mountRefused([
        ["a", "1"],
        ["a/b", "2"],
      ]),
    ).toMatch(/two of the files are named/);
  });

  test("a folder that was picked is read when it is asked for", async () => {
    const { call } = page;
    const path = await call.mountPicked({ "/picked/a": "1", "/picked/inner/b": "2" });
    await call.write("/picked/a", "changed");
    expect(await call.look(path)).toEqual({ [`${path}/a`]: "changed", [`${path}/inner/b`]: "2" });
    expect(path).toMatch(/^\/mounted\/\d+\/picked$/);
  });

  test("files and folders of an input", async () => {
    const { call } = page;
    await call.addInput(false);
    await page.page.setInputFiles("input", [folder("c.txt"), folder("moths/a.txt")]);
    const several = await call.mountInput();
    expect(await call.look(several)).toEqual({ [`${several}/c.txt`]: "c", [`${several}/a.txt`]: "a" });
    await call.addInput(true);
    await page.page.setInputFiles("input", folder("moths"));
    const path = await call.mountInput();
    expect(path).toMatch(/\/moths$/);
    expect(await call.look(path)).toEqual({ [`${path}/a.txt`]: "a", [`${path}/day/b.txt`]: "b" });
  });

  test("files and folders that were dropped", async () => {
    const { call, context } = page;
    await call.awaitDrop();
    const session = await context.newCDPSession(page.page);
    const data = { items: [], files: [folder("moths"), join(folder(), "c.txt")], dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"] as const) {
      await session.send("Input.dispatchDragEvent", { type, x: 10, y: 10, data });
    }
    const path = await call.dropped();
    expect(await call.look(path)).toEqual({
      [`${path}/moths/a.txt`]: "a",
      [`${path}/moths/day/b.txt`]: "b",
      [`${path}/c.txt`]: "c",
    });
    expect(page.printed).toEqual([]);
  });
});
