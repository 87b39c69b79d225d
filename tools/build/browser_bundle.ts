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
  // Left out where nothing uses it, though it runs code when it is loaded: a decoder of brotli, with a dictionary that weighs
  // a quarter of all the rest, and the hashes that the Hub's library needs to upload.
  treeshake: {
    moduleSideEffects: [{ test: /[/\\](?:hyparquet-compressors|@huggingface)[/\\]/, sideEffects: false }],
  },
  plugins: [threadText("browser")],
  fixedExtension: false,
});

/** One file. @param entry a module, by the name of its bundle */
export const browserFile = (entry: Record<string, string>): InlineConfig => ({
  ...browserModules(entry),
  outputOptions: { codeSplitting: false },
});
