// Pages that run a module of test/browser/pages with Imago in it, and call its functions.

import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { build } from "tsdown";
import { browserFile } from "../../../tools/build/browser_bundle.ts";
import { openSite, type Site } from "../../support/site.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** A bundle of one file, as text. @param entry a module, by any name */
export async function bundleFile(
  entry: Record<string, string>,
  { minify = false }: { readonly minify?: boolean } = {},
): Promise<string> {
  const [bundle] = await build({
    ...browserFile(entry),
    config: false,
    cwd: root,
    write: false,
    minify,
    dts: false,
    logLevel: "silent",
  });
  const [chunk] = bundle.chunks.filter((chunk) => chunk.type === "chunk");
  return chunk.code;
}

/** The functions of a page's module, called from here: arguments and results are copied. */
export type Remote<Module> = {
  readonly [Name in keyof Module]: Module[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

export interface OpenPage<Module> {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly site: Site;
  readonly call: Remote<Module>;
  /** What the page printed and the errors that it did not catch. */
  readonly printed: readonly string[];
  /** Loads the page again: what is in memory is lost, what is in its file system stays. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

export interface PageOptions {
  /** Whether the page may share memory between threads. */
  readonly isolated: boolean;
  /** A folder whose files the page may fetch. */
  readonly folder?: string;
}

/** What Chromium prints by itself when a page looks for a GPU and there is none. */
const NO_GPU = "No available adapters.";

/**
 * Opens a page in a profile of its own.
 * @param name of a file in test/browser/pages, without ".ts"; give its module's type as `Module`
 */
export async function openPage<Module>(
  browser: Browser,
  name: string,
  { isolated, folder }: PageOptions,
): Promise<OpenPage<Module>> {
  const site = await openSite({ isolated, ...(folder !== undefined && { folder }) });
  site.put("/page.js", await bundleFile({ page: `test/browser/pages/${name}.ts` }));
  site.put(
    "/index.html",
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Imago</title><script type="module">globalThis.tested = import("./page.js");</script>',
  );
  const context = await browser.newContext();
  const page = await context.newPage();
  const printed: string[] = [];
  page.on("console", (message) => {
    if (message.text() !== NO_GPU) printed.push(message.text());
  });
  page.on("pageerror", (error) => printed.push(String(error)));
  const load = async (): Promise<void> => {
    await page.goto(site.url);
    // An error of the module itself is thrown here.
    await page.evaluate(async () => void (await Reflect.get(globalThis, "tested")));
  };
  await load();
  const call = new Proxy(Object.create(null), {
    get:
      (_, key) =>
      (...args: unknown[]) =>
        page.evaluate(
          async ([key, args]) => Reflect.get(await Reflect.get(globalThis, "tested"), key)(...args),
          [String(key), args] as const,
        ),
  });
  return {
    page,
    context,
    site,
    call,
    printed,
    reload: load,
    async close() {
      await context.close();
      await site.close();
    },
  };
}
