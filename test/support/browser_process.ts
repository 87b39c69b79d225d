// Browsers as they are installed, opened at an address, without anything that drives them.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BROWSERS = {
  Chromium: {
    places: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"],
    // The sandbox needs rights that containers seldom give; pages here are our own.
    args: ["--headless", "--no-sandbox", "--no-first-run"],
    profile: (folder: string) => [`--user-data-dir=${folder}`],
  },
  Firefox: {
    places: ["/usr/bin/firefox-esr", "/usr/bin/firefox"],
    args: ["--headless", "--no-remote"],
    profile: (folder: string) => ["--profile", folder],
  },
} as const;

export type BrowserName = keyof typeof BROWSERS;
export const BROWSER_NAMES: readonly BrowserName[] = ["Chromium", "Firefox"];

/**
 * The browser's path: IMAGO_CHROMIUM, or where Linux distributions put it; undefined where it is not installed.
 * @throws Error where it must be (IMAGO_NEEDS_BROWSER): tests that did not run must not pass unseen
 */
export function placeOf(name: BrowserName): string | undefined {
  const given = name === "Chromium" ? process.env.IMAGO_CHROMIUM : undefined;
  const place = given ?? BROWSERS[name].places.find((path) => existsSync(path));
  if (place === undefined && process.env.IMAGO_NEEDS_BROWSER === "1") {
    throw new Error(`IMAGO_NEEDS_BROWSER is set, but ${name} is not installed`);
  }
  return place;
}

export const isInstalled = (name: BrowserName): boolean => placeOf(name) !== undefined;

/** Opens an address in a fresh profile. @returns ends the browser, and removes the profile */
export function openInBrowser(name: BrowserName, url: string): () => void {
  const place = placeOf(name);
  if (place === undefined) throw new Error(`${name} is not installed`);
  const { args, profile } = BROWSERS[name];
  const folder = mkdtempSync(join(tmpdir(), "imago-profile-"));
  const child = spawn(place, [...args, ...profile(folder), url], { stdio: "ignore", detached: true });
  return () => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  };
}
