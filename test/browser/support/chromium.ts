// A real Chromium, driven by Playwright. Tests that need one are skipped by name where there is none.

import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import { describe } from "vitest";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** IMAGO_CHROMIUM, or where Linux distributions put it. */
const executable = process.env.IMAGO_CHROMIUM ?? PLACES.find((path) => existsSync(path));

// Where a browser is part of the machine, tests that did not run must not pass unseen.
if (executable === undefined && process.env.IMAGO_NEEDS_BROWSER === "1") {
  throw new Error("IMAGO_NEEDS_BROWSER is set, but there is no Chromium; set IMAGO_CHROMIUM to its path");
}

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
