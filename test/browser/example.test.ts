// The page of docs/browser.md as a stranger has it: a blank page of any host, and one file from a package CDN.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DDPMPipeline, unzipFolder } from "../../src/index.ts";
import { openSite, type Site } from "../support/site.ts";
import { describeInBrowser, launch } from "./support/chromium.ts";
import { bundleFile } from "./support/page.ts";

const example = fileURLToPath(new URL("../../examples/page.html", import.meta.url));
const CDN = /^https:\/\/cdn\.jsdelivr\.net\/npm\/imago\/dist\/browser\/imago\.js$/;

describeInBrowser("the example page", () => {
  let folder: string;
  let browser: Browser;
  let file: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "imago-example-"));
    [browser, file] = await Promise.all([
      launch(),
      bundleFile({ imago: "src/browser.ts" }, { minify: true }),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const open = async (isolated: boolean): Promise<{ page: Page; site: Site; printed: string[] }> => {
    const site = await openSite({ isolated });
    site.put("/index.html", await readFile(example, "utf8"));
    const page = await browser.newPage();
    const printed: string[] = [];
    page.on("pageerror", (error) => printed.push(String(error)));
    await page.route(CDN, (route) =>
      route.fulfill({
        body: file,
        contentType: "text/javascript; charset=utf-8",
        headers: { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" },
      }),
    );
    await page.goto(`${site.url}/?steps=3`);
    return { page, site, printed };
  };
  const status = (page: Page) => page.locator("#status").textContent();

  test.each([
    ["isolated, with threads", true],
    ["not isolated", false],
  ])("trains, shows what it draws, saves its run and goes on with it, %s", async (_, isolated) => {
    const { page, site, printed } = await open(isolated);
    const expectStatus = (expected: RegExp) =>
      expect.poll(() => status(page), { timeout: 60_000, interval: 20 }).toMatch(expected);
    await page.click("#start");
    await expectStatus(/^step 1 of 3, loss /);
    if (isolated) {
      await page.click("#stop");
      await expectStatus(/^stopped; Train goes on$/);
      await page.reload();
      await page.click("#start");
    }
    await expectStatus(/^done$/);
    const width = () => page.evaluate(() => document.querySelector("img")?.naturalWidth);
    await expect.poll(width).toBeGreaterThan(128);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
    const path = join(folder, `${isolated}.zip`);
    await download.saveAs(path);
    await unzipFolder(path, join(folder, `${isolated}`));
    const pipeline = await DDPMPipeline.fromPretrained(join(folder, `${isolated}`));
    expect(pipeline.unet.config.sampleSize).toBe(32);
    expect(printed).toEqual([]);
    await page.close();
    await site.close();
  });
});
