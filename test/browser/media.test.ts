// Hashes, archives and tables in a real browser.

import { createHash } from "node:crypto";
import { deflateRawSync, gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { zip } from "../io/zip_writer.ts";
import { describeInBrowser, launch } from "./support/chromium.ts";
import { type OpenPage, openPage } from "./support/page.ts";

const words = Buffer.from("A moth, a moth, a moth of the night. ".repeat(200));

describeInBrowser("hashes, archives and tables in a page", () => {
  let browser: Browser;
  let page: OpenPage<typeof import("./pages/media.ts")>;
  beforeAll(async () => {
    browser = await launch();
    page = await openPage(browser, "media", { isolated: false });
  });
  afterAll(async () => {
    await browser?.close();
    await page?.site.close();
  });

  test("hashes, and is random", async () => {
    const piece = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
    const expected = createHash("sha256")
      .update(Buffer.concat(Array(50).fill(piece)))
      .digest("hex");
    expect(await page.call.sha256(50, 1000)).toBe(expected);
    const [one, other] = [await page.call.randomHex(40_000), await page.call.randomHex(40_000)];
    expect(one).toMatch(/^[0-9a-f]{80000}$/);
    expect(one).not.toBe(other);
  });

  test("unpacks what is whole, no more than allowed, and refuses the rest", async () => {
    const packed = [...deflateRawSync(words)];
    expect(await page.call.inflateRaw(packed, words.length)).toEqual([...words]);
    expect(await page.call.inflateRaw(packed, words.length - 1)).toBe(
      `! unpacks to more than ${words.length - 1} bytes`,
    );
    const bomb = [...deflateRawSync(Buffer.alloc(2 ** 25))];
    expect(await page.call.inflateRaw(bomb, 100)).toBe("! unpacks to more than 100 bytes");
    for (const wrong of [packed.slice(0, -1), packed.slice(0, 20), [], [...packed, ...packed], [...words]]) {
      expect(await page.call.inflateRaw(wrong, 1e6)).toMatch(/^! /);
    }
    expect(await page.call.gunzip([...gzipSync(words)], words.length)).toEqual([...words]);
  });

  test("reads directories of archives, and tables", async () => {
    const archive = zip([
      { name: "a.txt", content: "first" },
      { name: "b/é.txt", content: "x", stored: true },
    ]);
    expect(await page.call.namesIn([...archive])).toEqual(["a.txt", "b/é.txt"]);
    expect(await page.call.csvRows('\ufefffile,label\n"a, b.png",moth\n\n')).toEqual([
      ["file", "label"],
      ["a, b.png", "moth"],
    ]);
    expect(page.printed).toEqual([]);
  });
});
