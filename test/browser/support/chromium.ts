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

/** Gives pages a GPU that the processor plays. */
export const SOFTWARE_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** The caller closes it. */
export function launch(more: readonly string[] = []): Promise<Browser> {
  // The sandbox needs rights that containers seldom give; pages here are the tests' own.
  return chromium.launch({
    ...(executable !== undefined && { executablePath: executable }),
    args: ["--no-sandbox", ...more],
  });
}
