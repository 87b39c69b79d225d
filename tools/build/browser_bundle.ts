// How Imago is bundled for browsers: everything in it, the browser's platform, the threads' module as text.

import type { InlineConfig } from "tsdown";
import { threadText } from "./thread_text.ts";

/** One file. @param entry a module, by the name of its bundle */
export const browserBundle = (entry: Record<string, string>): InlineConfig => ({
  entry,
  outputOptions: { codeSplitting: false },
  format: "esm",
  platform: "browser",
  target: "es2023",
  deps: { alwaysBundle: [/./], onlyBundle: false },
  plugins: [threadText("browser")],
  fixedExtension: false,
});
