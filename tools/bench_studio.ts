// How quick the studio's page is: the time from the click on "train" to the first step, and how long clicks take to be
// answered while the tab trains.
//
//   npm run build:studio && npm run bench:studio
//   npm run bench:studio -- --preset quick --clicks 60
//
// It needs Chromium, and runs the built page from a server of its own. Other work on the machine spoils the numbers.

import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { chromium, type Page } from "playwright-core";
import { placeOf } from "../test/support/browser_process.ts";
import { openSite } from "../test/support/site.ts";
import { count, toolPath } from "./bench_runs.ts";

/** Milliseconds. */
const PATIENCE = 120_000;

/** Text, because only browsers know these entries. */
const OBSERVE = `
  globalThis.durations = [];
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) if (name === "click") durations.push(duration);
  }).observe({ type: "event", durationThreshold: 16 });`;

const { values: given } = parseArgs({
  options: {
    preset: { type: "string", default: "quick" },
    clicks: { type: "string", default: "40" },
  },
});
const clicks = count("--clicks", given.clicks);
const folder = toolPath("../dist/studio");
if (!existsSync(`${folder}/index.html`)) throw new Error("the page is not built; run npm run build:studio");
const executablePath = placeOf("Chromium");
if (executablePath === undefined) throw new Error("there is no Chromium; install it, or set IMAGO_CHROMIUM");

const site = await openSite({ isolated: true, folder });
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(`${site.url}/index.html#train`);
  await page.getByLabel("preset").selectOption(given.preset);
  await page.getByLabel("computes on").selectOption("wasm");
  const begun = performance.now();
  await page.getByRole("button", { name: "train" }).click();
  await page
    .getByText(/^step [1-9]\d* of/)
    .first()
    .waitFor();
  const first = (performance.now() - begun) / 1000;
  const durations = await answered(page, clicks);
  await page.goto("about:blank");
  const share = durations.filter((duration) => duration <= 100).length / durations.length;
  console.log(`${given.preset}: ${first.toFixed(1)} s from the click to the first step`);
  console.log(
    `${durations.length} clicks while it trains: median ${median(durations)} ms, longest ${Math.max(...durations)} ms, ${Math.round(100 * share)} % within 100 ms`,
  );
} finally {
  await browser.close();
  await site.close();
}

/**
 * Clicks through the views.
 * @returns how long each click took until the page was painted anew (milliseconds, in steps of 8)
 */
async function answered(page: Page, clicks: number): Promise<number[]> {
  await page.evaluate(OBSERVE);
  const views = ["Runs", "Draw", "Learn", "Train"];
  for (let i = 0; i < clicks; i++) {
    await page
      .getByRole("navigation")
      .getByRole("link", { name: views[i % views.length] })
      .click();
  }
  // The last entries come after the frame.
  await page.waitForTimeout(1000);
  const seen = await page.evaluate(() => Reflect.get(globalThis, "durations"));
  if (!Array.isArray(seen)) throw new Error("the page kept no times");
  // Shorter ones are not told of: they took 8 ms.
  const long = seen.map(Number);
  return [...long, ...Array.from({ length: Math.max(0, clicks - long.length) }, () => 8)];
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
