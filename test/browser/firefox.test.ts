// Training in Firefox, which nothing drives: its page sends back what came out.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { Trainer } from "../../src/index.ts";
import { isInstalled, openInBrowser } from "../support/browser_process.ts";
import { openSite } from "../support/site.ts";
import { trainingOptions } from "../support/small_training.ts";
import { bundleFile } from "./support/page.ts";

/** What the page's functions give, called one after the other. */
async function inFirefox(isolated: boolean, code: string, calls: string): Promise<unknown> {
  let answer: (text: string) => void = () => {};
  const answered = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const site = await openSite({ isolated, onPost: answer });
  site.put("/page.js", code);
  site.put(
    "/index.html",
    `<!doctype html><meta charset="utf-8"><script type="module">
      const send = (result) => fetch("/result", { method: "POST", body: JSON.stringify(result) });
      try {
        const page = await import("./page.js");
        await send(await (async () => { ${calls} })());
      } catch (error) {
        await send(String(error));
      }
    </script>`,
  );
  const close = openInBrowser("Firefox", `${site.url}/`);
  try {
    const result: unknown = JSON.parse(await answered);
    return result;
  } finally {
    close();
    await site.close();
  }
}

describe.skipIf(!isInstalled("Firefox"))("training in Firefox (skipped where it is not installed)", () => {
  let code: string;
  let losses: number[];
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), "imago-firefox-"));
    const trainer = new Trainer({ ...trainingOptions(join(folder, "run")), threads: 2 });
    losses = [];
    for await (const { loss } of trainer.run()) losses.push(loss);
    code = await bundleFile({ page: "test/browser/pages/training.ts" });
    await rm(folder, { recursive: true, force: true });
  });

  test.each([
    ["isolated, with threads", true],
    ["not isolated, on one thread", false],
  ])("stops, goes on and draws, %s", async (_, isolated) => {
    const result = await inFirefox(
      isolated,
      code,
      `const begun = await page.train("/runs/one", { stopAfter: 7 });
      const rest = await page.train("/runs/one", { resume: true });
      const [image] = await page.draw("/runs/one");
      return { isolated: page.isIsolated(), losses: [...begun, ...rest], values: image.length };`,
    );
    expect(result).toEqual({ isolated, losses, values: 16 * 16 * 3 });
  });
});
