// Locks and marks of pages and workers of one site.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeInBrowser, launch } from "./support/chromium.ts";
import { type OpenPage, openPage } from "./support/page.ts";

describeInBrowser("the locks of pages", () => {
  let browser: Browser;
  let page: OpenPage<typeof import("./pages/files.ts")>;
  beforeAll(async () => {
    browser = await launch();
    page = await openPage(browser, "files", { isolated: false });
  });
  afterAll(() => browser?.close());

  /** Another page of the same site, with the same files. */
  async function another(): Promise<Page> {
    const other = await page.context.newPage();
    await other.goto(page.site.url);
    await other.evaluate(async () => void (await Reflect.get(globalThis, "tested")));
    return other;
  }
  const inPage = (other: Page, name: string, ...args: unknown[]): Promise<unknown> =>
    other.evaluate(
      async ([name, args]) => Reflect.get(await Reflect.get(globalThis, "tested"), name)(...args),
      [name, args] as const,
    );
  const HELD = { holder: expect.stringMatching(/^the page "Imago" at http:\/\/127\.0\.0\.1:\d+\/, since /) };

  test("one page at a time, and one lock in a page; who holds it is told; a closed page holds nothing", async () => {
    const { call } = page;
    const other = await another();
    expect(await inPage(other, "lock", "a", "/one", 0)).toBe(null);
    expect(await call.lock("b", "/one", 0)).toEqual(HELD);
    expect(await call.lock("b", "/one", 50)).toEqual(HELD);
    expect(await inPage(other, "lock", "b", "/one", 0)).toEqual(HELD);
    expect(await call.lock("c", "/two", 0)).toBe(null);
    expect([await inPage(other, "loss", "a"), await call.loss("b")]).toEqual([null, "missing"]);
    const waiting = call.lock("d", "/one", 20_000);
    await other.close();
    expect(await waiting).toBe(null);
    expect(await call.loss("d")).toBe(null);
    await call.unlock("d");
    expect(await call.list("/one")).toEqual([]);
    await call.unlock("c");
  });

  test("a worker and its page, too", async () => {
    const { call } = page;
    expect(await call.inWorker("lock", "a", "/w", 0)).toBe(null);
    expect(await call.lock("b", "/w", 0)).toEqual({
      holder: expect.stringMatching(/^a worker of http:\/\/127/),
    });
    await call.endWorker();
    expect(await call.lock("b", "/w", 20_000)).toBe(null);
    await call.unlock("b");
  });

  test.each([
    ["removed", () => page.call.removeAll("/l"), "removed"],
    ["emptied", () => page.call.remove("/l/.lock"), "missing"],
    ["written over", () => page.call.write("/l/.lock", '{"who":"me","token":"0"}'), "taken"],
    ["stolen", () => page.call.steal("imago: lock /l/.lock"), "taken"],
  ])("who holds a folder that was %s is told so, and leaves it alone", async (_, change, loss) => {
    const { call } = page;
    await call.lock("a", "/l", 0);
    expect(await call.loss("a")).toBe(null);
    await change();
    expect(await call.loss("a")).toBe(loss);
    const before = (await call.exists("/l")) ? await call.tree("/l") : undefined;
    await call.unlock("a");
    expect((await call.exists("/l")) ? await call.tree("/l") : undefined).toEqual(before);
    expect(await call.lock("b", "/l", 0)).toBe(null);
    await call.unlock("b");
  });

  test("a mark is alive as long as its page or worker, and gone for certain after it", async () => {
    const { call } = page;
    const other = await another();
    const theirs = String(await inPage(other, "mark"));
    const workers = String(await call.inWorker("mark"));
    const own = await call.mark();
    expect(await call.mark()).toBe(own);
    expect(new Set([own, theirs, workers]).size).toBe(3);
    for (const mark of [own, theirs, workers]) {
      expect(mark).toMatch(/^[\w-]+$/);
      expect([await call.stateOf(mark), await inPage(other, "stateOf", mark)]).toEqual(["alive", "alive"]);
    }
    await other.close();
    await call.endWorker();
    await expect.poll(() => call.stateOf(theirs)).toBe("gone");
    await expect.poll(() => call.stateOf(workers)).toBe("gone");
    expect(await call.stateOf("12ab-12-12ab")).toBe("unknown");
    await page.reload();
    await expect.poll(() => call.stateOf(own)).toBe("gone");
  });

  test("a replacement of a page that lives is waited for, not done again", async () => {
    const { call } = page;
    await call.replaceDir("/r/run", { a: "old" });
    await call.pauseMoves();
    const replacing = call.replaceDir("/r/run", { a: "new", b: "new" });
    await expect.poll(() => call.list("/r")).toHaveLength(3);
    const other = await another();
    const waiting = inPage(other, "replacementOf", "/r/run");
    await call.resumeMoves();
    expect([await replacing, await waiting]).toEqual([undefined, "/r/run"]);
    expect(await inPage(other, "tree", "/r")).toEqual({ "run/a": "new", "run/b": "new" });
    await other.close();
  });
});
