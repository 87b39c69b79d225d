// How Imago is bundled for browsers: everything in it, the browser's platform, the threads' module as text.

import type { InlineConfig } from "tsdown";
import { threadText } from "./thread_text.ts";

/** Modules that share their parts. @param entry by the names of their bundles */
export const browserModules = (entry: Record<string, string>): InlineConfig => ({
  entry,
  format: "esm",
  platform: "browser",
  target: "es2023",
  deps: { alwaysBundle: [/./], onlyBundle: false },
  plugins: [threadText("browser")],
  fixedExtension: false,
});

/** One file. @param entry a module, by the name of its bundle */
export const browserFile = (entry: Record<string, string>): InlineConfig => ({
  ...browserModules(entry),
  outputOptions: { codeSplitting: false },
});
