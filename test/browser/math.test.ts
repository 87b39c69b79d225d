// Elementary functions have the same bits in a real browser.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HASHES } from "../engine/math_hashes.ts";
import { describeInBrowser, launch } from "./support/chromium.ts";
import { type OpenPage, openPage } from "./support/page.ts";

describeInBrowser("elementary functions in a page", () => {
  let browser: Browser;
  let page: OpenPage<typeof import("./pages/math.ts")>;
  beforeAll(async () => {
    browser = await launch();
    page = await openPage(browser, "math", { isolated: false });
  });
  afterAll(async () => {
    await browser?.close();
    await page?.site.close();
  });

  test("give the bits that they give in Node", async () => {
    expect(await page.call.hashes()).toEqual(HASHES);
  });
});
