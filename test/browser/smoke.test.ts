// The library in a real browser.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeInBrowser, launch } from "./support/chromium.ts";
import { type OpenPage, openPage } from "./support/page.ts";

describeInBrowser("the library in a page", () => {
  let browser: Browser;
  let page: OpenPage<typeof import("./pages/smoke.ts")>;
  beforeAll(async () => {
    browser = await launch();
    page = await openPage(browser, "smoke", { isolated: false });
  });
  afterAll(() => browser?.close());

  test("computes gradients", async () => {
    expect(await page.call.square([1, 2, 3])).toEqual([2, 4, 6]);
    expect(page.printed).toEqual([]);
  });
});
