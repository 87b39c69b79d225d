// A real Chromium, driven by Playwright. Tests that need one are skipped by name where there is none.

import { type Browser, chromium } from "playwright-core";
import { describe } from "vitest";
import { placeOf } from "../../support/browser_process.ts";

const executable = placeOf("Chromium");

/** A group of tests in Chromium; skipped where there is none. */
export const describeInBrowser = (name: string, tests: () => void): void => {
  if (executable === undefined) describe.skip(`${name} (skipped: no Chromium; set IMAGO_CHROMIUM)`, tests);
  else describe(name, tests);
};

/** The caller closes it. */
export function launch(): Promise<Browser> {
  // The sandbox needs rights that containers seldom give; pages here are the tests' own.
  return chromium.launch({
    ...(executable !== undefined && { executablePath: executable }),
    args: ["--no-sandbox"],
  });
}
