// The studio's page on a plain web server: below a path, without headers that isolate it, and without `imago studio`.

import { mkdir, writeFile } from "node:fs/promises";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { workFolder } from "../cli/support.ts";
import { openSite, type Site } from "../support/site.ts";
import { describeInBrowser, launch } from "./support/chromium.ts";

const PATIENCE = 120_000;

describeInBrowser("the studio on a plain web server", () => {
  const work = workFolder();
  let site: Site;
  let browser: Browser;
  let address = "";

  beforeAll(async () => {
    await build({
      configFile: "studio/vite.config.ts",
      logLevel: "silent",
      build: { outDir: work.path("some/path"), emptyOutDir: true },
    });
    await mkdir(work.path("some/path/docs"));
    await writeFile(
      work.path("some/path/docs/index.html"),
      "<!doctype html><title>The documentation</title>",
    );
    site = await openSite({ folder: work.path(".") });
    address = `${site.url}/some/path/`;
    browser = await launch();
  }, PATIENCE);

  afterAll(async () => {
    await browser.close();
    await site.close();
  });

  /** A page in a profile of its own, how often it was loaded, and its complaints. */
  async function open(options: BrowserContextOptions = {}) {
    const page = await (await browser.newContext(options)).newPage();
    page.setDefaultTimeout(20_000);
    const seen = { loads: 0, problems: [] as string[] };
    page.on("request", (request) => {
      if (request.isNavigationRequest()) seen.loads++;
    });
    page.on("console", (message) => {
      if (message.type() === "error") seen.problems.push(message.text());
    });
    page.on("pageerror", ({ message }) => seen.problems.push(message));
    return { page, seen };
  }

  /** Trains a few steps in the tab. @returns how many threads computed */
  async function train(page: Page): Promise<number> {
    await page.getByLabel("preset").selectOption("quick32");
    await page.getByLabel("computes on").selectOption("wasm");
    await page.getByLabel("images per step").fill("1");
    await page.getByRole("button", { name: "train" }).click();
    await page
      .getByText(/^step [1-9]\d* of 1500/)
      .first()
      .waitFor();
    // Threads are made of text; the worker that trains has an address.
    const threads = page.workers().filter((worker) => worker.url().startsWith("blob:")).length;
    await page.getByRole("button", { name: "stop" }).click();
    await page.getByRole("button", { name: "go on" }).waitFor();
    return threads;
  }

  /** A page that has isolated itself. Nothing asks it meanwhile: that would count as use, which it does not disturb. */
  async function openIsolated() {
    const opened = await open();
    const isolated = opened.page.waitForResponse((response) => response.fromServiceWorker());
    await opened.page.goto(address);
    await isolated;
    await expect.poll(() => opened.page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(opened.seen.loads).toBe(2);
    return opened;
  }

  test(
    "isolates itself by loading once more, trains on several threads, and stays so",
    async () => {
      const { page, seen } = await openIsolated();
      expect(await train(page)).toBeGreaterThan(1);
      await page.reload();
      await page.getByRole("heading", { name: "New training" }).waitFor();
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
      expect(seen).toEqual({ loads: 3, problems: [] });
      await page.context().close();
    },
    PATIENCE,
  );

  test(
    "isolated, takes files and pictures of hosts that let pages read them",
    async () => {
      const { page, seen } = await openIsolated();
      const hub = await openSite({ cors: true });
      hub.put("/picture.svg", '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>');
      const width = page.evaluate(async (source) => {
        const image = new Image();
        image.src = source;
        await image.decode();
        return image.naturalWidth;
      }, `${hub.url}/picture.svg`);
      expect(await width).toBe(10);
      const read = page.evaluate(async (source) => (await fetch(source)).text(), `${hub.url}/picture.svg`);
      expect(await read).toContain("<svg");
      expect(seen.problems).toEqual([]);
      await page.context().close();
      await hub.close();
    },
    PATIENCE,
  );

  test(
    "trains on one thread where the browser has no service workers, and loads once",
    async () => {
      const { page, seen } = await open({ serviceWorkers: "block" });
      await page.goto(address);
      expect(await train(page)).toBe(1);
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
      expect(seen.loads).toBe(1);
      await page.context().close();
    },
    PATIENCE,
  );

  test(
    "trains on one thread where a service worker does not help, and loads once more at most",
    async () => {
      const unhelpful = await openSite({ folder: work.path(".") });
      unhelpful.put("/some/path/isolation.js", "addEventListener('fetch', () => {});");
      const { page, seen } = await open();
      await page.goto(`${unhelpful.url}/some/path/`);
      await expect.poll(() => seen.loads).toBe(2);
      expect(await train(page)).toBe(1);
      expect(seen.loads).toBe(2);
      await page.context().close();
      await unhelpful.close();
    },
    PATIENCE,
  );

  test(
    "leads to the documentation where it is",
    async () => {
      const { page } = await openIsolated();
      await page.getByRole("link", { name: "Docs" }).click();
      await expect.poll(() => page.title()).toBe("The documentation");
      await page.context().close();
    },
    PATIENCE,
  );
});
