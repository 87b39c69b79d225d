// The Hub asked by a page, which is of another origin than the Hub.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { HubServer, LARGE, TOKEN } from "../io/hub_server.ts";
import { describeInBrowser, launch } from "./support/chromium.ts";
import { type OpenPage, openPage } from "./support/page.ts";

describeInBrowser("the Hub from a page", () => {
  const hub = new HubServer();
  const large = "0123456789".repeat(LARGE / 5);
  let browser: Browser;
  let page: OpenPage<typeof import("./pages/hub.ts")>;
  beforeAll(async () => {
    await hub.start();
    const more = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`more/${i}.txt`, `${i}`]));
    hub.add("me/open", { "config.json": "{}", "large.bin": large, ...more });
    hub.add("me/closed", { "config.json": "{}" }, { isPrivate: true });
    browser = await launch();
    page = await openPage(browser, "hub", { isolated: true });
  });
  beforeEach(() => hub.forget());
  afterAll(async () => {
    await browser?.close();
    await page?.site.close();
    await hub.stop();
  });

  test("lists a repository, page after page, without asking for permission first", async () => {
    const files = await page.call.list(hub.endpoint, "me/open");
    if (typeof files === "string") throw new Error(files);
    expect(files.map(({ path, size }) => [path, size])).toHaveLength(9);
    expect(files.find(({ path }) => path === "large.bin")).toMatchObject({ size: large.length });
    expect(hub.asked.map(({ method }) => method)).toEqual(Array(5).fill("GET"));
  });

  test("goes on in the middle of a file, on the Hub's second host", async () => {
    expect(await page.call.textFrom(hub.endpoint, "me/open", "large.bin", large.length - 4)).toEqual([
      `bytes ${large.length - 4}-${large.length - 1}/${large.length}`,
      "6789",
    ]);
    expect(hub.asked.map(({ host, method, range }) => `${host} ${method} ${range}`)).toEqual([
      `hub GET bytes=${large.length - 4}-`,
      `cdn GET bytes=${large.length - 4}-`,
    ]);
  });

  test("shows its token to the Hub only", async () => {
    expect(await page.call.list(hub.endpoint, "me/closed")).toMatch(
      /there is no such repository, or it is private/,
    );
    expect(await page.call.list(hub.endpoint, "me/closed", TOKEN)).toHaveLength(1);
    hub.forget();
    await page.call.textFrom(hub.endpoint, "me/open", "large.bin", 1, TOKEN);
    const told = hub.asked.filter(({ authorization }) => authorization !== undefined);
    expect(told.map(({ host, method }) => `${host} ${method}`)).toEqual(["hub GET"]);
  });

  test("tries again when the Hub fails for a moment, and says so when it cannot be reached", async () => {
    hub.failures.push(503, 503);
    expect(await page.call.list(hub.endpoint, "me/open")).toHaveLength(9);
    const nowhere = "http://127.0.0.1:9";
    expect(await page.call.list(nowhere, "me/open")).toBe(
      "HubError: me/open: 127.0.0.1:9 cannot be reached (Failed to fetch); check the network",
    );
  });
});
